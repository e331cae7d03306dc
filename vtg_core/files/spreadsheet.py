"""The texts of a CSV that may be opened in a spreadsheet: none of them is run, and each comes back as it was."""

GUARDED = ("'", "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that begins so may be run as a formula, or is one that is guarded.

The apostrophe itself is among them, so that a text which begins with one is not taken for a guarded one.

Source: OWASP, "CSV Injection".
"""


def guarded(text: str) -> str:
    """Return a text as a cell that a spreadsheet shows and never runs; :func:`unguarded` gives the text back."""
    return f"'{text}" if text.startswith(GUARDED) else text


def unguarded(cell: str) -> str:
    """Return the text that :func:`guarded` made a cell of."""
    return cell[1:] if cell.startswith("'") else cell
