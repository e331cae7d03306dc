"""A failing input of a collator, written as a test that a person can paste into their own project."""

import re
from collections.abc import Sequence
from pprint import pformat

from vtg_core.audit.foreign.collators import foreign_sample
from vtg_core.audit.foreign.fuzz_cases import Case


def test_code(collator: str, case: Case, expected: Sequence[str], checkpoint: str) -> str:
    """Return Python code: a module with one test, which fails for as long as ``collator`` does.

    Args:
        collator: ``package.module:name``.
        case: the input.
        expected: what should be trained, one text a turn.
        checkpoint: the name of the checkpoint.
    """
    num_frames, height, width, _ = case.video.frames.shape
    samples = ["sample_of(MESSAGES)"]
    texts = ["MESSAGES = " + _literal(case.messages)]
    if case.partner is not None:
        samples.append("sample_of(PARTNER)")
        texts.append("PARTNER = " + _literal(case.partner.messages))
    fields = foreign_sample(case.sample)
    others = {name: fields[name] for name in ("query", "windows", "duration", "answer", "mode", "template")}
    accepted = [list(expected)] if len(expected) == 1 else [list(expected), list(expected[-1:])]
    return _CODE.format(
        texts="\n".join(texts),
        others=_literal(others),
        accepted=_literal(accepted),
        name=re.sub(r"\W+", "_", case.name.lower()).strip("_"),
        path=str(case.video.info.path),
        num_frames=num_frames,
        max_pixels=height * width,
        checkpoint=checkpoint,
        collator=collator,
        samples=", ".join(samples),
        side=case.padding_side,
    )


def _literal(value: object) -> str:
    return pformat(value, width=100, sort_dicts=False)


_CODE = """\
from vtg_core.audit.foreign.fuzz import supervised_texts
from vtg_core.checkpoints import load_processor
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames

{texts}
OTHER_FIELDS = {others}
ACCEPTED = {accepted}


def sample_of(messages):
    video = sample_frames({path!r}, FramePolicy(num_frames={num_frames}, max_pixels={max_pixels}))
    frames = {{"videos": [video.frames], "video_metadata": [video.metadata], "timestamps": [list(video.timestamps)]}}
    return {{"messages": messages, **frames, **OTHER_FIELDS}}


def test_what_is_trained_does_not_change_with_{name}():
    processor = load_processor({checkpoint!r})
    samples = [{samples}]
    trained = supervised_texts({collator!r}, samples, processor, padding_side={side!r})
    assert trained in ACCEPTED
"""
