"""Other people's training frameworks as they are installed: `make test-frameworks` installs them."""

import json

import pytest

from vtg_core import VideoTemporalSFTDataset
from vtg_core.files.assets import asset_folder
from vtg_core.video.plan import FramePolicy


def pytest_collection_modifyitems(items):
    for item in items:
        if "frameworks" in item.path.parts:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.filterwarnings("default"))  # what they warn of is theirs


@pytest.fixture(scope="session")
def dataset():
    return VideoTemporalSFTDataset(
        asset_folder() / "demo_annotations.json", frames=FramePolicy(num_frames=4), template_seed=0
    )


@pytest.fixture(scope="session")
def rows():
    """The rows of the demo's annotation file, each with the path of its video."""
    rows = json.loads((asset_folder() / "demo_annotations.json").read_text())
    return [{**row, "video": str(asset_folder() / row["video"])} for row in rows]
