"""The presets of ``--collator`` on the demo, with whatever versions are installed."""

from importlib.util import find_spec

import pytest

from tests.frameworks.scoreboard import RUNS, Run, audited

OF_QWEN = {
    "parity.system-differs",
    "parity.thinking-prefix",
    "mask.newline-trained",
    "parity.processor-nests-markers",
    "time.window-without-frame",
}
"""What may be found without a mask being wrong: a policy, or another prompt than the demo's."""


TRAINS_MORE = {"trl:messages": "mask.nothing-masked", "unsloth": "mask.only-media-masked"}
REFUSES = ("trl:prompt-completion", "trl:assistant-only")
RIGHT = [run for run in RUNS if run.name not in (*TRAINS_MORE, *REFUSES)]


def report_of(run):
    package = run.preset.package
    if package and find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    return audited(run)


def codes(report):
    return {finding.code for finding in report.findings}


@pytest.mark.parametrize("run", RIGHT, ids=str)
def test_a_framework_that_masks_well_has_no_error(run):
    report = report_of(run)
    assert codes(report) <= OF_QWEN
    assert report.num_audited == 2


@pytest.mark.parametrize("name", TRAINS_MORE)
def test_a_framework_that_trains_more_than_the_answer_is_told(name):
    assert TRAINS_MORE[name] in codes(report_of(Run(name, "demo")))


@pytest.mark.parametrize("name", REFUSES)
def test_trl_refuses_what_it_cannot_do_with_a_video(name):
    assert codes(report_of(Run(name, "demo"))) == {"collator.raises"}
