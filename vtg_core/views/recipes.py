"""What a person should see of recipes beside our mask, and of their own collator beside it all: plain values, documented
field by field.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.row import Row
from vtg_core.chat.control_tokens import placeholder_ids
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.labelled_tokens import LabelledTokens, regions_of
from vtg_core.recipes.masks import RecipeMask, compare
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import IGNORE_INDEX, VIDEO_KINDS, Region, RegionKind

USED_BY = {
    Recipe.TEXT_PREFIX: (
        "masks as many tokens as the prompt's text has before its video is expanded",
        "VideoMind",
    ),
    Recipe.PROCESSOR_PREFIX: ("masks as many tokens as the processor makes of the prompt", "LLaMA-Factory"),
    Recipe.ROLE_MARKERS: ("trains from the assistant's header to its end of turn", "NeMo Automodel"),
    Recipe.BARE_ASSISTANT: ("trains what follows any token that reads assistant", "qwen-vl-finetune"),
    Recipe.GENERATION_TAGS: ("trains what the chat template marks as generated", "TRL's assistant_only_loss"),
    Recipe.PAD_ONLY: ("masks padding and video placeholders only", "Time-R1"),
    Recipe.ALL_TOKENS: ("trains every token but padding", "TRL's vision collator"),
}
"""What each recipe does, and one place where it is found."""


@dataclass(frozen=True)
class RecipeView:
    """One recipe on the sample on screen.

    Attributes:
        name: of the recipe.
        does, used_by: what it does, and one place where it is found.
        num_supervised: how many tokens it trains; None where it cannot be applied.
        leaks, holes: (region kind, tokens) that it trains and we do not, and the other way round, most first.
        reason: why it cannot be applied; empty where it can.
        loss: what it would have reported, in nats a token; None where no forward pass was run, or nothing is trained.
        runs: (first token, one behind the last, code) where a recipe or we train; 1 is agree, 2 leak, 3 hole.
    """

    name: str
    does: str
    used_by: str
    num_supervised: int | None
    leaks: list[tuple[str, int]]
    holes: list[tuple[str, int]]
    reason: str
    loss: float | None
    runs: list[tuple[int, int, int]]


@dataclass(frozen=True)
class RecipesView:
    """All recipes on the sample on screen, and a person's own collator.

    Attributes:
        note: why there are none to show; empty where there are.
        num_tokens: of the sample.
        num_ours: how many of them our mask trains.
        our_loss: our own loss in the same forward pass; None where none was run.
        is_scored: a forward pass was run.
        recipes: in the order of :class:`~vtg_core.recipes.rules.Recipe`.
        yours: what the person's own collator trains; None where the page was given none.
    """

    note: str
    num_tokens: int
    num_ours: int
    our_loss: float | None
    is_scored: bool
    recipes: list[RecipeView]
    yours: RecipeView | None = None


SAID_MOST = 60
"""So many characters are quoted of where two prompts part."""
OURS, YOURS = "ours", "collator"
"""The keys of our own mask among losses, and of a person's own collator."""


def no_recipes(note: str = "") -> RecipesView:
    """Return the view where recipes cannot be compared, and why."""
    return RecipesView(note, 0, 0, None, False, [])


def view_recipes(
    masks: Sequence[RecipeMask],
    tokens: LabelledTokens,
    ours: np.ndarray,
    losses: Mapping[str, float | None] | None = None,
    *,
    yours: RecipeView | None = None,
) -> RecipesView:
    """Return the view of a sample's recipes.

    Args:
        masks: of every recipe on this sample.
        tokens: what each token of the sample is.
        ours: what our mask trains; bool, shape (L,).
        losses: nats a supervised token by recipe, and our own under ``OURS``; None where no pass was run.
        yours: what a person's own collator trains.
    """
    scored = losses or {}
    return RecipesView(
        note="",
        num_tokens=len(tokens),
        num_ours=int(ours.sum()),
        our_loss=scored.get(OURS),
        is_scored=losses is not None,
        recipes=[_view(mask, tokens, ours=ours, loss=scored.get(mask.recipe)) for mask in masks],
        yours=None if yours is None else replace(yours, loss=scored.get(YOURS)),
    )


