"""A survey of a file in parts."""
