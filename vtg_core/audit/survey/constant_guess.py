"""Position bias: how often one answer, the same for every row, is right.

Exact over a grid, and in one pass: for a window and the start of an answer, the ends with which the answer reaches an
IoU are an interval, so each window adds one to an interval of ends for every start. No window is kept for it.

Source: "Uncovering Hidden Challenges in Query-Based Video Moment Retrieval" (BMVC 2020), for the bias itself.
"""

from array import array
from collections.abc import Sequence

import numpy as np

from vtg_core.audit.survey.results import MAX_LISTED_ROWS, ConstantGuess

GRID = 100
"""Steps of a hundredth of the duration: 5,050 answers."""
CHUNK = 256
ROUNDING = 1e-9
"""So far below the bound an IoU still reaches it: two equal windows, put otherwise, must not differ."""


class ConstantGuesses:
    """Counts for every answer on the grid how many rows it hits.

    Args:
        ious: the bounds that count as a hit.
    """

    def __init__(self, ious: Sequence[float] = (0.5, 0.7)) -> None:
        self._ious, self.num_rows = tuple(ious), 0
        self._hits = {iou: np.zeros((GRID + 1, GRID + 2), np.int64) for iou in ious}
        self._waiting: list[tuple[float, float]] = []
        self._kept, self._kept_rows = array("d"), array("I")

    def add(self, windows: Sequence[tuple[float, float]], number: int) -> None:
        """Count a row; its windows are shares of the duration, 0 <= start < end <= 1, and one that is hit is enough."""
        self.num_rows += 1
        if self.num_rows <= MAX_LISTED_ROWS:
            for window in windows:
                self._kept.extend(window)
                self._kept_rows.append(number)
        if len(windows) > 1:
            self._add_several(windows)
            return
        self._waiting += windows
        if len(self._waiting) >= CHUNK:
            self._take()

    def done(self) -> tuple[ConstantGuess, ...]:
        """Return the best answer of each bound; the earliest and shortest of several; none where there is no row."""
        self._take()
        return tuple(map(self._best, self._ious)) if self.num_rows else ()

    def _best(self, iou: float) -> ConstantGuess:
        hits = self._hits[iou].cumsum(axis=1)[:, : GRID + 1]
        start, end = (int(at) for at in np.unravel_index(int(hits.argmax()), hits.shape))
        if not hits[start, end]:
            start, end = 0, GRID  # none hits any: the whole video, which is a window at least
        best = (start / GRID, end / GRID)
        kept = np.frombuffer(self._kept, np.float64).reshape(-1, 2)
        is_hit = _ious(kept, *best) >= iou - ROUNDING
        rows = dict.fromkeys(np.frombuffer(self._kept_rows, np.uint32)[is_hit].tolist())
        return ConstantGuess(iou, *best, GRID, int(hits[start, end]), self.num_rows, tuple(rows))

    def _take(self) -> None:
        if not self._waiting:
            return
        windows, starts = np.array(self._waiting), np.arange(GRID + 1)
        self._waiting = []
        for iou, hits in self._hits.items():
            low, high = _ends(windows, iou)
            valid = low <= high
            width = GRID + 2
            rows = np.broadcast_to(starts * width, low.shape)[valid]
            size = hits.size
            hits += np.bincount(rows + low[valid], minlength=size).reshape(hits.shape)
            hits -= np.bincount(rows + high[valid] + 1, minlength=size).reshape(hits.shape)

    def _add_several(self, windows: Sequence[tuple[float, float]]) -> None:
        """Count a row of several windows: an answer that hits two of them hits it once."""
        ends = np.arange(GRID + 1)
        for iou, hits in self._hits.items():
            low, high = _ends(np.array(windows), iou)
            is_hit = ((low[..., None] <= ends) & (ends <= high[..., None])).any(axis=0)
            padded = np.pad(is_hit.astype(np.int64), ((0, 0), (1, 1)))
            hits += np.diff(padded, axis=1)


def _ends(windows: np.ndarray, iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and the last end on the grid with which an answer reaches an IoU.

    Args:
        windows: float64, shape (N, 2), shares of the duration.
        iou: above 0.

    Returns:
        Each int64, shape (N, starts), for an answer from each start of the grid; the last below the first where none
        does.
    """
    start, end = windows[:, :1], windows[:, 1:]
    begin = np.arange(GRID + 1)[None] / GRID
    # An end before the window's own gives (end - later) / (window's end - earlier), which rises; one behind it gives
    # (window's end - later) / (end - earlier), which falls.
    earlier, later = np.minimum(start, begin), np.maximum(start, begin)
    low = later + (iou - ROUNDING) * (end - earlier)
    high = earlier + (end - later) / (iou - ROUNDING)
    first = np.ceil(low * GRID - 1e-7).astype(np.int64)
    last = np.minimum(np.floor(high * GRID + 1e-7), GRID).astype(np.int64)
    is_none = (low > end) | (high < end)
    return first, np.where(is_none, first - 1, last)


def _ious(windows: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return the IoU of an answer with each of the windows; float64, shape (N,)."""
    shared = np.minimum(windows[:, 1], end) - np.maximum(windows[:, 0], start)
    covered = np.maximum(windows[:, 1], end) - np.minimum(windows[:, 0], start)
    found: np.ndarray = np.maximum(shared, 0.0) / covered
    return found
