"""Sequences that begin alike as one tree of tokens: every shared beginning is there once.

Source of the idea: tree attention as speculative decoding uses it to score many continuations in one pass (SpecInfer,
arXiv 2305.09781): a token attends to its ancestors and to nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class TokenTree:
    """A trunk that all sequences share, and the branches behind it.

    Attributes:
        num_shared: how many tokens the trunk has.
        ids: the tokens behind the trunk, parents before their children; int64, shape (S,).
        parents: for each of them the one before it, as an index into ``ids``; -1 where that is the trunk's last.
        depths: for each of them its position in its sequences; int64, shape (S,).
        nodes: for each sequence its tokens behind the trunk, as indices into ``ids``.
    """

    num_shared: int
    ids: np.ndarray
    parents: np.ndarray
    depths: np.ndarray
    nodes: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def is_ancestor(self) -> np.ndarray:
        """Return for each token behind the trunk (row) which of them it may attend to, itself included; (S, S) bool."""
        seen = np.zeros((len(self), len(self)), dtype=bool)
        for node, parent in enumerate(self.parents.tolist()):
            if parent >= 0:
                seen[node] = seen[parent]
            seen[node, node] = True
        return seen


def grow_tree(sequences: Sequence[np.ndarray]) -> TokenTree:
    """Join sequences of ids, int64, shape (L_i,), at least one and none empty.

    The trunk is what all begin with; it is never a whole sequence, so that each has a token behind it.
    """
    num_shared = _num_shared(sequences)
    index: dict[tuple[int, int], int] = {}
    ids: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    nodes: list[np.ndarray] = []
    for sequence in sequences:
        node = -1
        path: list[int] = []
        for depth, token_id in enumerate(sequence[num_shared:].tolist(), num_shared):
            parent, node = node, index.setdefault((node, token_id), len(ids))
            if node == len(ids):
                ids.append(token_id)
                parents.append(parent)
                depths.append(depth)
            path.append(node)
        nodes.append(np.array(path, dtype=np.int64))
    return TokenTree(
        num_shared,
        np.array(ids, dtype=np.int64),
        np.array(parents, dtype=np.int64),
        np.array(depths, dtype=np.int64),
        tuple(nodes),
    )


def _num_shared(sequences: Sequence[np.ndarray]) -> int:
    shortest = min(map(len, sequences))
    first = sequences[0][:shortest]
    differs = np.zeros(shortest, dtype=bool)
    for other in sequences[1:]:
        differs |= other[:shortest] != first
    return min(int(differs.argmax()) if differs.any() else shortest, shortest - 1)
