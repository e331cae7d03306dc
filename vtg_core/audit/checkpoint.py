"""What is to be known of a checkpoint before any row: its template's parity, and what it tells a model of time."""

from collections.abc import Iterator

from vtg_core.audit.codes.prompt import HEADER, JOINED, UNSTABLE
from vtg_core.audit.codes.times import UNTOLD
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.videos import probe_outputs
from vtg_core.chat.parity import judge_template
from vtg_core.errors import MaskingError
from vtg_core.masking.told_times import TimeTold, told_times


def checkpoint_findings(chat: ChatIds) -> Iterator[Finding]:
    """Yield what holds for every row that is made with a checkpoint."""
    try:
        verdict = judge_template(chat.processor)
    except MaskingError:
        return  # every row will say so
    if verdict.written:
        yield HEADER.finding(
            f"In training {verdict.written!r} stands before an answer, and the generation prompt ends in {verdict.asked!r}."
        )
    if verdict.joined:
        yield JOINED.finding(
            f"The generation prompt ends in {verdict.joined!r}, and in training the first token behind it holds that too."
        )
    if verdict.unstable:
        roles = ", ".join(map(str, verdict.unstable))
        yield UNSTABLE.finding(
            f"A conversation of {roles} does not begin with what the template wrote for the same without its last turn."
        )
    try:
        outputs = probe_outputs(chat)
    except (
        Exception
    ):  # a processor is another project's code and may refuse in any way: every row will say so
        return
    told = told_times(outputs, chat.processor)
    if told.how in (TimeTold.NOTHING, TimeTold.ORDER):
        only = " but the order of its frames" if told.how is TimeTold.ORDER else ""
        yield UNTOLD.finding(f"{type(chat.processor).__name__} tells the model no time at all{only}.")
