"""Whatever a batch holds, read as arrays; what cannot be read is None, never an error."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def as_array(value: Any) -> np.ndarray | None:
    """Return a tensor, an array or a list of lists as an array of numbers; None where it cannot be read as one.

    Tensors without values (``meta``), sparse ones and objects that raise where they are read are None too.
    """
    if value is None:
        return None
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu()
            value = (value.float() if value.is_floating_point() else value).numpy()
        array = np.asarray(value)
    except Exception:  # foreign objects may refuse in any way
        return None
    return array if array.dtype.kind in "iufb" else None


def shape_of(value: Any) -> tuple[int, ...] | None:
    """Return the shape of a tensor or an array without reading it; None where it has none."""
    try:
        return tuple(int(size) for size in value.shape)
    except Exception:  # foreign objects may refuse in any way
        return None


def shown(value: Any) -> str:
    """Return what a value is, in a few words."""
    array = as_array(value)
    if array is not None:
        return f"{array.dtype} of shape {tuple(array.shape)}"
    return f"{type(value).__name__}, which cannot be read as an array of numbers"


def listed(numbers: Iterable[int], most: int = 8) -> str:
    """Return row numbers as text: ``row 3``, ``rows 1, 2``, the first ``most`` of them."""
    given: Sequence[int] = list(numbers)
    more = f" and {len(given) - most:,} more" if len(given) > most else ""
    return f"row{'s' if len(given) != 1 else ''} {', '.join(map(str, given[:most]))}{more}"
