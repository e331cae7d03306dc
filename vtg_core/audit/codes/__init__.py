"""Every code that an audit can give, with why it matters and what to do: one file for each family. No check is here."""

from vtg_core.audit.codes import answer, audit, batch, collator, fuzz, length, mask, prompt, stop, times
from vtg_core.audit.findings import Code

CODES: dict[str, Code] = {
    code.name: code
    for family in (mask, stop, prompt, length, times, answer, batch, audit, collator, fuzz)
    for code in family.CODES
}
"""Those of a row first, family by family."""
