"""A row before padding, and how it is changed: what bugs work on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.row import Known
from vtg_core.regions import IGNORE_INDEX, RegionKind


@dataclass(frozen=True, eq=False)
class Strand:
    """One row before padding: ids and labels, int64, shape (L,), and what is known of its sample."""

    ids: np.ndarray
    labels: np.ndarray
    known: Known
    media: Mapping[str, Any] = field(default_factory=dict)

    def where(self, *kinds: RegionKind) -> np.ndarray:
        """Return where the tokens of ``kinds`` stand; int64."""
        return np.flatnonzero(self.known.tokens.is_kind(*kinds))

    def trained(self, where: Any) -> "Strand":
        """Return the row with the tokens at ``where`` in the loss too."""
        labels = self.labels.copy()
        labels[where] = self.ids[where]
        return replace(self, labels=labels)

    def masked(self, where: Any) -> "Strand":
        """Return the row with the tokens at ``where`` out of the loss."""
        labels = self.labels.copy()
        labels[where] = IGNORE_INDEX
        return replace(self, labels=labels)

    def spliced(self, start: int, end: int, ids: Sequence[int], *, trained: bool = False) -> "Strand":
        """Return the row with other tokens in the place of ``[start, end)``."""
        new = np.array(ids, dtype=np.int64)
        labels = new if trained else np.full(len(new), IGNORE_INDEX, dtype=np.int64)
        return replace(
            self,
            ids=np.concatenate([self.ids[:start], new, self.ids[end:]]),
            labels=np.concatenate([self.labels[:start], labels, self.labels[end:]]),
        )


def pad_strands(strands: Sequence[Strand], chat: ChatIds, side: str = "right") -> dict[str, Any]:
    """Return the rows as one batch; padding is masked by position."""
    length = max(len(strand.ids) for strand in strands)
    pad = chat.pad_id if chat.pad_id is not None else 0
    batch: dict[str, Any] = {
        "input_ids": np.full((len(strands), length), pad, dtype=np.int64),
        "labels": np.full((len(strands), length), IGNORE_INDEX, dtype=np.int64),
        "attention_mask": np.zeros((len(strands), length), dtype=np.int64),
    }
    for i, strand in enumerate(strands):
        at = length - len(strand.ids) if side == "left" else 0
        inside = slice(at, at + len(strand.ids))
        batch["input_ids"][i, inside], batch["labels"][i, inside] = strand.ids, strand.labels
        batch["attention_mask"][i, inside] = 1
    for name in strands[0].media:
        batch[name] = np.concatenate([np.asarray(strand.media[name]) for strand in strands])
    return batch
