"""Which grids of a batch are which row's: by the row's own placeholders first, so that one row's fault is its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class RowMedia:
    """What one row shows of a medium.

    Attributes:
        num_placeholders: in its ids.
        num_known: how many videos or images its sample has; None if not known.
    """

    num_placeholders: int
    num_known: int | None = None


@dataclass(frozen=True)
class Split:
    """Whose each grid is.

    Attributes:
        of_rows: for each row the grids that it has, by their positions in the batch, in order.
        unused: the grids that are no row's.
    """

    of_rows: tuple[range, ...]
    unused: tuple[int, ...] = ()


def split(num_features: Sequence[int], rows: Sequence[RowMedia], owners: Sequence[frozenset[int]]) -> Split:
    """Hand out grids to rows, in order.

    A row whose placeholders are those of the next grids has these. Where that does not come out, the order that
    leaves the fewest rows and grids without each other decides, so that a video that is missing is missing in its
    own row, whatever the others show.

    Args:
        num_features: of each grid, each of them on one placeholder.
        rows: what each row shows.
        owners: for each grid the rows whose own video it is, as far as its pixels tell.
    """
    counts = _exact(num_features, rows) or _as_known(len(num_features), rows)
    if counts is not None:
        ends = [0, *accumulate(counts)]
        return Split(tuple(range(ends[i], ends[i + 1]) for i in range(len(rows))))
    return _best(num_features, rows, owners)


def _exact(num_features: Sequence[int], rows: Sequence[RowMedia]) -> list[int] | None:
    """Return how many grids each row has, if the placeholders of all use up all grids."""
    counts, at = [], 0
    for row in rows:
        count = _num_exact(num_features, at, row.num_placeholders)
        if count is None:
            return None
        counts.append(count)
        at += count
    return counts if at == len(num_features) else None


def _as_known(num_grids: int, rows: Sequence[RowMedia]) -> list[int] | None:
    """Return how many each row's sample has, if these are all grids and every such row shows a placeholder."""
    guessed = num_grids if len(rows) == 1 else 1
    counts = [guessed if row.num_known is None else row.num_known for row in rows]
    is_shown = all((row.num_placeholders > 0) == (c > 0) for row, c in zip(rows, counts, strict=True))
    return counts if is_shown and sum(counts) == num_grids else None


def _num_exact(num_features: Sequence[int], at: int, wanted: int) -> int | None:
    """Return how many grids from ``at`` on ask for exactly ``wanted`` placeholders; None where none do."""
    count = 0
    while wanted > 0 and at + count < len(num_features):
        wanted -= num_features[at + count]
        count += 1
    return count if wanted == 0 else None


def _best(num_features: Sequence[int], rows: Sequence[RowMedia], owners: Sequence[frozenset[int]]) -> Split:
    """Find the best order by the best of what is left behind each row and grid."""
    num_grids = len(num_features)
    best = [-float(num_grids - at) for at in range(num_grids + 1)]  # behind the last row all are unused
    steps: list[
        list[int | None]
    ] = []  # for each row, the last first: how many it takes, None to leave one out
    for i in reversed(range(len(rows))):
        behind, best, taken = best, [0.0] * (num_grids + 1), list[int | None]([0] * (num_grids + 1))
        for at in reversed(range(num_grids + 1)):
            options: list[tuple[float, int | None]] = [
                (_score(i, rows[i], range(at, at + c), num_features, owners) + behind[at + c], c)
                for c in _counts(rows[i], at, num_features)
            ]
            if at < num_grids:
                options.append((best[at + 1] - 1, None))
            best[at], taken[at] = max(options, key=lambda option: option[0])
        steps.insert(0, taken)
    return _followed(steps, num_grids)


def _followed(steps: Sequence[Sequence[int | None]], num_grids: int) -> Split:
    of_rows, unused, at = [], list[int](), 0
    for taken in steps:
        while (count := taken[at]) is None:
            unused.append(at)
            at += 1
        of_rows.append(range(at, at + count))
        at += count
    return Split(tuple(of_rows), (*unused, *range(at, num_grids)))


def _counts(row: RowMedia, at: int, num_features: Sequence[int]) -> set[int]:
    """Return how many grids from ``at`` on a row may take."""
    exact = _num_exact(num_features, at, row.num_placeholders)
    likely = 1 if row.num_known is None else row.num_known
    return {
        0,
        *([exact] if exact is not None else ()),
        *([likely] if at + likely <= len(num_features) else ()),
    }


def _score(
    i: int, row: RowMedia, grids: range, num_features: Sequence[int], owners: Sequence[frozenset[int]]
) -> float:
    """Say how well a row and its grids fit: their counts, and whether the pixels are its own."""
    own = sum(0.5 if i in owners[at] else -0.5 if owners[at] else 0.0 for at in grids)
    if sum(num_features[at] for at in grids) == row.num_placeholders:
        return 4.0 + own
    return 1.0 + own if len(grids) and row.num_placeholders else 0.0 if not len(grids) else -1.0