def view_yours(name: str, row: Row, *, has_our_tokens: bool) -> RecipeView:
    """Return the view of a person's own collator, held against the mask that is proved of its own row.

    Args:
        name: of the collator.
        row: what it made of the sample on screen.
        has_our_tokens: so one forward pass serves both.
    """
    does = (
        "your collator"
        if has_our_tokens
        else "your collator; its row is not ours, so it has a pass of its own"
    )
    proven = row.reading.verdict
    if proven is None:
        return not_yours(name, "no two independent readings of its row agree on what should be trained")
    codes = np.select([row.supervised & proven, row.supervised, proven], [1, 2, 3], 0)
    leaks, holes = (list(row.count_by_kind(codes == code).items()) for code in (2, 3))
    return RecipeView(name, does, "", int(row.supervised.sum()), leaks, holes, "", None, _runs(codes))


def not_yours(name: str, reason: str) -> RecipeView:
    """Return the view of a collator that gave nothing to compare, and why."""
    return RecipeView(name, "your collator", "", None, [], [], reason.rstrip("."), None, [])


def _view(mask: RecipeMask, tokens: LabelledTokens, *, ours: np.ndarray, loss: float | None) -> RecipeView:
    does, used_by = USED_BY[Recipe(mask.recipe)]
    if mask.supervised is None:
        return RecipeView(str(mask.recipe), does, used_by, None, [], [], mask.reason, None, [])
    compared = compare(mask, tokens, ours)
    return RecipeView(
        name=str(mask.recipe),
        does=does,
        used_by=used_by,
        num_supervised=compared.num_supervised,
        leaks=[(str(kind), count) for kind, count in compared.leaks.items()],
        holes=[(str(kind), count) for kind, count in compared.holes.items()],
        reason="",
        loss=loss,
        runs=_runs(compared.codes),
    )


def _runs(codes: np.ndarray) -> list[tuple[int, int, int]]:
    borders = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    runs = pairwise(borders)
    return [(start, end, int(codes[start])) for start, end in runs if end > start and codes[start]]


@dataclass(frozen=True)
class PairPart:
    """Tokens of one region that are in both prompts, or in this one alone.

    Attributes:
        kind: of the region; ``video`` with its time stamps.
        pieces: its text in order, as (text, how often it stands there in a row), see
            :class:`vtg_core.views.samples.PromptPart`.
        num_tokens, num_supervised: in all; in the loss.
        is_other: what stands between the prompts' common beginning and their common end.
        fault: ``leak`` or ``hole`` where all of it is in or out of the loss and should not be; else empty.
    """

    kind: str
    pieces: list[tuple[str, int]]
    num_tokens: int
    num_supervised: int
    is_other: bool
    fault: str = ""


@dataclass(frozen=True)
class PairSide:
    """One of the two prompts, as the model reads it.

    Attributes:
        name: whose it is.
        text: all of it, each run of one placeholder as one; what the copy button copies.
        num_tokens, num_supervised: in all; in the loss.
        parts: in order.
    """

    name: str
    text: str
    num_tokens: int
    num_supervised: int
    parts: list[PairPart]


@dataclass(frozen=True)
class PairView:
    """Somebody else's prompt beside ours; ``said`` is one sentence on where they part."""

    said: str
    sides: list[PairSide]


