"""Every code that an audit can give, by name."""

from vtg_core.audit import answer, batch, collators, fuzz, length, mask, parity, run, stop, time
from vtg_core.audit.findings import Code

CODES: dict[str, Code] = {
    code.name: code
    for family in (mask, stop, parity, length, time, answer, batch, run, collators, fuzz)
    for code in family.CODES
}
"""Those of a row first, family by family."""
