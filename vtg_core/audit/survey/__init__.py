"""What an annotation file holds: counts, distributions, what guessing scores; and what of it can be mended."""
