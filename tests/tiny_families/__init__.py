"""Tiny checkpoints of twelve families, and one suite for all of them."""
