"""The bugs that a mask can have, each made on purpose in a good row, to show what the audit says of it."""
