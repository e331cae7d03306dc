"""What a processor writes in words around the frames of a video: learnt from videos of its own, numbers left open."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.bounded_cache import kept_with
from vtg_core.chat.control_tokens import control_tokens
from vtg_core.chat.markup import num_shared
from vtg_core.masking.told_times import TimeTold, stamp_in


@dataclass(frozen=True)
class FrameTexts:
    """The words of a video's place in a prompt, as regular expressions that match any number; empty where there are none.

    Attributes:
        head: before the first control token.
        between: between two control tokens, such as a time stamp.
        tail: behind the last control token.
        controls: the control tokens themselves, placeholders among them.
        how: what the words tell of time.
        quantum: how fine times are written (s).
        frames_a_stamp: how many frames a time stands for.
    """

    head: str = ""
    between: tuple[str, ...] = ()
    tail: str = ""
    controls: tuple[str, ...] = ()
    how: TimeTold = TimeTold.NOTHING
    quantum: float = 0.1
    frames_a_stamp: int = 2

    def is_between(self, text: str) -> bool:
        """Say whether a text stands between two control tokens of one video."""
        return self._between is not None and self._between.fullmatch(text) is not None

    def num_of_head(self, texts: Sequence[str]) -> int:
        """Return how many of the last tokens are the words before a video's first control token; 0 where they are not.

        Args:
            texts: the last texts before that control token, one a token; white space before the words may be a part of
                the first of them.
        """
        if not self.head:
            return 0
        together = "".join(texts)
        match = re.search(rf"(?:{self.head})\Z", together)
        if match is None:
            return 0
        rest = len(together) - match.start()
        for number, text in enumerate(reversed(texts), start=1):
            rest -= len(text)
            if rest <= 0:
                return number
        return len(texts)

    @cached_property
    def _between(self) -> re.Pattern[str] | None:
        return re.compile(f"(?:{'|'.join(self.between)})++") if self.between else None


@kept_with
def frame_texts(chat: ChatIds) -> FrameTexts:
    """Return the words that a processor writes for videos; none where it cannot be asked. It is asked twice."""
    try:
        few, many = (_replacement(chat, num_frames, fps) for num_frames, fps in ((4, 1.0), (10, 0.1)))
    except Exception:  # a processor is another project's code and may refuse in any way
        return FrameTexts()
    controls = control_tokens(chat.tokenizer)
    parts, others = (_parts(text, list(controls.find(text))) for text in (few, many))
    between = dict.fromkeys(map(_opened, (*parts[1:-1], *others[1:-1])))
    between.pop("", None)
    stamps = [stamp for part in parts if (stamp := stamp_in(part)) is not None]
    is_numbered = any(re.search(r"\d", part) for part in parts)
    order = TimeTold.ORDER if is_numbered else TimeTold.NOTHING
    return FrameTexts(
        head=_merged(parts[0], others[0]),
        between=tuple(sorted(between, key=len, reverse=True)),
        tail=_merged(parts[-1], others[-1]),
        controls=tuple({few[start:end]: None for start, end in controls.find(few)}),
        how=TimeTold.STAMPS if stamps else order,
        quantum=max((quantum for _, quantum in stamps), default=0.1),
        frames_a_stamp=max(1, 4 // len(stamps)) if stamps else 2,
    )


def _replacement(chat: ChatIds, num_frames: int, fps: float) -> str:
    """Return what the processor writes for a video of frames that all differ."""
    frames = np.random.default_rng(0).integers(0, 256, (num_frames, 64, 64, 3), dtype=np.uint8)
    metadata = {"total_num_frames": num_frames, "fps": fps, "width": 64, "height": 64}
    outputs = chat.processor(
        text=[chat.processor.video_token],
        videos=[frames],
        video_metadata=[
            {**metadata, "duration": num_frames / fps, "frames_indices": list(range(num_frames))}
        ],
        do_sample_frames=False,
        input_data_format="channels_last",
        videos_kwargs={"return_tensors": "pt"},
        return_text_replacement_offsets=True,
    )
    written: str = outputs["text_replacement_offsets"][0][0]["replacement"]
    return written


def _parts(text: str, places: Sequence[tuple[int, int]]) -> list[str]:
    """Return what stands before, between and behind control tokens; empty texts too."""
    starts, ends = [start for start, _ in places], [end for _, end in places]
    return [text[a:b] for a, b in zip([0, *ends], [*starts, len(text)], strict=True)]


def _opened(text: str) -> str:
    """Return a pattern for a text with other numbers in the place of its own."""
    return _NUMBER.pattern.join(map(re.escape, _NUMBER.split(text)))


def _merged(one: str, other: str) -> str:
    """Return a pattern for both texts: where words of theirs differ, as a number that is written out, any few words."""
    one, other = (_NUMBER.sub(_OPEN, text) for text in (one, other))
    start = num_shared(one, other)
    end = min(num_shared(one[::-1], other[::-1]), len(one) - start, len(other) - start)
    middle = _WORDS if one != other else ""
    written = [re.escape(one[:start]), middle, re.escape(one[len(one) - end :] if end else "")]
    return "".join(written).replace(re.escape(_OPEN), _NUMBER.pattern)


_NUMBER = re.compile(r"(?>\d+(?:[.:]\d+)*)")
"""Atomic: what a file holds may be digits without end, and is tried one way only."""
_OPEN = "\ue000"
_WORDS = r"[\w ,-]{1,80}?"
