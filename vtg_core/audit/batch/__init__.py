"""A batch as the audit reads it: its arrays, rows, columns and videos, from a collator or from a file."""
