"""What a person should see of other masks beside ours, of recipes and of their own collator: plain values, documented
field by field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from vtg_core.audit.row.row import Row
from vtg_core.masking.labelled_tokens import LabelledTokens
from vtg_core.recipes.masks import RecipeMask, compare
from vtg_core.recipes.rules import Recipe

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
