"""``vtg-lens templates``: what templates cost in each language, and new ones from a language model."""
