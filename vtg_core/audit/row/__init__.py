"""One row of a batch as the audit reads it: its ids, turns, videos, and what independent readings say of them."""
