"""The terminal's commands about training runs."""
