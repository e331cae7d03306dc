"""A foreign collator, given the same sample in many guises: what it trains must not change.

What should be trained is our own pipeline's answer. Two choices are anybody's and no failure here: to train the
assistant's header and the white space after the end of turn, and to train the last turn only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vtg_core.audit.batch.rows import rows_of
from vtg_core.audit.codes.fuzz import AS_IT_IS, CHANGED, RAISES, REWRITTEN, TWO_MESSAGES
from vtg_core.audit.findings import Code, Finding
from vtg_core.audit.foreign.collators import ForeignCollator, foreign_sample, load_collator, run_collator
from vtg_core.audit.foreign.fuzz_cases import Case, cases_of, smaller_cases
from vtg_core.audit.foreign.fuzz_test_code import test_code
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.row import Row
from vtg_core.chat.conversation import Role
from vtg_core.chat.rendering import render
from vtg_core.checkpoints.loading import DEFAULT_CHECKPOINT
from vtg_core.data.answer_forms.registry import template_tokens
from vtg_core.dataset import Sample
from vtg_core.errors import MaskingError, VTGError
from vtg_core.masking.encoding import encode
from vtg_core.masking.labelled_tokens import runs_of
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import IGNORE_INDEX

if TYPE_CHECKING:
    from transformers import ProcessorMixin


MAX_SHRINKING_CALLS = 60
SHORT = 300
"""At most this many characters of a text go into the evidence."""


@dataclass(frozen=True)
class _Failure:
    code: Code
    reason: str
    turns: tuple[tuple[int, ...], ...] = ()
    supervised: tuple[str, ...] = ()
    is_an_answer: bool = False
    lacks_answer: bool = False


@dataclass(frozen=True)
class _Truth:
    """What should be trained of a case: each turn's ids, and their texts."""

    turns: tuple[tuple[int, ...], ...]
    texts: tuple[str, ...]


def fuzz(
    collator: ForeignCollator,
    sample: Sample,
    num: int,
    chat: ChatIds,
    *,
    checkpoint: str = DEFAULT_CHECKPOINT,
    row: int | None = None,
) -> list[Finding]:
    """Give a collator up to ``num`` variations of a sample, the most telling first, and report what changes.

    Args:
        collator: what :func:`vtg_core.audit.foreign.collators.load_collator` returned.
        sample: a dataset item with its frames.
        num: how many variations at most; the sample as it is comes first and is not counted.
        chat: what the ids of the collator's checkpoint mean.
        checkpoint: its name, for the test that a finding brings.
        row: the sample's number, for the findings.

    Returns:
        A finding for each failure, with the smallest input that still shows it and a test of it. Failures that
        shrink to the same input are one. Where the sample fails as it is, variations that fail alike are left out;
        where its mask covers just what stands in its answer's place, these words are what must not change.
    """
    fuzzer = _Fuzzer(collator, chat)
    plain = Case("the sample as it is", sample)
    found: dict[str, Finding] = {}
    as_it_is = fuzzer.failure(plain)
    if as_it_is is not None:
        code = as_it_is.code if as_it_is.code is RAISES else REWRITTEN if as_it_is.is_an_answer else AS_IT_IS
        told = replace(as_it_is, code=code)
        if code is REWRITTEN:
            told = replace(told, reason="the mask covers one answer, and its words are not the sample's")
        finding = _finding(fuzzer, plain, plain, told, checkpoint, row)
        found[finding.code] = finding
        if code is REWRITTEN:
            fuzzer.expect_last(_Truth(as_it_is.turns, as_it_is.supervised))
            as_it_is = None
    for case in cases_of(sample, chat)[: max(num, 0)]:
        failure = fuzzer.failure(case)
        if failure is None or _is_explained(failure, as_it_is):
            continue
        if _asks_too_much(case, failure):
            asked = _finding(fuzzer, case, case, replace(failure, code=TWO_MESSAGES), checkpoint, row)
            found.setdefault(TWO_MESSAGES.name, asked)
        else:
            smallest, failure = fuzzer.shrink(case, failure)
            finding = _finding(fuzzer, case, smallest, failure, checkpoint, row)
            found.setdefault(f"{finding.code}\0{finding.evidence['messages']!r}\0{smallest.setting}", finding)
    return list(found.values())


