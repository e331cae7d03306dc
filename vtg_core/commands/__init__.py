"""The terminal: how the program starts, a file for each command, and how they print. No mask and no loss is made here."""
