"""The parts that the corpus's collators are built of: a sample's words, its frames, its ids, its mask, its padding.

Nothing here is taken from the audit or from our own collator, which are what the corpus tries.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from vtg_core.audit.row.chat_ids import ChatIds

Sample = dict[str, Any]
Messages = list[dict[str, Any]]
IGNORE = -100
ASSISTANT, END = "<|im_start|>assistant\n", "<|im_end|>"
MEDIA = ("pixel_values_videos", "video_grid_thw", "second_per_grid_ts", "pixel_values", "image_grid_thw")


@dataclass(frozen=True, eq=False)
class Kit:
    """What a collator is given of the checkpoint, and what its ids mean to the audit."""

    processor: Any
    chat: ChatIds

    @property
    def tokenizer(self) -> Any:
        return self.processor.tokenizer

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text, control tokens in it obeyed, and none added."""
        found: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return found

    def id(self, token: str) -> int:
        found: int = self.tokenizer.convert_tokens_to_ids(token)
        return found

    def decode(self, ids: Any) -> str:
        text: str = self.tokenizer.decode(ids)
        return text

    @cached_property
    def video_id(self) -> int:
        return self.id("<|video_pad|>")

    @property
    def pad_id(self) -> int:
        return self.chat.pad_id if self.chat.pad_id is not None else 0


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames, uint8 of shape (T, H, W, 3), and what the processor is told of them."""

    frames: np.ndarray
    metadata: Mapping[str, Any]

    def taken(self, indices: Sequence[int]) -> "Clip":
        """Return some of the frames, with their own places in the file."""
        places = [self.metadata["frames_indices"][i] for i in indices]
        return Clip(self.frames[list(indices)], {**self.metadata, "frames_indices": places})


@dataclass(frozen=True, eq=False)
class Line:
    """A row before padding: ids and labels, int64, shape (L,), and its media."""

    ids: np.ndarray
    labels: np.ndarray
    media: Mapping[str, Any] = field(default_factory=dict)

    def trained(self, where: Any) -> "Line":
        labels = self.labels.copy()
        labels[where] = self.ids[where]
        return replace(self, labels=labels)

    def masked(self, where: Any) -> "Line":
        labels = self.labels.copy()
        labels[where] = IGNORE
        return replace(self, labels=labels)

    def cut(self, start: int, end: int) -> "Line":
        return replace(self, ids=self.ids[start:end], labels=self.labels[start:end])

    def spliced(self, start: int, end: int, ids: Sequence[int], *, is_trained: bool = False) -> "Line":
        """Return the row with other ids in the place of ``[start, end)``."""
        new = np.array(ids, dtype=np.int64)
        labels = new if is_trained else np.full_like(new, IGNORE)
        return replace(
            self,
            ids=np.concatenate([self.ids[:start], new, self.ids[end:]]),
            labels=np.concatenate([self.labels[:start], labels, self.labels[end:]]),
        )

    @property
    def answer(self) -> tuple[int, int]:
        """Where the trained tokens begin, and where they end."""
        where = np.flatnonzero(self.labels != IGNORE)
        return int(where[0]), int(where[-1]) + 1


def own_words(sample: Sample, kit: Kit) -> Messages:
    """Return the sample's own conversation."""
    return list(sample["messages"])


def whole_chat(messages: Messages, kit: Kit) -> str:
    """Return the text of a conversation, by the checkpoint's own template."""
    text: str = kit.processor.apply_chat_template(messages, tokenize=False)
    return text


def given_clip(sample: Sample) -> Clip:
    """Return the frames that the sample holds."""
    return Clip(sample["videos"][0], sample["video_metadata"][0])


def rated(clip: Callable[[Sample], Clip], factor: float) -> Callable[[Sample], Clip]:
    """Return what takes frames as ``clip`` does, and hands over a rate that makes their stamps ``factor`` times theirs."""

    def taken(sample: Sample) -> Clip:
        found = clip(sample)
        return replace(found, metadata={**found.metadata, "fps": found.metadata["fps"] / factor})

    return taken


def processed(text: str, clip: Clip | None, kit: Kit, **options: Any) -> Line:
    """Return what the processor makes of a text and a clip; no label is set yet."""
    given = {"text": [text], "return_tensors": "pt"} | (
        {
            "videos": [clip.frames],
            "video_metadata": [clip.metadata],
            "do_sample_frames": False,
            "input_data_format": "channels_last",
        }
        if clip is not None
        else {}
    )
    outputs = kit.processor(**(given | options))
    ids = outputs["input_ids"][0].numpy().astype(np.int64)
    return Line(ids, np.full_like(ids, IGNORE), {name: outputs[name] for name in MEDIA if name in outputs})


def unchanged_line(line: Line, kit: Kit, sample: Sample) -> Line:
    return line


