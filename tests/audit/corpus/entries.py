"""What the corpus consists of: an entry is a collator, what it is given, and what the audit must say of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.audit.corpus.parts import Kit, Sample

Collate = Callable[[Sequence[Sample], Kit], Any]


class Way(StrEnum):
    """How the audit comes to see an entry."""

    COLLATOR = "collator"
    SAVED = "saved batch"
    FILE = "annotation file"
    FUZZ = "fuzz"


@dataclass(frozen=True)
class Setting:
    """What a collator is given.

    Attributes:
        rows: the name of rows in ``tests.audit.corpus.world.ROWS``.
        checkpoint: whose processor and class.
        answer: the name of the answer form that our own samples have.
        num_frames: of each video in our own samples.
        max_length: what the audit is told of it.
        pads_with_end: the tokenizer's padding token is its end of turn.
        stops_elsewhere: the checkpoint's generation config does not list the end of turn.
    """

    rows: str = "two"
    checkpoint: str = "demo"
    answer: str = "standard"
    num_frames: int = 4
    max_length: int | None = None
    pads_with_end: bool = False
    stops_elsewhere: bool = False


PLAIN = Setting()
TOKENS = Setting(answer="temporal_tokens")
SECONDS = Setting(checkpoint="demo-qwen2.5-vl")
"""Qwen2.5-VL's classes: no time stamps in the text, a default system turn."""
ONE = Setting(rows="one")


@dataclass(frozen=True)
class Entry:
    """One entry of the corpus.

    Attributes:
        name: short and unique.
        situation: in one line.
        collate: the collator; None where the annotation file is what is audited.
        code: what must be found; empty for an honest one that needs no word.
        beside: errors and warnings that may be found too, since they are as true.
        setting: what it is given.
        way: how the audit comes to see it.
        is_honest: it is right; a policy may be stated.
        known_miss: why the audit fails on it today; empty where it does not.
    """

    name: str
    situation: str
    collate: Collate | None = None
    code: str = ""
    beside: tuple[str, ...] = ()
    setting: Setting = PLAIN
    way: Way = Way.COLLATOR
    is_honest: bool = False
    known_miss: str = ""


def honest(name: str, situation: str, collate: Collate | None, **more: Any) -> Entry:
    """Return an entry without fault; ``code`` may name the policy that must be stated."""
    return Entry(name, situation, collate, is_honest=True, **more)


class Outcome(StrEnum):
    """What became of an entry."""

    CAUGHT = "caught"
    MISNAMED = "misnamed"
    MISSED = "missed"
    CLEAN = "clean"
    FALSE = "false"


@dataclass(frozen=True)
class Verdict:
    """What the audit said of an entry: the outcome, and each code with its severity and how often it was given."""

    entry: Entry
    outcome: Outcome
    found: Mapping[tuple[str, str], int]

    @property
    def is_right(self) -> bool:
        return self.outcome in (Outcome.CAUGHT, Outcome.CLEAN)

    @property
    def shown(self) -> str:
        """The codes that were given, in words."""
        return ", ".join(f"{severity} {code} x{n}" for (code, severity), n in self.found.items()) or "nothing"


def verdict_of(entry: Entry, found: Mapping[tuple[str, str], int]) -> Verdict:
    """Judge what was found: a broken entry needs its own code, and no other error or warning that is not as true."""
    grave = {code for code, severity in found if severity in ("error", "warning")}
    named = not entry.code or entry.code in {code for code, _ in found}
    if entry.is_honest:
        outcome = Outcome.FALSE if grave else Outcome.CLEAN if named else Outcome.MISSED
    elif not grave and not named:
        outcome = Outcome.MISSED
    else:
        is_alone = grave <= {entry.code, *entry.beside}
        outcome = Outcome.CAUGHT if named and is_alone else Outcome.MISNAMED
    return Verdict(entry, outcome, found)
