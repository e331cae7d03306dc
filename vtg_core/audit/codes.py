"""Every code that an audit can give, by name."""

from vtg_core.audit import run
from vtg_core.audit.batch import rows as batch
from vtg_core.audit.checks import answer, length, mask, stop
from vtg_core.audit.checks import prompt as parity
from vtg_core.audit.checks import times as time
from vtg_core.audit.findings import Code
from vtg_core.audit.foreign import collators, fuzz

CODES: dict[str, Code] = {
    code.name: code
    for family in (mask, stop, parity, length, time, answer, batch, run, collators, fuzz)
    for code in family.CODES
}
"""Those of a row first, family by family."""
