"""What the demo model is shown, in which order: words for what it sees, accounts of whole clips, and questions last.

A tiny model learns nothing from long sequences for a long time. What it needs are four things, and it finds each only
where little else stands in its way: words for a shape (*glimpses*), when each of several shapes is there, with its name
written just before the time (*accounts*), that a question names the one to look for (*questions*), and the sixteen
templates at the page's own length (*templates*, *samples*). Trained on questions alone, its vision tower soon told shapes
from the background and no longer red from blue, and the question was never read.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from vtg_core.data.annotations import Annotation
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.video.plan import FramePlan, FramePolicy
from vtg_core.video.sampling import SampledVideo, sample_frames
from vtg_core.windows import Window

GLIMPSE = "What do you see in this video?"
ACCOUNT = "what do you see and when?"
SHORT_PROMPTS = ("In seconds: {query}", "In tokens: {query}")
"""The words of the early lessons, for answers in seconds and in temporal tokens."""


class Ask(StrEnum):
    """What is asked about a clip.

    ``glimpse``: what a second of an event shows. ``account``: what there is to see, and when. ``short``: when something
    happens, in ``SHORT_PROMPTS``. ``template``: the same in the sixteen templates, as samples are.
    """

    GLIMPSE = "glimpse"
    ACCOUNT = "account"
    SHORT = "short"
    TEMPLATE = "template"


@dataclass(frozen=True)
class Lesson:
    """Some steps on conversations of one kind.

    Attributes:
        name: for people.
        num_steps: of the optimiser.
        batch_size: conversations a step.
        asks: what is asked, each entry as likely as the others.
        frames: which frames of a clip are shown, and how large; one for each step, each as likely as the others.
        shapes: how many shapes a clip holds, each entry as likely as the others.
    """

    name: str
    num_steps: int
    batch_size: int
    asks: tuple[Ask, ...]
    frames: tuple[FramePolicy, ...]
    shapes: tuple[int, ...] = (1, 2, 2, 3)

    @property
    def in_words(self) -> str:
        """One sentence for the card."""
        frames = " or ".join(map(_frames_in_words, self.frames))
        asks = " and ".join(_IN_WORDS[ask] for ask in dict.fromkeys(self.asks))
        shapes = " or ".join(map(str, sorted(set(self.shapes))))
        return (
            f"*{self.name}*: {self.num_steps:,} steps of {self.batch_size} conversations, {asks}; clips with {shapes} "
            f"shapes, {frames}."
        )


def _frames_in_words(frames: FramePolicy) -> str:
    size = f"at most {frames.max_pixels:,} pixels each" if frames.max_pixels else "full size"
    return f"{frames.num_frames} frames of {size}"


_IN_WORDS = {
    Ask.GLIMPSE: "what a second of an event shows",
    Ask.ACCOUNT: "what there is to see and when",
    Ask.SHORT: "when something happens, in few words",
    Ask.TEMPLATE: "when something happens, in the sixteen templates",
}

ONE_OR_TWO = (1, 2, 2)
SIZES = (2_304, 6_144, 15_360)
"""Pixels a frame: two tokens for a pair of frames, six, fifteen. In full size it has sixty."""


def _at_sizes(num_frames: int, *sizes: int | None) -> tuple[FramePolicy, ...]:
    return tuple(FramePolicy(num_frames=num_frames, max_pixels=size) for size in sizes)


LESSONS = (
    Lesson("glimpses", 300, 16, (Ask.GLIMPSE,), _at_sizes(2, *SIZES, None), (1, 2, 3)),
    Lesson("accounts", 1_300, 12, (Ask.ACCOUNT,), _at_sizes(8, 2_304), ONE_OR_TWO),
    Lesson(
        "wider accounts", 300, 8, (Ask.ACCOUNT,), (*_at_sizes(8, 2_304, None), *_at_sizes(16, 6_144, 15_360)), ONE_OR_TWO
    ),
    Lesson(
        "questions", 600, 8, (Ask.ACCOUNT, Ask.SHORT, Ask.SHORT, Ask.TEMPLATE),
        (*_at_sizes(8, 2_304, None), *_at_sizes(16, *SIZES)), ONE_OR_TWO,
    ),
    Lesson("templates", 200, 8, (Ask.TEMPLATE,), _at_sizes(16, 15_360, None)),
    Lesson(
        "longer templates", 300, 8, (Ask.ACCOUNT, Ask.TEMPLATE, Ask.TEMPLATE, Ask.TEMPLATE),
        (*_at_sizes(16, 15_360), *_at_sizes(24, 6_144), *_at_sizes(32, *SIZES)), ONE_OR_TWO,
    ),
    Lesson("samples", 400, 4, (Ask.TEMPLATE,), _at_sizes(32, None)),
)  # fmt: skip
"""The frames of the last are those that a sample has unless a person asks for others."""

NUM_FILMS = 300
"""Conversations are drawn from their clips again and again."""


class Conversations:
    """The conversations of a lesson, as a map-style dataset for a ``DataLoader``; the same for the same seed.

    Args:
        lesson: there are ``num_steps * batch_size`` of them.
        annotation_file: of :func:`vtg_core.demo_training.practice.write_practice`.
        seed: of which clip each is about, and of what is asked in which words.
    """

    def __init__(self, lesson: Lesson, annotation_file: Path, seed: int) -> None:
        self.lesson, self.seed = lesson, seed
        self.take_small = lru_cache(None)(sample_frames)
        self.by_template = [_dataset(annotation_file, number) for number in range(len(SHORT_PROMPTS))]
        self.by_short = [_dataset(annotation_file, n, prompt) for n, prompt in enumerate(SHORT_PROMPTS)]
        clips: dict[Any, list[int]] = {}
        for number, row in enumerate(self.by_template[0].annotations):
            clips.setdefault((row.video, row.video_start, row.video_end), []).append(number)
        self.clips: dict[int, list[list[int]]] = {count: [] for count in lesson.shapes}
        for rows in clips.values():
            self.clips.setdefault(len(rows), []).append(rows)
        self.shapes = [count for count in lesson.shapes if self.clips[count]]  # few films may lack some

    def __len__(self) -> int:
        return self.lesson.num_steps * self.lesson.batch_size

    def __getitem__(self, index: int) -> Sample | dict[str, Any]:
        """Return a sample, or a conversation in chat form that brings its frames."""
        draw = random.Random(f"{self.seed}/{index}")
        frames = random.Random(f"{self.seed}/{index // self.lesson.batch_size}").choice(self.lesson.frames)
        rows, ask = draw.choice(self.clips[draw.choice(self.shapes)]), draw.choice(self.lesson.asks)
        if ask is Ask.GLIMPSE:
            return self._glimpse(frames, draw, draw.choice(rows))
        dataset = draw.choice(self.by_template if ask is Ask.TEMPLATE else self.by_short)
        if ask is Ask.ACCOUNT:
            return self._account(frames, dataset, draw.sample(rows, len(rows)))
        sample = self._sample(frames, dataset, draw.choice(rows))
        return replace(sample, template=draw.choice(dataset.selector.templates))

    def _sample(self, frames: FramePolicy, dataset: VideoTemporalSFTDataset, row: int) -> Sample:
        return dataset.sample_with(lambda path, _, clip: self._take(path, frames, clip), row)

    def _take(self, path: Path, frames: FramePolicy, clip: Window | None) -> SampledVideo:
        take = self.take_small if frames.max_pixels else sample_frames
        return take(path, frames, clip=clip)

    def _glimpse(self, frames: FramePolicy, draw: random.Random, row: int) -> dict[str, Any]:
        annotation = self.by_template[0].annotations[row]
        [window] = annotation.windows
        start = (annotation.video_start or 0.0) + window.start + draw.randrange(int(window.length))
        video = self._take(annotation.video, frames, Window(start, start + 1))
        return _conversation(video, GLIMPSE, _thing(annotation))

    def _account(
        self, frames: FramePolicy, dataset: VideoTemporalSFTDataset, rows: Sequence[int]
    ) -> dict[str, Any]:
        samples = [self._sample(frames, dataset, row) for row in rows]
        seen = [
            f"{_thing(dataset.annotations[row])} {s.answer}" for row, s in zip(rows, samples, strict=True)
        ]
        conversation = _conversation(
            samples[0].video, samples[0].template.format(ACCOUNT).text, ", ".join(seen)
        )
        return conversation | {"mode": str(samples[0].template.mode)}


def _dataset(annotation_file: Path, number: int, prompt: str | None = None) -> VideoTemporalSFTDataset:
    return VideoTemporalSFTDataset(annotation_file, use_temporal_tokens=bool(number), prompt_template=prompt)


def _thing(annotation: Annotation) -> str:
    """Return what a practice clip's query is about: "a red circle", without what it does."""
    return " ".join(annotation.query.split()[:3])


def _conversation(video: SampledVideo | FramePlan, question: str, answer: str) -> dict[str, Any]:
    asked = [{"type": "video", "video": video}, {"type": "text", "text": question}]
    return {
        "messages": [
            {"role": "user", "content": asked},
            {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        ]
    }
