"""``python -m vtg_core data``: what an annotation file holds."""
