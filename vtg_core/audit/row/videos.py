"""Where the videos stand in a row: runs of placeholders, the markers around them, and the time stamps between."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds, is_one_of
from vtg_core.audit.row.learnt.frame_texts import FrameTexts, frame_texts
from vtg_core.audit.row.readings import MAX_STAMP_TOKENS
from vtg_core.bounded_cache import kept_with
from vtg_core.chat.control_tokens import control_tokens
from vtg_core.chat.conversation import Role
from vtg_core.chat.markup import apply_chat_template, learn_markup
from vtg_core.masking.labelled_tokens import runs_of
from vtg_core.masking.told_times import TimeTold, stamp_in


@dataclass(frozen=True)
class VideoIds:
    """The ids around a video, as the chat template writes them.

    Attributes:
        video: the placeholder of a video; None where the processor names none.
        opening, closing: the markers before and behind a run of placeholders; empty where there are none.
    """

    video: int | None
    opening: frozenset[int]
    closing: frozenset[int]


@dataclass(frozen=True)
class Block:
    """Videos that stand next to each other, with their markers and time stamps.

    Attributes:
        start, end: half-open, in positions of the ids that were searched.
        shape: one letter for each marker and each run of placeholders: O opens, P placeholders, C closes.
    """

    start: int
    end: int
    shape: str

    @property
    def is_nested(self) -> bool:
        """Whether a marker opens inside another one's pair."""
        return "OO" in self.shape

    @property
    def num_videos(self) -> int:
        """How many videos stand here: pairs of markers that are in no other pair."""
        depth = num = 0
        for letter in self.shape:
            num += letter == "O" and depth == 0
            depth = max(0, depth + {"O": 1, "C": -1}.get(letter, 0))
        return num

    @property
    def lacks_markers(self) -> bool:
        """Whether placeholders stand without a marker right before or behind them."""
        return re.search(r"(?<!O)P|P(?!C)", self.shape) is not None


@kept_with
def video_ids(chat: ChatIds) -> VideoIds:
    """Return the ids around a video; learnt from the chat template once."""
    controls, markup = control_tokens(chat.tokenizer), learn_markup(chat.processor).video
    written = [controls.ids[markup[start:end]] for start, end in controls.find(markup)]
    media = next((i for i, token_id in enumerate(written) if token_id in chat.media_ids), len(written))
    return VideoIds(
        video=_written_placeholder(chat),
        opening=frozenset(written[:media]) - chat.media_ids,
        closing=frozenset(written[media:]) - chat.media_ids - frozenset(written[:media]),
    )


def image_id(chat: ChatIds) -> int | None:
    """Return the placeholder of an image; None where the processor names none, or writes it for a video's frames."""
    named = control_tokens(chat.tokenizer).ids.get(getattr(chat.processor, "image_token", None) or "")
    return None if named == video_ids(chat).video else named


def _written_placeholder(chat: ChatIds) -> int | None:
    """Return the placeholder that the processor puts into a row for a video: GLM's and InternVL's put an image's there."""
    named = control_tokens(chat.tokenizer).ids.get(getattr(chat.processor, "video_token", None) or "")
    probe = _probe_ids(chat)
    if named is None or probe is None or (probe == named).any():
        return named
    written = probe[is_one_of(probe, chat.media_ids)]
    return int(written[0]) if len(written) else named


@kept_with
def grid_tells(chat: ChatIds) -> bool:
    """Say whether a row has as many placeholders as its ``video_grid_thw`` asks for: not where still pictures are left out.

    Where the processor cannot be asked, it is taken to be so.
    """
    probe = _probe_ids(chat)
    try:
        grid = np.asarray(probe_outputs(chat).get("video_grid_thw"))
    except Exception:  # as there
        return True
    video = video_ids(chat).video
    if probe is None or grid.ndim != 2 or video is None:
        return True
    merge = int(getattr(chat.processor.video_processor, "merge_size", 1)) ** 2
    return int(grid.prod(axis=1).sum()) // merge == int(np.count_nonzero(probe == video))


@kept_with
def lacks_markers(chat: ChatIds) -> bool:
    """Say whether the processor itself writes placeholders without the template's markers around them; asked of it once."""
    probe = _probe_ids(chat)
    return probe is not None and any(block.lacks_markers for block in find_blocks(probe, chat))


@kept_with
def _probe_ids(chat: ChatIds) -> np.ndarray | None:
    """Return the ids of :func:`probe_outputs`, int64; None where the processor refuses."""
    try:
        return np.asarray(probe_outputs(chat)["input_ids"][0]).astype(np.int64)
    except Exception:  # a processor is another project's code and may refuse in any way
        return None


@kept_with
def processor_nests_markers(chat: ChatIds) -> bool:
    """Say whether the processor itself writes markers inside the template's pair; asked of it once.

    transformers 5.23's Qwen3-VL processor does. Where it cannot be asked, it is given the benefit of the doubt.
    """
    ids = _probe_ids(chat)
    return ids is None or any(block.is_nested for block in find_blocks(ids, chat))


