"""Whether a loss stands out from those around it: medians, so that what stands out does not hide itself."""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

LEAST_LOSS = 0.01
"""Nats that are added before the logarithm: below a hundredth nat a loss tells nothing."""

LEAST_SPREAD = 0.05
"""The spread of log losses is taken to be no smaller: a loss 5 % above a quiet curve is no news."""

NEIGHBOURS = 10
"""How many steps before and behind a step say what was to be expected of it."""

STANDS_OUT = 5.0
"""How many robust standard deviations above what was to be expected."""

OF_NORMAL = 1.4826
"""A normal distribution's standard deviation, in median absolute deviations."""


def scores(losses: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Say of each loss what its neighbours let expect, and by how much it is above that.

    The logarithm of a loss is compared with a line through those of its neighbours, itself left out: a training loss falls
    by about the same share a step. The line is Theil's and Sen's, the median of all slopes, which a third of the
    neighbours may be wrong without moving. The spread is that of what the lines miss, nearby.

    Args:
        losses: nats, finite or not, in the order of the steps.

    Returns:
        The loss that was to be expected, in nats, and the robust standard deviations above it; float64, shape (N,), NaN and
        infinite where a loss is not finite.
    """
    values = np.log(np.maximum(np.asarray(losses, dtype=float), 0) + LEAST_LOSS)
    expected = np.array([_expected(values, at) for at in range(len(values))])
    missed = values - expected
    spread = np.array([_spread(missed, at) for at in range(len(values))])
    above = np.where(np.isfinite(values), missed / np.maximum(spread, LEAST_SPREAD), np.inf)
    return np.exp(expected) - LEAST_LOSS, np.nan_to_num(above, nan=0.0, posinf=np.inf)


class Recent:
    """The losses so far of a run that goes on."""

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=2 * NEIGHBOURS)

    def stands_out(self, loss: float | None) -> bool:
        """Say whether a loss stands out from those before it, and take it in; a run begins with ten that do not."""
        before, is_known = np.array(self._losses), len(self._losses) >= NEIGHBOURS
        if loss is None or not math.isfinite(loss):
            return is_known
        self._losses.append(loss)
        if not is_known:
            return False
        logs = np.log(before + LEAST_LOSS)
        middle = np.median(logs)
        spread = max(OF_NORMAL * float(np.median(np.abs(logs - middle))), LEAST_SPREAD)
        return bool((math.log(loss + LEAST_LOSS) - middle) / spread > STANDS_OUT)


def _around(at: int, number: int, reach: int) -> np.ndarray:
    """Return the indices of the steps around one, itself left out: as many at the ends of a run as in its midst."""
    first = max(0, min(at - reach, number - 2 * reach - 1))
    near = np.arange(first, min(number, first + 2 * reach + 1))
    others: np.ndarray = near[near != at]
    return others


def _expected(values: np.ndarray, at: int) -> float:
    near = _around(at, len(values), NEIGHBOURS)
    near = near[np.isfinite(values[near])]
    if len(near) < 2:
        return float(values[near[0]]) if len(near) else float("nan")
    first, second = np.triu_indices(len(near), 1)
    slope = np.median((values[near[second]] - values[near[first]]) / (near[second] - near[first]))
    return float(np.median(values[near] - slope * near) + slope * at)


def _spread(missed: np.ndarray, at: int) -> float:
    near = missed[_around(at, len(missed), 3 * NEIGHBOURS)]
    near = near[np.isfinite(near)]
    return OF_NORMAL * float(np.median(np.abs(near))) if len(near) else LEAST_SPREAD
