"""A conversation as text: what the chat template writes, and which characters are what. No ids, no video."""