def probe_outputs(chat: ChatIds) -> Mapping[str, Any]:
    """Return what the processor makes of a prompt with a video of four black frames; tensors by their names."""
    content = [{"type": "video"}, {"type": "text", "text": "?"}]
    text = apply_chat_template(chat.processor, [{"role": str(Role.USER), "content": content}])
    metadata = {"total_num_frames": 4, "fps": 1.0, "width": 64, "height": 64, "duration": 4.0}
    outputs: Mapping[str, Any] = chat.processor(
        text=[text],
        videos=[np.zeros((4, 64, 64, 3), dtype=np.uint8)],
        video_metadata=[{**metadata, "frames_indices": [0, 1, 2, 3]}],
        do_sample_frames=False,
        input_data_format="channels_last",
        return_tensors="pt",
        return_text_replacement_offsets=True,
    )
    return outputs


def placeholder_runs(ids: np.ndarray, chat: ChatIds) -> np.ndarray:
    """Return the runs of placeholders of any medium as half-open intervals; int64, shape (N, 2)."""
    is_media = np.zeros(len(ids) + 2, dtype=bool)
    is_media[1:-1] = is_one_of(ids, chat.media_ids)
    return np.flatnonzero(is_media[1:] != is_media[:-1]).reshape(-1, 2)


def find_blocks(ids: np.ndarray, chat: ChatIds) -> list[Block]:
    """Return where videos stand in ``ids``, int64, shape (L,).

    What lies between two markers or runs belongs to the video where it reads like a time stamp, or like what the
    processor itself writes there.
    """
    around, texts = video_ids(chat), frame_texts(chat)
    parts = [(a, b, "P") for a, b in placeholder_runs(ids, chat).tolist()]
    written = control_tokens(chat.tokenizer).ids
    markers = chat.marker_ids | {written[token] for token in texts.controls} - chat.media_ids
    for at in np.flatnonzero(is_one_of(ids, markers)).tolist():
        letter = "O" if int(ids[at]) in around.opening else "C" if int(ids[at]) in around.closing else ""
        parts.append((at, at + 1, letter))
    if not parts:
        return []
    parts.sort()
    gaps = [ids[a:b] for (_, a, _), (b, _, _) in pairwise(parts)]
    joined = [
        text == "" or _STAMP.fullmatch(text) is not None or texts.is_between(text)
        for text in _texts(gaps, chat)
    ]
    blocks: list[Block] = []
    for (start, end, letter), belongs in zip(parts, [False, *joined], strict=True):
        if belongs:
            blocks[-1] = Block(blocks[-1].start, end, blocks[-1].shape + letter)
        else:
            blocks.append(Block(start - _num_stamp_tokens(ids[:start], chat, texts), end, letter))
    return blocks


def stamps_of(ids: np.ndarray, chat: ChatIds) -> list[float]:
    """Return the time stamps (s) that are written among the videos' placeholders, in order.

    Numbers that say no unit are times where the processor itself writes such times, and the numbers of frames are none.
    """
    blocks = [ids[block.start : block.end] for block in find_blocks(ids, chat)]
    written = "\n".join(chat.decode(block[~is_one_of(block, chat.media_ids)]) for block in blocks)
    found = [float(seconds) for seconds in _SECONDS.findall(written)]
    if found or frame_texts(chat).how is not TimeTold.STAMPS:
        return found
    parts = [
        chat.decode(block[start:end])
        for block in blocks
        for start, end in runs_of(~np.isin(block, chat.control_ids))
    ]
    return [stamp[0] for part in parts if (stamp := stamp_in(part)) is not None]


_SECONDS = re.compile(r"(\d+(?:\.\d+)?)\s*s(?:ec(?:ond)?s?)?\b")
_STAMP = re.compile(r"\W*\d[\d.:]*\s*(?:s|secs?|seconds?)?\W*")
_LONG = "…"


def _texts(gaps: Sequence[np.ndarray], chat: ChatIds) -> list[str]:
    """Return the text of each run of tokens, ``_LONG`` for one too long to be a stamp; decoded at one go."""
    short = [gap if len(gap) <= MAX_STAMP_TOKENS else gap[:0] for gap in gaps]
    separator = (
        np.array([min(chat.media_ids)], dtype=np.int64) if chat.media_ids else np.zeros(0, dtype=np.int64)
    )
    together = np.concatenate([part for gap in short for part in (gap, separator)] or [separator])
    texts = chat.decode(together).split(chat.decode(separator))[:-1] if len(separator) else []
    if len(texts) != len(gaps):  # somebody wrote a placeholder's name in plain characters
        texts = [chat.decode(gap) for gap in short]
    return [text if len(gap) <= MAX_STAMP_TOKENS else _LONG for text, gap in zip(texts, gaps, strict=True)]


def _num_stamp_tokens(before: np.ndarray, chat: ChatIds, texts: FrameTexts) -> int:
    """Return how many of the last tokens are the words of a video's first frame, such as ``<0.3 seconds>``."""
    tail = before[-MAX_HEAD_TOKENS:]
    controls = np.flatnonzero(np.isin(tail, chat.control_ids))
    tail = tail[controls[-1] + 1 :] if len(controls) else tail
    if not len(tail):
        return 0
    if number := texts.num_of_head([chat.decode([token_id]) for token_id in tail.tolist()]):
        return number
    tail = tail[-MAX_STAMP_TOKENS:]
    if not _ENDS_WITH_STAMP.search(chat.decode(tail)):
        return 0
    for length in range(2, len(tail) + 1):
        text = chat.decode(tail[-length:])
        if text.startswith("<") and _STAMP.fullmatch(text):
            return length
    return 0


MAX_HEAD_TOKENS = 96
"""A processor may introduce a video in a sentence."""
_ENDS_WITH_STAMP = re.compile(r"<" + _STAMP.pattern + r"$")
