"""Whether a row shows the model the same pictures as our own encoding of its sample."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

TOLERANCE = 0.05
"""Marks of the same picture lie as close even where one was stored in half precision."""


def marks_of(pixels: Any) -> np.ndarray | None:
    """Return one number for each patch, by which it is known again; None where there are no pixels to read.

    A patch's values are weighed by fixed random numbers, so that two pictures of the same brightness differ too, and
    two copies in other precision hardly do.

    Args:
        pixels: of shape (num_patches, values), a tensor or an array, such as ``pixel_values_videos``.

    Returns:
        float32, shape (num_patches,).
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
        marks: shape (num_patches,) of these T pictures, one after the other.
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


@lru_cache(maxsize=8)
def _weights(number: int) -> np.ndarray:
    weights = np.random.default_rng(0).normal(size=number).astype(np.float32)
    return weights / np.float32(np.linalg.norm(weights))
