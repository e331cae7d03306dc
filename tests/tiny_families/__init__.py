"""Tiny checkpoints of the families, and one suite for all of them."""
