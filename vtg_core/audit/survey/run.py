"""The survey of a file: one pass over its rows, one of them held at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from vtg_core.audit.survey import kinds
from vtg_core.audit.survey.constant_guess import ConstantGuesses
from vtg_core.audit.survey.kinds import KINDS, Kind
from vtg_core.audit.survey.repeats import Repeats
from vtg_core.audit.survey.resolution import ResolutionMeter
from vtg_core.audit.survey.results import RowCount, Survey, Videos
from vtg_core.audit.survey.row_facts import RowFacts, facts_of
from vtg_core.audit.survey.tally import Histogram, Tally
from vtg_core.audit.survey.tokens import TokenCounter, TokenRules
from vtg_core.audit.survey.units import UnitSuspicion
from vtg_core.data.annotations import AnnotationReader
from vtg_core.data.answers import AnswerFormat
from vtg_core.errors import VTGError
from vtg_core.windows import Window

INF = float("inf")
SECONDS = (0, 1, 2, 5, 10, 20, 30, 60, 120, 300, INF)
TENTHS = tuple(n / 10 for n in range(11))
TOKENS = (0, *(2**n for n in range(7, 18)), INF)


@dataclass
class Surveyor:
    """Takes in the rows of a file, and says at any moment what it held so far.

    Args:
        reader: the file.
        answer_format: how answers are going to be written.
        tokens: what decides how many tokens a row has; not counted unless given.
        limit: the first so many rows.
    """

    reader: AnnotationReader
    answer_format: AnswerFormat
    tokens: TokenRules | None = None
    limit: int | None = None
    num_rows: int = field(default=0, init=False)
    num_windows: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._tallies = {kind: Tally() for kind in KINDS}
        self._spread = {
            "length": Histogram("length", "how long windows are", "s", edges=SECONDS, is_kept=True),
            "share": Histogram("share", "how much of the video windows cover", _SHARE, edges=TENTHS, is_kept=True),
            "start": Histogram("start", "where windows start", _SHARE, edges=TENTHS),
            "end": Histogram("end", "where windows end", _SHARE, edges=TENTHS),
            "windows": Histogram("windows", "windows a row", "windows", edges=(1, 2, 3, 4, 5, INF)),
        }  # fmt: skip
        self._guesses, self._repeats = ConstantGuesses(), Repeats()
        self._resolution, self._units = ResolutionMeter(self.answer_format), UnitSuspicion()
        self._named: set[int] = set()
        self._num_read = self._num_there = 0
        self._counter = TokenCounter(self.tokens) if self.tokens is not None else None
        if self._counter is not None:
            self._spread["tokens"] = Histogram("tokens", "tokens a row", "tokens", edges=TOKENS, is_kept=True)

    def rows(self) -> Iterator[int]:
        """Take in row after row, and yield the number of each as soon as it was taken in.

        Raises:
            AnnotationError: the file cannot be read beyond a place.
        """
        for found in self.reader.found():
            if self.limit is not None and self.num_rows >= self.limit:
                return
            facts = facts_of(self.reader, found)
            self.take(facts, self._counted(facts))
            yield found.number

    def done(self, *, is_partial: bool = False) -> Survey:
        """Return what the rows held that were taken in."""
        reader, finder = self.reader, self.reader.finder
        missing = tuple(finder.missing)
        return Survey(
            file=str(reader.path),
            format=reader.format,
            why=reader.why,
            num_rows=self.num_rows,
            num_windows=self.num_windows,
            videos=Videos(len(self._named), len(missing), missing[:3], finder.told() if missing else ""),
            counts=self._counts(self._repeats.done()),
            distributions=tuple(histogram.done() for histogram in self._spread.values()),
            guesses=self._guesses.done(),
            resolution=self._resolution.done(),
            units=self._units.done(),
            near_measure=kinds.NEAR_MEASURE,
            is_partial=is_partial,
        )

    def _counts(self, repeats: Iterable[RowCount]) -> tuple[RowCount, ...]:
        by_name = {kind.name: tally.done(kind) for kind, tally in self._tallies.items()}
        by_name |= {count.name: count for count in repeats}
        if not self._num_there:  # the folder was not given, which is no fault of a row
            missing, all_missing = by_name["missing_video"], by_name["no_videos"]
            by_name["no_videos"] = replace(
                all_missing, count=missing.count, rows=missing.rows, examples=missing.examples
            )
            by_name["missing_video"] = replace(missing, count=0, rows=(), examples=())
        return tuple(by_name[kind.name] for kind in KINDS)

    def take(self, facts: RowFacts, counted: int | str | None = None) -> None:
        """Take in a row.

        Args:
            facts: what is known of it.
            counted: how many tokens it has, or why it cannot be made into tokens; None where they were not counted.
        """
        self.num_rows += 1
        self._num_there += facts.is_there
        for kind, said in facts.problems:
            self._add(kind, facts, said)
        if facts.annotation is None:
            return
        self._num_read += 1
        self.num_windows += len(facts.pairs)
        video = str(facts.annotation.video)
        self._named.add(
            int.from_bytes(blake2b(video.encode("utf-8", "surrogateescape"), digest_size=7).digest())
        )
        self._units.add(facts)
        if facts.pairs:
            self._repeats.add(video, facts.annotation.query, facts.pairs, facts.number)
            self._spread["windows"].add(len(facts.pairs), facts.number)
        self._take_windows(facts)
        if counted is not None:
            self._take_tokens(facts, counted)

    def _take_windows(self, facts: RowFacts) -> None:
        number, shares = facts.number, facts.shares
        for start, end in facts.pairs:
            if end > start:
                self._spread["length"].add(end - start, number)
        if not shares or not facts.duration:
            return
        for start, end in shares:
            self._spread["share"].add(end - start, number)
            self._spread["start"].add(start, number)
            self._spread["end"].add(end, number)
        self._guesses.add(shares, number)
        step, shortest = (
            self._resolution.add(shares, facts.duration, number),
            min(e - s for s, e in shares) * facts.duration,
        )
        if step is not None and shortest < step * (1 - 1e-9):
            said = f"{facts.where}: a window of {shortest:.3g} s, and a step is {step:.3g} s"
            self._add(kinds.UNDER_A_STEP, facts, said)

    def _counted(self, facts: RowFacts) -> int | str | None:
        return None if self._counter is None else count_tokens(self._counter, facts, self._num_read)

    def _take_tokens(self, facts: RowFacts, num_tokens: int | str) -> None:
        if isinstance(num_tokens, str):
            self._add(kinds.UNCOUNTED, facts, num_tokens)
            return
        self._spread["tokens"].add(num_tokens, facts.number)
        bound = self.tokens.max_length if self.tokens is not None else None
        if bound is not None and num_tokens > bound:
            self._add(kinds.TOO_LONG, facts, f"{facts.where}: {num_tokens:,} tokens, and {bound:,} are kept")

    def _add(self, kind: Kind, facts: RowFacts, said: str) -> None:
        self._tallies[kind].add(facts.number, said)


def count_tokens(counter: TokenCounter, facts: RowFacts, index: int) -> int | str | None:
    """Return how many tokens a row has, or why it cannot be made into tokens; None where its video or windows are amiss.

    Args:
        counter: counts them.
        facts: what is known of the row.
        index: its position among the rows that can be read, from 0; the template depends on it.
    """
    is_amiss = any(kind in _UNUSABLE for kind, _ in facts.problems)  # which is told already
    if facts.annotation is None or not facts.is_there or is_amiss:
        return None
    windows = tuple(Window(start, end) for start, end in facts.pairs)
    try:
        return counter.count(replace(facts.annotation, windows=windows), index)
    except VTGError as error:
        return str(error)


_SHARE = "share of the video"
_UNUSABLE = (kinds.PAST_END, kinds.OUTSIDE, kinds.INVERTED, kinds.EMPTY)
