"""Where our own files lie, and how results are written: whole or not at all, and as cells that no spreadsheet runs."""
