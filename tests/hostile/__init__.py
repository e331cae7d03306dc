"""Files that lie, that fill a machine, or that never end: made by script, and given to the real readers."""
