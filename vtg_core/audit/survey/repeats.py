"""Queries that a file asks twice: known by hashes, 20 bytes a row, so that no text is kept."""

import re
from array import array
from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from vtg_core.audit.survey.kinds import CONFLICTING, NEARLY_REPEATED, REPEATED, Kind
from vtg_core.audit.survey.results import RowCount
from vtg_core.audit.survey.tally import Tally


class Repeats:
    """Finds rows that ask of a video what an earlier row asked already."""

    def __init__(self) -> None:
        self._words, self._numbers = array("Q"), array("I")
        self._texts, self._windows = array("I"), array("I")

    def add(self, video: str, query: str, windows: Sequence[Sequence[float]], number: int) -> None:
        """Take in a row: the video's name, the query, its windows in seconds and the row's number."""
        self._words.append(_hash(f"{video}\0{' '.join(sorted(words_of(query)))}", 8))
        self._texts.append(_hash(query, 4))
        self._windows.append(_hash(repr(windows), 4))
        self._numbers.append(number)

    def done(self) -> tuple[RowCount, ...]:
        """Return the rows that repeat, contradict or nearly repeat an earlier one; each counts in one of these."""
        tallies: dict[Kind, Tally] = {kind: Tally() for kind in (REPEATED, CONFLICTING, NEARLY_REPEATED)}
        found = [one for group in self._groups() for one in self._of_group(group)]
        for number, kind, earlier in sorted(found, key=lambda one: one[0]):
            tallies[kind].add(number, f"row {number:,} and row {earlier:,}")
        return tuple(tally.done(kind) for kind, tally in tallies.items())

    def _groups(self) -> list[np.ndarray]:
        """Return the rows of one video and the same words, as indices; only groups of two and more."""
        if not self._words:
            return []
        words = np.frombuffer(self._words, np.uint64)
        order = np.argsort(words, kind="stable")
        borders = np.flatnonzero(np.diff(words[order])) + 1
        starts, ends = np.r_[0, borders], np.r_[borders, len(order)]
        is_group = ends - starts > 1
        return [order[start:end] for start, end in zip(starts[is_group], ends[is_group], strict=True)]

    def _of_group(self, group: np.ndarray) -> list[tuple[int, Kind, int]]:
        first = self._numbers[group[0]]
        texts: dict[int, dict[int, int]] = {}
        found = []
        for index in group.tolist():
            number, text, windows = self._numbers[index], self._texts[index], self._windows[index]
            if text not in texts:
                if texts:
                    found.append((number, NEARLY_REPEATED, first))
                texts[text] = {windows: number}
            elif windows in texts[text]:
                found.append((number, REPEATED, texts[text][windows]))
            else:
                found.append((number, CONFLICTING, next(iter(texts[text].values()))))
                texts[text][windows] = number
        return found


def words_of(query: str) -> set[str]:
    """Return the words of a query as near repetitions are told by; see ``NEAR_MEASURE``."""
    words = {_ENDING.sub("", word) for word in _WORD.findall(query.casefold())} - _LEFT_OUT
    return words or {query.strip()}


_WORD = re.compile(r"\w+")
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")
_LEFT_OUT = {"a", "an", "the", "is", "are", "was", "were", "be", "been", "being"}


def _hash(text: str, size: int) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest(), "little")
