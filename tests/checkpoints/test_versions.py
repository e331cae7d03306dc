"""Which versions of transformers are worked with."""

import re
from pathlib import Path

import pytest

from vtg_core.checkpoints.versions import BELOW, OLDEST, check_versions
from vtg_core.errors import CheckpointError

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("version", ["5.20.0", "5.24.1", "5.99.0.dev0"])
def test_a_version_within_the_bounds_is_welcome(version):
    check_versions(version)
    check_versions()


@pytest.mark.parametrize("version", ["4.57.6", "5.19.9", "6.0.0", "6.0.0.dev0"])
def test_another_version_is_refused_in_a_sentence(version):
    said = rf"^transformers must be 5\.20 or newer and older than 6, got {re.escape(version)}; install .* audit --batch$"
    with pytest.raises(CheckpointError, match=said):
        check_versions(version)


def test_the_bounds_are_those_of_the_requirements():
    bounds = f"transformers>={'.'.join(map(str, OLDEST))},<{BELOW[0]} "
    assert bounds in (ROOT / "requirements.txt").read_text(encoding="utf-8")
