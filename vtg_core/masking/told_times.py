"""What a processor tells a model about time: stamps among the frames, seconds a step of the grid, or nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from vtg_core.chat.control_tokens import control_tokens

if TYPE_CHECKING:
    from transformers import ProcessorMixin


class TimeTold(StrEnum):
    """How a model is told when its frames were shown."""

    STAMPS = "time stamps"
    STEP = "seconds a step"
    ORDER = "frame numbers"
    NOTHING = "nothing"


@dataclass(frozen=True)
class ToldTimes:
    """What a model is told about the times of one video's frames.

    Attributes:
        how: by what.
        stamps: the times (s) that are written, in order; a stamp may stand for several frames.
        quantum: how fine they are written (s): one second where they are cut to whole seconds; 0 without stamps.
        step: how long a step of the video's grid lasts (s); None where the model is not told.
    """

    how: TimeTold
    stamps: tuple[float, ...] = ()
    quantum: float = 0.0
    step: float | None = None


def told_times(outputs: Mapping[str, Any], processor: "ProcessorMixin") -> ToldTimes:
    """Return what a processor's outputs for one video tell of its times.

    Args:
        outputs: of :func:`vtg_core.masking.processor_call.call_processor`.
        processor: whose outputs they are.
    """
    for name in _STEPS:
        if name in outputs:
            return ToldTimes(TimeTold.STEP, step=float(outputs[name][0]))
    written = outputs["text_replacement_offsets"][0][0]["replacement"]
    parts, end = [], 0
    for start, stop in control_tokens(processor.tokenizer).find(written):
        parts.append(written[end:start])
        end = stop
    parts.append(written[end:])
    found = [stamp for part in parts if (stamp := stamp_in(part)) is not None]
    if found:
        return ToldTimes(TimeTold.STAMPS, tuple(time for time, _ in found), quantum=max(q for _, q in found))
    is_numbered = any(re.search(r"\d", part) for part in parts)
    return ToldTimes(TimeTold.ORDER if is_numbered else TimeTold.NOTHING)


_STEPS = ("second_per_grid_ts", "video_second_per_grid")


def stamp_in(text: str) -> tuple[float, float] | None:
    """Return the time (s) with which a text between control tokens ends, and how fine it is written (s).

    ``<0.5 seconds>``, ``Time 4.3s:`` and ``Frame from 00:04:`` are times, and so is a number that stands alone;
    ``Frame1:`` and ``Frame 1:`` are none.
    """
    match = _STAMP.search(text)
    if match is None:
        return None
    if match["minutes"]:
        return 60.0 * int(match["minutes"]) + int(match["rest"]), 1.0
    number = match["seconds"] or match["bare"]
    return float(number), 0.1 if "." in number else 1.0


_STAMP = re.compile(
    r"(?:(?P<minutes>\d+):(?P<rest>\d\d)|(?P<seconds>\d+(?:\.\d+)?)\s*s(?:ec(?:ond)?s?)?"
    r"|^\W*(?P<bare>\d+(?:\.\d+)?))[\s:>]*$"
)