def _asks_too_much(case: Case, failure: _Failure) -> bool:
    """Say whether a collator that reads one question and one answer was given more, and refused or read the wrong two."""
    has_more = case.system is not None or case.has_earlier_turn
    return has_more and (failure.code is RAISES or failure.lacks_answer)


def _is_explained(failure: _Failure, as_it_is: _Failure | None) -> bool:
    """Say whether a variation fails as the sample itself does: with other tokens trained too, or with the same error."""
    if as_it_is is None or failure.code is not as_it_is.code:
        return False
    said = [
        f.reason.partition("the collator")[2] or f.reason for f in (failure, as_it_is)
    ]  # of one sample, or two
    return failure.code is not RAISES or said[0] == said[1]


def supervised_texts(
    collator: str,
    samples: Sequence[Mapping[str, Any]],
    processor: "ProcessorMixin",
    *,
    padding_side: str | None = None,
) -> list[str]:
    """Return what a collator trains of the first of ``samples``, one text a turn; for the tests that findings bring.

    Args:
        collator: ``package.module:name``.
        samples: see ``vtg_core.audit.foreign.collators.SAMPLE_FIELDS``.
        processor: of the checkpoint.
        padding_side: ``"left"`` or ``"right"``; the processor's own unless given.

    Raises:
        MaskingError: the collator cannot be loaded, or returns no batch with a row for each sample.
    """
    loaded = load_collator(collator, processor)
    if isinstance(loaded, ForeignCollator) and padding_side is not None:
        loaded = loaded.padding_on(padding_side, processor)
    if isinstance(loaded, Finding):
        raise MaskingError(loaded.message)
    chat = ChatIds.of(processor)
    row = _first_row(loaded, samples, chat)
    if isinstance(row, str):
        raise MaskingError(row)
    return [chat.decode(ids) for ids in _trained_turns(row)]


class _Fuzzer:
    """Runs cases, and remembers what must be remembered between them."""

    def __init__(self, collator: ForeignCollator, chat: ChatIds) -> None:
        self._collator, self._chat = collator, chat
        self._processor = process_videos_once(chat.processor)
        self._by_side: dict[str, ForeignCollator | Finding] = {}
        self._rewritten: _Truth | None = None

    @property
    def name(self) -> str:
        return self._collator.name

    def expect_last(self, truth: "_Truth") -> None:
        """From now on, expect these words of the collator's own in the place of the sample's answer."""
        self._rewritten = truth

    def failure(self, case: Case) -> _Failure | None:
        """Return how the collator fails on a case; None where it does not, or where we cannot tell what is right."""
        try:
            truth = self.truth(case)
        except VTGError:
            return None
        collator = self._padding_on(case.padding_side)
        if isinstance(collator, Finding):
            return _Failure(RAISES, collator.message)
        samples = [foreign_sample(case.sample, case.messages)]
        samples += [foreign_sample(case.partner)] if case.partner is not None else []
        row = _first_row(collator, samples, self._chat)
        if isinstance(row, str):
            return _Failure(RAISES, row)
        trained = _trained_turns(row)
        if trained in (list(truth.turns), list(truth.turns[-1:])):
            return None
        texts = tuple(self._chat.decode(ids) for ids in trained)
        reason = "trained is something else than the answer and its end of turn"
        lacks_answer = not _holds(row.own_ids.tolist(), list(truth.turns[-1]))
        return _Failure(CHANGED, reason, tuple(trained), texts, trained == _last_answer(row), lacks_answer)

    def truth(self, case: Case) -> _Truth:
        """Return what should be trained.

        Raises:
            VTGError: our own pipeline refuses the case.
        """
        words = template_tokens(case.sample.template.mode)
        chat = render(case.messages, self._processor, template_tokens=words)
        labels = encode(chat, self._processor, [case.video]).labels.numpy()
        turns = tuple(tuple(labels[a:b].tolist()) for a, b in runs_of(labels != IGNORE_INDEX))
        if self._rewritten is not None:
            turns = (*turns[:-1], *self._rewritten.turns)
        return _Truth(turns, tuple(self._chat.decode(ids) for ids in turns))

    def shrink(self, case: Case, failure: _Failure) -> tuple[Case, _Failure]:
        """Return the smallest case found that fails in the same way."""
        calls = 0
        candidates = smaller_cases(case)
        while calls < MAX_SHRINKING_CALLS and (smaller := next(candidates, None)) is not None:
            calls += 1
            again = self.failure(smaller)
            if again is not None and again.code is failure.code:
                case, failure, candidates = smaller, again, smaller_cases(smaller)
        return case, failure

    def _padding_on(self, side: str) -> ForeignCollator | Finding:
        if side == self._chat.tokenizer.padding_side:
            return self._collator
        if side not in self._by_side:
            self._by_side[side] = self._collator.padding_on(side, self._chat.processor)
        return self._by_side[side]


