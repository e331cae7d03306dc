"""What an annotation file holds: its rows, read from any common format, and answers in any common form."""
