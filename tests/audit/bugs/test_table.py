"""Every bug in the table is a real one, and the audit names it; nothing is found where nothing is wrong."""

import pytest

from tests.audit.conftest import build_batch, sample_of
from vtg_core.audit.bugs.table import BUGS, break_sample
from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.codes import CODES
from vtg_core.audit.findings import Severity
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import scene_of
from vtg_core.audit.run import audit_saved
from vtg_core.checkpoints.loading import load_checkpoint
from vtg_core.data.answers import AnswerMode
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.templates import TEMPLATES

BAD = (Severity.ERROR, Severity.WARNING)
CASES = [
    (bug, mode)
    for bug in BUGS
    for mode in AnswerMode
    if (bug.name, mode) != ("tokens-split", AnswerMode.STANDARD)  # seconds have no tokens to split
]


def broken(name, processor, bug, video, mode):
    chat = ChatIds.of(process_videos_once(processor), load_checkpoint(name).stop_ids)
    sample = sample_of(video, mode=mode, template=4)
    batch, chat, known = break_sample(bug, sample.messages, [video], chat, scene_of(sample))
    return check_batch(batch, chat, known)


@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
@pytest.mark.parametrize(("bug", "mode"), CASES, ids=lambda value: getattr(value, "name", str(value)))
def test_the_audit_names_every_bug(bug, name, mode, processors_by_name, video):
    found = broken(name, processors_by_name[name], bug, video, mode).findings
    bad = {finding.code for finding in found if finding.severity in BAD}
    assert bad & set(bug.codes), sorted(bad)
    assert len(bad) <= 3, "one defect, one finding, and little echo"


def test_the_codes_that_bugs_promise_exist():
    assert {code for bug in BUGS for code in bug.codes} <= set(CODES)


def test_there_are_some_twenty_bugs_and_more_with_names_of_their_own():
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 20


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
def test_clean_samples_of_every_template_give_no_error_and_no_warning(
    name, side, processors_by_name, video, other_video
):
    processor = processors_by_name[name]
    for template in TEMPLATES:
        index = [t for t in TEMPLATES if t.mode is template.mode].index(template)
        samples = [sample_of(v, mode=template.mode, template=index) for v in (video, other_video)]
        good = build_batch(processor, samples, padding_side=side)
        chat = ChatIds.of(processor, load_checkpoint(name).stop_ids)
        found = list(check_batch(good.batch, chat, good.known).findings)
        found += [f for row in audit_saved(good.batch, chat) for f in row.findings]
        assert [f for f in found if f.severity in BAD] == [], (template.name, template.mode)


def test_every_code_has_a_name_of_its_family_a_reason_and_an_advice():
    for code in CODES.values():
        assert code.name.count(".") == 1
        assert all((code.title, code.why.endswith("."), code.fix.endswith("."))), code.name
