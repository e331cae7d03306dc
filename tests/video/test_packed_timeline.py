"""A timeline that was packed is the same one again."""

import pytest

from tests.conftest import ASSETS
from vtg_core.video.packed_timeline import pack, unpack
from vtg_core.video.timeline import read_timeline


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.mp4")), ids=lambda path: path.stem)
def test_a_packed_timeline_is_the_same_again(path):
    timeline = read_timeline(path)
    assert unpack(path, pack(timeline)) == timeline
    assert len(pack(timeline)) < 1_000


def test_what_is_no_timeline_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no timeline"):
        unpack(tmp_path / "a.mp4", b"something else")
