"""``python -m vtg_core``: a file for each command, and how they print."""
