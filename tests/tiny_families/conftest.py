"""Each family's folder, processor and model: built once for a run."""

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import pytest

from tests.tiny_families.expected import EXPECTED, Expected
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.checkpoints.loading import Checkpoint, load_checkpoint, load_model
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.collator import SFTCollator
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames


@dataclass(frozen=True, eq=False)
class TinyFamily:
    """A family's checkpoint, and what is expected of it."""

    key: str
    expected: Expected
    folder: Any
    checkpoint: Checkpoint

    @cached_property
    def processor(self):
        return process_videos_once(self.checkpoint.processor)

    @cached_property
    def tokenizer(self):
        return self.checkpoint.processor.tokenizer

    @cached_property
    def collator(self):
        return SFTCollator(self.processor)

    @cached_property
    def chat(self):
        return ChatIds.of(self.checkpoint.processor, self.checkpoint.stop_ids)

    @cached_property
    def model(self):
        return load_model(self.folder, device="cpu", dtype="float32")

    @cached_property
    def thought_end(self):
        """The id that ends what is thought; None where there is none."""
        return self.tokenizer.get_vocab().get("</think>")

    def decode(self, ids):
        return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


@pytest.fixture(scope="module", params=EXPECTED)
def family(request, tmp_path_factory):
    expected = EXPECTED[request.param]
    if expected.needs and find_spec(expected.needs) is None:
        pytest.skip(f"{expected.name}'s processor needs {expected.needs}, see requirements-dev.txt")
    from tests.tiny_families.folders import write_folder
    from tests.tiny_families.later_folders import ALL_BUILDERS

    folder = write_folder(ALL_BUILDERS[request.param], tmp_path_factory.mktemp(request.param))
    change = TemplateChange(end_of_turn=expected.end_of_turn)
    return TinyFamily(request.param, expected, folder, load_checkpoint(folder, template=change))


@pytest.fixture(scope="module")
def clip(user_cache):
    """Four small frames, whose times are no whole seconds."""
    from tests.conftest import ASSETS

    return sample_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=4, max_pixels=20_000))


@pytest.fixture(scope="module")
def other_clip(user_cache):
    """Six frames of another clip."""
    from tests.conftest import ASSETS

    return sample_frames(ASSETS / "two_events.mp4", FramePolicy(num_frames=6, max_pixels=20_000))