def view_pair(name: str, row: Row, ours: EncodedSample) -> PairView:
    """Return the view of a row that ``name`` made of a sample beside our own encoding of it."""
    own = ours.input_ids.numpy()
    parting, (our_end, their_end) = _parting(own, row.ids)
    right = ours.labels.numpy() != IGNORE_INDEX
    proven = row.supervised if row.reading.verdict is None else row.reading.verdict
    sides = [
        _side("our collator", own, right, right, ours.regions, row.chat, (parting, our_end)),
        _side(
            name,
            row.ids,
            row.supervised,
            proven,
            regions_of(row.kinds, row.turns),
            row.chat,
            (parting, their_end),
        ),
    ]
    return PairView(_said(own, row, parting=parting, ends=(our_end, their_end)), sides)


def _parting(ours: np.ndarray, theirs: np.ndarray) -> tuple[int, tuple[int, int]]:
    """Return the first token at which two rows differ, and in each the first of what they end with alike."""
    most = min(len(ours), len(theirs))
    before = _num_equal(ours[:most], theirs[:most])
    rest = most - before
    behind = _num_equal(ours[::-1][:rest], theirs[::-1][:rest])
    return before, (len(ours) - behind, len(theirs) - behind)


def _num_equal(ours: np.ndarray, theirs: np.ndarray) -> int:
    differing = np.flatnonzero(ours != theirs)
    return int(differing[0]) if len(differing) else len(ours)


def _said(ours: np.ndarray, row: Row, *, parting: int, ends: tuple[int, int]) -> str:
    if parting == len(ours) == len(row.ids):
        return f"Its {len(row.ids):,} tokens are those of our own row, one by one; what differs is the mask."
    texts = (
        _quoted(row.chat.decode(ids[parting:end])) for ids, end in zip((ours, row.ids), ends, strict=True)
    )
    our_text, their_text = texts
    return (
        f"It has {len(row.ids):,} tokens and our row {len(ours):,}; they part at token {parting:,}, where ours has {our_text} and "
        f"this one {their_text}."
    )


def _quoted(text: str) -> str:
    if not text:
        return "nothing"
    return f"“{text[:SAID_MOST]}…”" if len(text) > SAID_MOST else f"“{text}”"


def _side(
    name: str,
    ids: np.ndarray,
    trained: np.ndarray,
    proven: np.ndarray,
    regions: Sequence[Region],
    chat: ChatIds,
    other: tuple[int, int],
) -> PairSide:
    verdicts = np.select([trained & ~proven, proven & ~trained], [1, 2], 0)
    parts = [
        PairPart(
            kind=kind,
            pieces=list(_pieces(ids[start:end], chat, is_padding=kind == RegionKind.PADDING)),
            num_tokens=end - start,
            num_supervised=int(trained[start:end].sum()),
            is_other=other[0] <= start < other[1],
            fault=("", "leak", "hole")[int(verdicts[start:end].min())],
        )
        for kind, start, end in _sections(regions, [*other, *np.flatnonzero(np.diff(verdicts)) + 1])
    ]
    whole = (ids[start:end] for _, start, end in _sections(regions, ()))
    text = "".join(piece for some in whole for piece, _ in _pieces(some, chat, is_padding=False))
    return PairSide(name, text, len(ids), int(trained.sum()), parts)


def _sections(regions: Sequence[Region], cuts: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, first token, one behind the last): a video with its stamps is one, and none goes across a cut."""
    for kind, run in groupby(
        regions, key=lambda region: RegionKind.VIDEO if region.kind in VIDEO_KINDS else region.kind
    ):
        members = list(run)
        start, end = members[0].start, members[-1].end
        borders = sorted({start, end, *(int(cut) for cut in cuts if start < cut < end)})
        for first, last in pairwise(borders):
            yield str(kind), first, last


def _pieces(ids: np.ndarray, chat: ChatIds, *, is_padding: bool) -> Iterator[tuple[str, int]]:
    placeholders = placeholder_ids(chat.processor)
    for token_id, run in groupby(ids.tolist(), key=lambda i: i if is_padding or i in placeholders else None):
        members = list(run)
        if token_id is None:
            yield chat.decode(members), 1
        else:
            yield chat.decode([token_id]), len(members)