def _first_row(collator: ForeignCollator, samples: Sequence[Mapping[str, Any]], chat: ChatIds) -> Row | str:
    """Return the first row of the batch that a collator makes, or why there is none."""
    batch = run_collator(collator, samples)
    if isinstance(batch, Finding):
        return batch.message
    rows, findings = rows_of(batch, chat)
    if not rows:
        return findings[0].message
    if len(rows) != len(samples):
        return f"{len(samples)} samples were given, and {len(rows)} rows came."
    return rows[0]


def _trained_turns(row: Row) -> list[tuple[int, ...]]:
    """Return the labels of each supervised run, without the header before it and the white space behind it."""
    header = row.chat.openings.get(Role.ASSISTANT) or ()
    turns = []
    for start, end in runs_of(row.supervised):
        ids = row.labels[start:end].tolist()
        if header and tuple(ids[: len(header)]) == header:
            ids = ids[len(header) :]
        stops = [i for i, token_id in enumerate(ids) if token_id == row.chat.end_of_turn]
        if stops and stops[-1] + 1 < len(ids) and not row.chat.decode(ids[stops[-1] + 1 :]).strip():
            ids = ids[: stops[-1] + 1]
        turns.append(tuple(ids))
    return turns


def _last_answer(row: Row) -> list[tuple[int, ...]]:
    """Return the ids of the row's last answer with its end, as the role markers show it; of a plain sample the only."""
    answers = [turn for turn in row.reading.marked if turn.role is Role.ASSISTANT and turn.is_closed]
    return [tuple(row.ids[turn.content : turn.end + 1].tolist()) for turn in answers[-1:]]


def _holds(ids: list[int], part: list[int]) -> bool:
    return any(ids[at : at + len(part)] == part for at in range(len(ids) - len(part) + 1))


def _finding(
    fuzzer: _Fuzzer, case: Case, smallest: Case, failure: _Failure, checkpoint: str, row: int | None
) -> Finding:
    truth = fuzzer.truth(smallest)
    supervised = [_short(text) for text in failure.supervised]
    evidence = {
        "variation": case.name,
        "supervised": supervised,
        "expected": [_short(text) for text in truth.texts],
        "messages": smallest.messages,
        "setting": smallest.setting,
        "test": test_code(fuzzer.name, smallest, truth.texts, checkpoint),
    }
    what = f"{fuzzer.name}: {case.name}: {failure.reason.rstrip('.')}"
    if failure.code is not RAISES:
        shown = " … ".join(supervised) or "nothing"
        what += f": {_short(shown)!r}"
    return failure.code.finding(f"{what}.", evidence=evidence, row=row)


def _short(text: str) -> str:
    return text if len(text) <= SHORT else f"{text[: SHORT // 2]} … {text[-SHORT // 2 :]}"
