"""Whether a row shows the model the same pictures as our own encoding of its sample."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

TOLERANCE = 0.05
"""Marks of the same picture lie as close even where one was stored in half precision."""


def marks_of(pixels: Any) -> np.ndarray | None:
    """Return a number for each patch and frame of it, by which it is known again; None where there are no pixels.

    A patch's values are weighed by fixed random numbers, so that two pictures of the same brightness differ too, and
    two copies in other precision hardly do.

    Args:
        pixels: of shape (num_patches, values), a tensor or an array, such as ``pixel_values_videos``.

    Returns:
        float32, shape (num_patches, frames of a patch); one column where frames are not told apart.
    """
    if getattr(getattr(pixels, "device", None), "type", "cpu") == "meta":
        return None
    try:
        if hasattr(pixels, "detach"):
            pixels = pixels.detach().cpu().float().numpy()
        values = np.asarray(pixels, dtype=np.float32)
    except Exception:  # foreign objects may refuse in any way
        return None
    if values.ndim != 2 or not values.size:
        return None
    marks: np.ndarray = values @ _weights(values.shape[1])
    return marks


def are_same_pictures(marks: np.ndarray | None, others: np.ndarray | None) -> bool:
    """Say whether two videos' marks are those of the same pictures in the same order; not where one is not known."""
    if marks is None or others is None or marks.shape != others.shape:
        return False
    return bool((np.abs(marks - others) <= TOLERANCE).all())


def times_of_alike(stamps: Sequence[float], marks: np.ndarray) -> list[tuple[float, float]]:
    """Return for each stamp the first and the last time (s) at which a frame can look like the one shown there.

    Moving pictures differ from frame to frame, so that a picture tells its time. Where pictures follow each other that
    are alike, as in a talk with slides, one stays until the next other one at most.

    Args:
        stamps: T times, increasing.
        marks: of shape (num_patches, …), of these T pictures, one after the other.
    """
    exact = [(stamp, stamp) for stamp in stamps]
    if len(stamps) < 2 or len(marks) % len(stamps):
        return exact
    of_step = marks.reshape(len(stamps), -1)
    is_new = [True, *(not are_same_pictures(a, b) for a, b in pairwise(of_step))]
    if all(is_new):
        return exact
    starts = [i for i, new in enumerate(is_new) if new]
    ends = [*starts[1:], len(stamps)]
    return [
        (stamps[start - 1] if start else 0.0, stamps[end] if end < len(stamps) else float("inf"))
        for start, end in zip(starts, ends, strict=True)
        for _ in range(start, end)
    ]


@dataclass(frozen=True, eq=False)
class Pictures:
    """The pictures of one video, frame by frame.

    Attributes:
        marks: float32, shape (num_frames, patches of a frame).
        size: patches along height and width.
    """

    marks: np.ndarray
    size: tuple[int, int]

    @classmethod
    def of(cls, marks: np.ndarray | None, grid: np.ndarray | None) -> "Pictures | None":
        """Return them from what is known of one video; None where it is none or several, or frames are not told apart."""
        if marks is None or grid is None or len(grid) != 1 or marks.shape != (int(np.prod(grid)), FRAMES):
            return None
        num_steps, height, width = map(int, grid[0])
        by_frame = marks.reshape(num_steps, -1, FRAMES).swapaxes(1, 2)
        return cls(by_frame.reshape(num_steps * FRAMES, -1), (height, width))

    def distance(self, stamps: Sequence[float], others: "Pictures", at: Sequence[float]) -> float | None:
        """Return how far these pictures are from others of the same video, each from those nearest in time.

        Args:
            stamps: when these are said to be shown, in seconds: one time for two frames, the mean of theirs.
            others: pictures of the same video.
            at: the seconds at which those are shown, frame by frame, increasing.

        Returns:
            The mean difference of marks; None where they are of another size, or times are missing.
        """
        at = [*at, *([at[-1]] * (len(at) % FRAMES))]  # the last of an odd number is doubled
        if (
            self.size != others.size
            or len(stamps) * FRAMES != len(self.marks)
            or len(at) != len(others.marks)
        ):
            return None
        behind = np.interp(_frame_times(stamps), at, np.arange(len(at)))
        before = np.floor(behind).astype(int)
        share = (behind - before)[:, None]
        ends = others.marks[before], others.marks[np.minimum(before + 1, len(at) - 1)]
        shown = (*ends, (1 - share) * ends[0] + share * ends[1])
        return float(np.min([np.abs(self.marks - marks).mean(axis=1) for marks in shown], axis=0).mean())


def _frame_times(stamps: Sequence[float]) -> np.ndarray:
    """Return the times of the two frames of each stamp, where frames are spread evenly."""
    means = np.asarray(stamps, dtype=float)
    apart = np.diff(means, append=2 * means[-1] - means[-2]) if len(means) > 1 else 2 * means
    return np.stack([means - apart / 4, means + apart / 4], axis=1).reshape(-1)


def nearer(
    first: Sequence[float], second: Sequence[float], distance: Callable[[Sequence[float]], float | None]
) -> int:
    """Say which of two lists of times pictures speak for: -1 for the first, 1 for the second, 0 where for neither."""
    to_first, to_second = distance(first), distance(second)
    if to_first is None or to_second is None:
        return 0
    near, far = sorted((to_first, to_second))
    if far <= LITTLE or near > CLEARLY * far:
        return 0
    return -1 if to_first < to_second else 1


LITTLE, CLEARLY = 0.005, 0.7
"""Pictures speak for the nearer times where they differ from the others by more than a little, and clearly more."""


@lru_cache(maxsize=8)
def _weights(number: int) -> np.ndarray:
    """Return float32 of shape (number, FRAMES), a column for each frame of a patch, where a patch has these parts."""
    drawn = np.random.default_rng(0).normal(size=number).astype(np.float32)
    if number % (CHANNELS * FRAMES):
        return (drawn / np.float32(np.linalg.norm(drawn)))[:, None]
    of_frame = drawn.reshape(CHANNELS, FRAMES, -1)[:, :1]
    weights = np.zeros((CHANNELS, FRAMES, of_frame.shape[2], FRAMES), dtype=np.float32)
    for frame in range(FRAMES):
        weights[:, frame, :, frame] = of_frame[:, 0] / np.linalg.norm(of_frame)
    return weights.reshape(number, FRAMES)


CHANNELS, FRAMES = 3, 2
"""A patch is its colours, then the frames of a step, then its pixels.

Source: ``Qwen2VLVideoProcessor`` of transformers 5.24, ``models/qwen2_vl/video_processing_qwen2_vl.py``.
"""
