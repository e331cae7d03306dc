"""What the page computes of a whole annotation file, whatever sample is on screen."""