def unchanged_batch(batch: dict[str, Any], kit: Kit, samples: Sequence[Sample]) -> dict[str, Any]:
    return batch


def answers_alone(ids: np.ndarray, kit: Kit) -> np.ndarray:
    """Return where the assistant writes, each end of turn too: bool, shape (L,)."""
    where = np.zeros(len(ids), dtype=bool)
    for start in starts_of(ids, kit.ids(ASSISTANT)):
        begin = start + len(kit.ids(ASSISTANT))
        ends = np.flatnonzero(ids[begin:] == kit.id(END))
        where[begin : begin + int(ends[0]) + 1 if len(ends) else len(ids)] = True
    return where


def starts_of(ids: np.ndarray, pattern: Sequence[int]) -> list[int]:
    """Return where ``pattern`` begins in ``ids``."""
    listed, sought = ids.tolist(), list(pattern)
    return [i for i in range(len(listed)) if listed[i : i + len(sought)] == sought]


def pad(lines: Sequence[Line], kit: Kit, side: str = "right", pad_id: int | None = None) -> dict[str, Any]:
    """Return the rows as one batch of tensors, padding masked by position."""
    length = max(len(line.ids) for line in lines)
    ids = np.full((len(lines), length), kit.pad_id if pad_id is None else pad_id, dtype=np.int64)
    labels, attended = np.full_like(ids, IGNORE), np.zeros_like(ids)
    for i, line in enumerate(lines):
        at = length - len(line.ids) if side == "left" else 0
        inside = slice(at, at + len(line.ids))
        ids[i, inside], labels[i, inside], attended[i, inside] = line.ids, line.labels, 1
    types = 2 * (ids == kit.video_id) + (ids == kit.id("<|image_pad|>"))
    columns = {"input_ids": ids, "labels": labels, "attention_mask": attended, "mm_token_type_ids": types}
    return {name: torch.from_numpy(column) for name, column in columns.items()} | joined(lines)


def joined(lines: Sequence[Line]) -> dict[str, Any]:
    """Return the media of all rows, in their order."""
    names = dict.fromkeys(name for line in lines for name in line.media)
    return {
        name: torch.cat([torch.as_tensor(line.media[name]) for line in lines if name in line.media])
        for name in names
    }


@dataclass(frozen=True)
class Recipe:
    """A collator in steps, from a sample's words to a batch; each step another part may stand for.

    Attributes:
        messages: the conversation of a sample.
        clip: its frames; None where no video is given.
        text: the conversation as text.
        line: text and frames as ids and media.
        mask: where tokens are trained.
        alter: what is done to a row before padding.
        side: where padding goes.
        finish: what is done to the padded batch.
    """

    messages: Callable[[Sample, Kit], Messages] = own_words
    clip: Callable[[Sample], Clip | None] = given_clip
    text: Callable[[Messages, Kit], str] = whole_chat
    line: Callable[[str, Clip | None, Kit], Line] = processed
    mask: Callable[[np.ndarray, Kit], np.ndarray] = answers_alone
    alter: Callable[[Line, Kit, Sample], Line] = unchanged_line
    side: str = "right"
    finish: Callable[[dict[str, Any], Kit, Sequence[Sample]], dict[str, Any]] = unchanged_batch

    def __call__(self, samples: Sequence[Sample], kit: Kit) -> dict[str, Any]:
        """Return the batch of some samples."""
        return self.finish(pad([self.row(sample, kit) for sample in samples], kit, self.side), kit, samples)

    def row(self, sample: Sample, kit: Kit) -> Line:
        """Return one sample before padding."""
        line = self.line(self.text(self.messages(sample, kit), kit), self.clip(sample), kit)
        return self.alter(line.trained(self.mask(line.ids, kit)), kit, sample)


def said(text: str) -> list[dict[str, str]]:
    """Return the content of a message that is text alone."""
    return [{"type": "text", "text": text}]


def with_answer(messages: Messages, text: str) -> Messages:
    return [*messages[:-1], {"role": "assistant", "content": said(text)}]


def with_question(messages: Messages, text: str) -> Messages:
    """Return the conversation with another text in the place of the last user turn's."""
    user = dict(messages[-2])
    user["content"] = [part for part in user["content"] if part["type"] != "text"] + said(text)
    return [*messages[:-2], user, messages[-1]]


def words(
    ask: str | None = None, answer: Callable[[Sample], str] | None = None
) -> Callable[[Sample, Kit], Messages]:
    """Return what asks in words of its own, ``{query}`` in them, and answers in words of its own."""

    def messages(sample: Sample, kit: Kit) -> Messages:
        found = own_words(sample, kit)
        if ask is not None:
            found = with_question(found, ask.format(query=sample["query"]))
        return found if answer is None else with_answer(found, answer(sample))

    return messages
