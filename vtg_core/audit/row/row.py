"""A row of a batch, and what is known of the sample it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.pictures import are_same_pictures
from vtg_core.audit.row.readings import Reading
from vtg_core.data.answers import AnswerFormat
from vtg_core.masking.labelled_tokens import KINDS, LabelledTokens, regions_of, runs_of
from vtg_core.regions import IGNORE_INDEX, Region
from vtg_core.templates import PromptTemplate
from vtg_core.windows import Window


@dataclass(frozen=True)
class Scene:
    """The grounding task behind a row.

    Attributes:
        query: what is looked for.
        windows: when it happens, in seconds; none where a conversation says none that is clear.
        duration: of the video, in seconds.
        timestamps: when each sampled frame is shown, in seconds, increasing.
        answer_format: how the windows are written.
        template: the prompt template that asks; None where a prompt is somebody else's.
        fps: the video's frames per second; None if not known.
        rate_error: by how many seconds a frame's index by ``fps`` misses the time at which it is shown, at worst.
        declared_duration: what the annotation row says of the video's length, in seconds; None where it does not.
        video: the path of its file; empty if not known.
        clock_remark: that the file's times repeat, in a sentence; empty where they do not.
    """

    query: str
    windows: tuple[Window, ...]
    duration: float
    timestamps: tuple[float, ...]
    answer_format: AnswerFormat
    template: PromptTemplate | None = None
    fps: float | None = None
    rate_error: float = 0.0
    declared_duration: float | None = None
    video: str = ""
    clock_remark: str = ""


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the sample that a row was made from.

    Attributes:
        tokens: the sample as our own pipeline encodes it.
        answers: the text of each assistant turn.
        prompts: for each assistant turn, the ids of the official generation prompt, through the processor with the
            same media; empty where they were not asked for.
        scene: the grounding task; None for a conversation that is none.
        person_texts: what persons or files wrote into the prompt, such as the query: control tokens in it are text.
        trained: the indices of the messages that the sample says are trained; None where it does not say.
        grid: int64, shape (N, 3): for each video its patches in time, height and width; None if not known.
        marks: float32, shape (num_patches, frames of a patch), what its videos' pictures are known by; None if they are not known.
    """

    tokens: LabelledTokens
    answers: tuple[str, ...]
    prompts: tuple[np.ndarray, ...] = ()
    scene: Scene | None = None
    person_texts: tuple[str, ...] = ()
    trained: frozenset[int] | None = None
    grid: np.ndarray | None = None
    marks: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a batch, as the checks see it. All arrays share the axis L of the row as it came, padding included.

    Attributes:
        number: the row's number, from 0.
        ids: int64, shape (L,).
        labels: int64, shape (L,), aligned with ``ids``.
        is_padding: bool, shape (L,).
        chat: what the ids mean.
        reading: what the readings say of it.
        known: what is known of its sample; None for a saved batch.
        media: the row's own media tensors, by the processor's names; ``video_grid_thw`` int64 (N, 3) among them.
        max_length: the bound on tokens that training uses, if it was given.
        shares_length: another row of the batch, of a sample of another length where that is known, has as many tokens:
            the sign of a common bound.
        marks: as in :class:`Known`, of the pictures that came with the row; None if they are not known.
        batch: what is known of the samples of the whole batch, by row number.
        tokens: the row's own tokens as its own ids prove them; None where they prove nothing, or were not asked.
    """

    number: int
    ids: np.ndarray
    labels: np.ndarray
    is_padding: np.ndarray
    chat: ChatIds
    reading: Reading
    known: Known | None = None
    media: Mapping[str, Any] = field(default_factory=dict)
    max_length: int | None = None
    shares_length: bool = False
    marks: np.ndarray | None = None
    batch: Mapping[int, Known] = field(default_factory=dict)
    tokens: LabelledTokens | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def supervised(self) -> np.ndarray:
        """Where a label is not ``IGNORE_INDEX``; bool, shape (L,). The first position is in no loss all the same."""
        trained: np.ndarray = self.labels != IGNORE_INDEX
        return trained

    @cached_property
    def trained(self) -> np.ndarray:
        """The positions of ``supervised``; int64, shape (N,)."""
        return np.flatnonzero(self.supervised)

    @cached_property
    def positions(self) -> np.ndarray:
        """Where the row's own tokens stand, padding left out; int64, shape (num_tokens,)."""
        return np.flatnonzero(~self.is_padding)

    @cached_property
    def own_ids(self) -> np.ndarray:
        """The row's own tokens, padding left out; int64, shape (num_tokens,)."""
        return self.ids[self.positions] if self.is_padding.any() else self.ids

    @cached_property
    def is_our_encoding(self) -> bool:
        """Whether the row's own tokens are, id for id, those of our own pipeline."""
        known = self.known.tokens.input_ids if self.known is not None else None
        return known is not None and (self.own_ids is known or np.array_equal(self.own_ids, known))

    @cached_property
    def shows_our_frames(self) -> bool:
        """Whether the row's pictures are those of our own encoding; false too where either is not known."""
        return self.known is not None and are_same_pictures(self.marks, self.known.marks)

    def own_regions(self, start: int, end: int) -> tuple[Region, ...]:
        """Return the regions of ``own_ids[start:end]``, in positions of the row."""
        where = np.zeros(len(self), dtype=bool)
        where[self.positions[start:end]] = True
        return self.regions(where)

    @property
    def kinds(self) -> np.ndarray:
        """The region kind of each token, as an index into ``KINDS``; int8, shape (L,)."""
        return self.reading.kinds

    @property
    def turns(self) -> np.ndarray:
        """The message each token belongs to, ``NO_TURN`` outside every message; int16, shape (L,)."""
        return self.reading.turns

    def text(self, where: np.ndarray) -> str:
        """Return the text of the tokens at ``where``: a bool mask or positions."""
        return self.chat.decode(self.ids[where])

    def regions(self, where: np.ndarray) -> tuple[Region, ...]:
        """Return the runs of the tokens at ``where`` (bool, shape (L,)), split by region."""
        return tuple(
            Region(region.kind, start + region.start, start + region.end, region.turn)
            for start, end in runs_of(where)
            for region in regions_of(self.kinds[start:end], self.turns[start:end])
        )

    def count_by_kind(self, where: np.ndarray) -> dict[str, int]:
        """Return how many of the tokens at ``where`` (bool, shape (L,)) are of each region kind, most first."""
        counts = np.bincount(self.kinds[where], minlength=len(KINDS))
        return {str(KINDS[i]): int(counts[i]) for i in np.argsort(-counts, kind="stable") if counts[i]}
