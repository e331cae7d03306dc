"""Good batches of the demo checkpoints, with all that is known of their samples; a test may change its copy."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from vtg_core.audit.batch.rows import rows_of
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import known_of, scene_of
from vtg_core.audit.row.row import Known, Row
from vtg_core.collator import SFTCollator, pad
from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.dataset import Sample
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.templates import templates_for
from vtg_core.windows import Window

MEDIA = ("video_grid_thw", "second_per_grid_ts")
QUERIES = ("a red circle appears", "a blue square moves in from the left, then stops for a while")
WINDOWS = ((Window(8.0, 14.0),), (Window(4.0, 9.5), Window(20.0, 26.0)))


@dataclass(frozen=True, eq=False)
class GoodBatch:
    """A batch without fault.

    Attributes:
        batch: what the collator returns, tensors of PyTorch; a test may change them.
        known: what is known of each row's sample.
        chat: what the ids mean.
        processor: the processor.
    """

    batch: dict[str, Any]
    known: list[Known]
    chat: ChatIds
    processor: Any

    def rows(self, *, saved: bool = False, max_length: int | None = None) -> list[Row]:
        """Take the batch apart; ``saved`` says that nothing is known beside its tensors."""
        rows, findings = rows_of(self.batch, self.chat, None if saved else self.known, max_length=max_length)
        assert findings == []
        return rows

    def codes(self, check, *, row: int = 0, saved: bool = False, max_length: int | None = None) -> list[str]:
        """Return the codes that a family's check gives for a row."""
        return [finding.code for finding in check(self.rows(saved=saved, max_length=max_length)[row])]

    def of_ids(self, ids, *, row: int = 0, **media) -> "GoodBatch":
        """Return a batch of the one row ``row``, with other ids; all of them supervised, its own media unless given."""
        ids = np.asarray(ids, dtype=np.int64)[None]
        own = {name: self.batch[name][row : row + 1] for name in MEDIA if name in self.batch}
        return replace(self, batch={"input_ids": ids, "labels": ids, **own, **media}, known=[self.known[row]])

    def copy(self) -> "GoodBatch":
        """Return a copy whose tensors and list are its own."""
        batch = {name: value.clone() for name, value in self.batch.items()}
        return replace(self, batch=batch, known=list(self.known))


def build_batch(processor, samples, *, padding_side: str = "right") -> GoodBatch:
    """Collate dataset items with our own collator, and note all that is known of them."""
    once = process_videos_once(processor)
    encoded = [SFTCollator(once).encode(sample) for sample in samples]
    known = [
        known_of(sample.messages, sample_encoded, once, [sample.video], scene=scene_of(sample))
        for sample, sample_encoded in zip(samples, encoded, strict=True)
    ]
    before, processor.tokenizer.padding_side = processor.tokenizer.padding_side, padding_side
    try:
        batch = pad(encoded, processor)
    finally:
        processor.tokenizer.padding_side = before
    return GoodBatch(batch, known, ChatIds.of(processor), processor)


def sample_of(video, *, mode="standard", template=0, query=QUERIES[0], windows=WINDOWS[0]) -> Sample:
    """Return a dataset item of a video."""
    mode = AnswerMode(mode)
    return Sample(video, query, windows, templates_for(mode)[template], ANSWER_FORMATS[mode])


@pytest.fixture(scope="session")
def samples_by_mode(video, other_video):
    """For each answer format two samples of different length, one of them with two windows."""
    return {
        mode: [
            sample_of(video, mode=mode),
            sample_of(other_video, mode=mode, template=1, query=QUERIES[1], windows=WINDOWS[1]),
        ]
        for mode in ANSWER_FORMATS
    }


@pytest.fixture(scope="session")
def originals(processors_by_name, samples_by_mode):
    """The batches that the fixtures copy; nobody changes them."""
    return {
        (name, mode, side): build_batch(processor, samples, padding_side=side)
        for name, processor in processors_by_name.items()
        for mode, samples in samples_by_mode.items()
        for side in ("left", "right")
    }


@pytest.fixture
def good(originals):
    """Two samples of the default demo, answers in seconds, padded on the right."""
    return originals["demo", "standard", "right"].copy()


@pytest.fixture
def good_qwen2_5(originals):
    """The same samples through the demo of Qwen2.5-VL's classes: no time stamps, a default system turn."""
    return originals["demo-qwen2.5-vl", "standard", "right"].copy()


@pytest.fixture
def good_tokens(originals):
    """The same samples of the default demo, answered in temporal tokens."""
    return originals["demo", "temporal_tokens", "right"].copy()


@pytest.fixture(
    params=[
        (name, mode, side)
        for name in ("demo", "demo-qwen2.5-vl")
        for mode in AnswerMode
        for side in ("left", "right")
    ],
    ids="-".join,
)
def every_good(originals, request):
    """Each demo checkpoint, answer format and padding side in turn."""
    return originals[request.param].copy()
