"""Whose mask the page shows: one switch for every tab. A mask is a name, and so it can stand in an address."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from vtg_core.audit.bugs.table import BUGS
from vtg_core.dashboard.settings import Settings
from vtg_core.errors import VTGError
from vtg_core.recipes.rules import Recipe

LARGEST = 2**53
"""From here on a browser's numbers are not exact."""


class AuditSource(StrEnum):
    """Where a mask comes from."""

    OURS = "ours"
    COLLATOR = "collator"
    BATCH = "batch"
    RECIPE = "recipe"
    BROKEN = "broken"


@dataclass(frozen=True)
class Choice:
    """The mask that a person chose.

    Attributes:
        source: whose labels.
        row: of the saved batch, from 0; None where it is not known.
        bug: the bug that breaks ours, by name.
        recipe: somebody else's way to mask, by name.
    """

    source: AuditSource = AuditSource.OURS
    row: int | None = 0
    bug: str = BUGS[0].name
    recipe: str = Recipe.TEXT_PREFIX

    @classmethod
    def of(cls, settings: Settings, mask: object) -> "Choice":
        """Return the choice of a mask alone, which names it where the rest of the choice is wrong; else ours."""
        return _known(settings).get(str(mask), cls())

    @classmethod
    def read(cls, settings: Settings, mask: object, row: float | None) -> "Choice":
        """Read the values of the page; the row plays a part in a batch alone.

        Raises:
            VTGError: a value is none of the page's own.
        """
        if not isinstance(mask, str) or mask not in _known(settings):
            raise VTGError("the mask must be among the page's own choices")
        choice = cls.of(settings, mask)
        return cls(AuditSource.BATCH, row=_row(row)) if choice.source is AuditSource.BATCH else choice

    def name(self, settings: Settings) -> str:
        """Return what the strip calls it."""
        if self.source is AuditSource.BATCH:
            batch = settings.batch.name if settings.batch else ""
            return batch if self.row is None else f"{batch}, row {self.row}"
        names = {
            AuditSource.OURS: "our collator",
            AuditSource.COLLATOR: settings.collator,
            AuditSource.RECIPE: f"recipe: {self.recipe}",
            AuditSource.BROKEN: f"broken: {self.bug}",
        }
        return names[self.source]


def first_mask(settings: Settings) -> str:
    """Return whose mask is shown when the page opens: of what it was given; on a first visit, one that leaks."""
    if settings.collator:
        return AuditSource.COLLATOR
    if settings.batch is not None:
        return AuditSource.BATCH
    return Recipe.TEXT_PREFIX if is_first_visit(settings) else AuditSource.OURS


def is_first_visit(settings: Settings) -> bool:
    """Say whether the page was given nothing of a person's own."""
    given = (
        settings.collator,
        settings.batch,
        settings.annotation_file,
        settings.annotations,
        settings.video_root,
    )
    return settings.checkpoint == "demo" and not any(given)


def mask_choices(settings: Settings) -> str:
    """Return the JSON of what there is to choose from: (group, (mask, what it is called) of it)."""
    yours = [(AuditSource.COLLATOR, settings.collator)] if settings.collator else []
    if settings.batch is not None:
        yours.append((AuditSource.BATCH, f"saved batch {settings.batch.name}"))
    groups = [
        ("Ours", [(AuditSource.OURS, "our collator")]),
        ("Yours", yours),
        ("Recipes of public code", [(str(recipe), str(recipe)) for recipe in Recipe]),
        ("Ours, broken on purpose", [(bug.name, f"{bug.name}: {bug.title}") for bug in BUGS]),
    ]
    return json.dumps([group for group in groups if group[1]])


def chosen_mask(sent: object) -> tuple[object, int]:
    """Return the mask that the page sent, and how many audits it had asked for with this one; 0 where it does not say."""
    if not isinstance(sent, dict):
        return sent, 0
    asked = sent.get("asked")
    if not isinstance(asked, int) or isinstance(asked, bool) or not 0 <= asked < LARGEST:
        asked = 0
    return sent.get("mask"), asked


def is_of_sample(mask: object) -> bool:
    """Say whether recipes are compared beside a mask: it is ours, a collator's or a recipe's, on the sample on screen."""
    return mask in (AuditSource.OURS, AuditSource.COLLATOR, *Recipe)


def _known(settings: Settings) -> dict[str, Choice]:
    return dict(_choices(settings))


def _choices(settings: Settings) -> Iterator[tuple[str, Choice]]:
    """Every mask of the page by its name; a test holds that no two have one name."""
    yield AuditSource.OURS, Choice()
    if settings.collator:
        yield AuditSource.COLLATOR, Choice(AuditSource.COLLATOR)
    if settings.batch is not None:
        yield AuditSource.BATCH, Choice(AuditSource.BATCH, row=None)
    for recipe in Recipe:
        yield recipe, Choice(AuditSource.RECIPE, recipe=recipe)
    for bug in BUGS:
        yield bug.name, Choice(AuditSource.BROKEN, bug=bug.name)


def _row(row: float | None) -> int:
    if row is None:
        raise VTGError("the row of the batch must be a whole number from 0, and the field is empty")
    if not 0 <= row < LARGEST or row != int(row):
        raise VTGError(f"the row of the batch must be a whole number from 0, got {row:g}")
    return int(row)
