"""The samples that the page offers: the rows of the annotation file by the file's own numbers, or else our examples."""

import json
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from vtg_core.dashboard.settings import Settings
from vtg_core.dataset import OWN
from vtg_core.demo.examples import examples
from vtg_core.files.assets import asset_folder
from vtg_core.templates import TEMPLATE_NAMES

MAX_FOUND = 50
"""So many samples are listed at once; the count says how many there are beside them."""
MAX_NUMBER = 2**53
"""From here on a browser's numbers are not exact."""


@dataclass(frozen=True)
class Offered:
    """One sample that can be picked.

    Attributes:
        number: the file's own, from 1; of an example its place.
        name: what the list says of it.
        qid: the row's own identifier; empty where it has none.
    """

    number: int
    name: str
    qid: str = ""


@dataclass(frozen=True)
class Samples:
    """All that can be picked, in the order of the file; a row that cannot be read is one of them, and says why."""

    settings: Settings

    @cached_property
    def all(self) -> tuple[Offered, ...]:
        """The samples, by their numbers."""
        if not self.is_file:
            found = enumerate(examples(asset_folder()), 1)
            return tuple(
                Offered(n, f"{e.query} · {e.window.start:g} to {e.window.end:g} s") for n, e in found
            )
        rows = [
            Offered(row.number, row.query, "" if row.qid is None else str(row.qid))
            for row in self.settings.annotations
        ]
        rows += [Offered(row.row + 1, f"cannot be read: {row.reason}") for row in self.settings.unreadable]
        return tuple(sorted(rows, key=lambda row: row.number))

    @property
    def is_file(self) -> bool:
        """Whether they are of an annotation file."""
        return bool(self.settings.annotations or self.settings.unreadable)

    @cached_property
    def has_own_words(self) -> bool:
        """Whether rows have conversations of their own."""
        return any(row.messages for row in self.settings.annotations)

    @property
    def first(self) -> int | None:
        """The number of the one that the page opens with, if possible one that can be read; None where there is none."""
        offered = self.settings.annotations or self.all
        return offered[0].number if offered else None

    @property
    def last(self) -> int:
        """The highest number that one has."""
        return self.all[-1].number if self.all else 0

    def find(self, text: str) -> list[Offered]:
        """Return those whose identifier, number or text has ``text`` in it, whatever its case; all where it is empty."""
        wanted = text.strip().casefold()
        exact = [one for one in self.all if wanted in (one.qid.casefold(), str(one.number)) and wanted]
        within = [one for one in self.all if wanted in one.name.casefold() or wanted in one.qid.casefold()]
        return list(dict.fromkeys([*exact, *within]))

    def number_of(self, asked: str) -> int | None:
        """Return the number of the sample with a number or an identifier; None where there is none."""
        by_number = {str(one.number): one.number for one in reversed(self.all)}
        by_qid = {one.qid: one.number for one in reversed(self.all) if one.qid}
        return by_number.get(asked, by_qid.get(asked))

    def step(self, number: float | None, steps: int) -> float | None:
        """Return the number of the sample so many places behind (before it: below 0) one; the last or the first at the end.

        Args:
            number: of one sample; None where none is picked, which stands before the first.
            steps: 0 returns ``number`` as it is.
        """
        numbers = sorted({one.number for one in self.all})
        if not steps or not numbers:
            return number
        at = -1 if number is None else bisect_left(numbers, number)
        is_between = at == len(numbers) or (number is not None and numbers[at] != number)
        return numbers[max(0, min(len(numbers) - 1, at + steps - (is_between and steps > 0)))]

    def view(self, number: float | None, find: str | None = None, *, asked: int | None = None) -> str:
        """Return the JSON of the picker.

        Args:
            number: of the sample on screen; None where it is none of these.
            find: what is looked for; None where nothing is.
            asked: which pick of the picker this answers, see :func:`pick_asked`; None where it answers none.
        """
        numbers = [one.number for one in self.all]
        found = None if find is None else self.find(find)
        return json.dumps({
            "number": number,
            "previous": max((n for n in numbers if number is not None and n < number), default=None),
            "next": min((n for n in numbers if number is None or n > number), default=None),
            "last": self.last,
            "what": "row" if self.is_file else "example",
            "find": find,
            "asked": asked,
            "num_found": None if found is None else len(found),
            "found": None if found is None else [(o.number, o.qid, o.name[:200]) for o in found[:MAX_FOUND]],
        })  # fmt: skip


OWN_CHOICE = ("own words", OWN)


def template_choices(samples: Samples) -> list[tuple[str, str]]:
    """Return what can ask: (what it is called, its name); where rows have words of their own, those come first."""
    own = [OWN_CHOICE] if samples.has_own_words else []
    return own + [(name, name) for name in TEMPLATE_NAMES]


def first_template(samples: Samples) -> str:
    """Return the name of what asks until a person says otherwise."""
    return template_choices(samples)[0][1]


def picked_steps(value: object) -> int:
    """Return how many samples behind the number (before it: below 0) the picker's script sent that it wants; 0 without."""
    return _whole(_sent(value).get("steps")) or 0


def picked_number(value: object) -> float | None:
    """Return the number that the picker's script sent; None where it is none."""
    number = _sent(value).get("number")
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    return number if abs(number) < MAX_NUMBER else None


def pick_asked(value: object) -> int | None:
    """Return how many picks the picker's script had made with this one, by which it tells a late answer; None without."""
    return _whole(_sent(value).get("asked"))


def sought_text(value: object) -> str:
    """Return what the picker's script says is looked for."""
    text = _sent(value).get("find")
    return text[:200] if isinstance(text, str) else ""


def _whole(value: object) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_NUMBER
    return value if is_whole else None  # type: ignore[return-value]


def _sent(value: object) -> dict[str, Any]:
    """Return what a browser sent: whoever can reach the page can send anything."""
    try:
        sent = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return {}
    return sent if isinstance(sent, dict) else {}
