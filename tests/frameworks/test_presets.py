"""The presets of ``--collator`` on the demo, with whatever versions are installed."""

from importlib.util import find_spec

import pytest

from tests.frameworks.scoreboard import RUNS, audited

OF_QWEN = {
    "parity.system-differs",
    "parity.thinking-prefix",
    "mask.newline-trained",
    "time.window-without-frame",
}
"""What may be found without a mask being wrong: a policy, or another prompt than the demo's."""


def needs(package):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


@pytest.mark.parametrize("run", [run for run in RUNS if run.name not in ("trl:messages", "trl:prompt-completion", "trl:assistant-only")], ids=str)  # fmt: skip
def test_a_framework_that_masks_well_has_no_error(run):
    needs(run.preset.package or "torch")
    found = audited(run)
    assert {finding.code for finding in found.findings if finding.severity == "error"} == set()
    assert {finding.code for finding in found.findings} <= OF_QWEN
    assert found.num_audited == 4


def test_trl_trains_whole_conversations():
    needs("trl")
    [run] = [run for run in RUNS if (run.name, run.checkpoint) == ("trl:messages", "demo")]
    assert "mask.nothing-masked" in {finding.code for finding in audited(run).findings}


@pytest.mark.parametrize("name", ["trl:prompt-completion", "trl:assistant-only"])
def test_trl_refuses_what_it_cannot_do_with_a_video(name):
    needs("trl")
    [run] = [run for run in RUNS if (run.name, run.checkpoint) == (name, "demo")]
    assert [finding.code for finding in audited(run).findings] == ["collator.raises"]
