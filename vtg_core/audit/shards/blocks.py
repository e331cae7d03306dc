"""Which rows of a file become which shard: the same ones whenever the file and the options are."""

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from vtg_core.audit.shards.setup import ROWS_PER_SHARD, Block
from vtg_core.data.annotations import Annotation


@dataclass(frozen=True)
class Selection:
    """Which rows of a file are audited.

    Attributes:
        limit: the first so many that can be read, and all others; None for all.
        chosen: the positions in the file, from 0, of those that were drawn; None for all.
        per_shard: how many rows make a shard.
    """

    limit: int | None = None
    chosen: frozenset[int] | None = None
    per_shard: int = ROWS_PER_SHARD

    def takes(self, index: int, row: Any) -> bool:
        """Say whether a row is audited; ``index`` is how many that can be read came before it."""
        if self.chosen is not None and row.row not in self.chosen:
            return False
        return self.limit is None or not isinstance(row, Annotation) or index < self.limit


def blocks_of(
    rows: Iterable[Any],
    selection: Selection,
    *,
    done: Container[int] = (),
    passed: Callable[[int], None] = lambda count: None,
    is_readable: Callable[[Any], bool] = lambda row: isinstance(row, Annotation),
) -> Iterator[Block]:
    """Yield the rows that are taken as blocks, those whose shards are there left out; one of them is held.

    Args:
        rows: in the file's order.
        selection: which are taken.
        done: the numbers of shards that are there.
        passed: is told of every block that is left out how many rows it has.
        is_readable: says whether a row can be read; those that can are counted.
    """
    index, number, held, count = 0, 0, list[tuple[int, Any]](), 0
    for row in rows:
        can_be_read = is_readable(row)
        if selection.takes(index, row):
            count += 1
            if number not in done:
                held.append((index if can_be_read else -1, row))
        index += can_be_read
        if count == selection.per_shard:
            if held:
                yield Block(number, tuple(held))
            else:
                passed(count)
            number, held, count = number + 1, [], 0
    if held:
        yield Block(number, tuple(held))
    elif count:
        passed(count)
