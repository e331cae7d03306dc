"""What is audited on the page, and what it says: our own mask, a foreign collator's, a saved batch, a broken one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.audit.bugs.table import BUGS, break_sample
from vtg_core.audit.checks.families import AuditedBatch, check_batch, model_findings
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import scene_of
from vtg_core.audit.row.row import Known, Row
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.masks import AuditSource, Choice
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import ENCODING, Tell, load_checkpoint_of, processor_with
from vtg_core.dashboard.work.sample import (
    Collated,
    asked_model,
    chat_of,
    collate,
    encode_sample,
    frames_of,
    loss_of_its_own,
    losses_of,
    mask_of,
    masks_of,
    read_sample,
    yours_of,
)
from vtg_core.dataset import Sample
from vtg_core.errors import LossCancelledError, VTGError, as_sentence
from vtg_core.masking.encoding import EncodedSample
from vtg_core.regions import IGNORE_INDEX
from vtg_core.views.audit import AuditView, count_wrong, view_audit, view_no_audit, view_row, view_strip
from vtg_core.views.recipes import OURS, RecipesView, RecipeView, no_recipes, view_pair, view_recipes
from vtg_core.views.samples import as_json

if TYPE_CHECKING:
    from vtg_core.checkpoints.loading import Checkpoint
    from vtg_core.recipes.masks import RecipeMask


@dataclass(frozen=True)
class Audited:
    """What the page shows of an audit.

    Attributes:
        strip, audit, recipes: JSON for the components of those names.
        tokens: JSON for the token view; None where our own tokens are shown.
        pair: JSON for the prompt beside ours; empty where it is ours, or of another sample.
    """

    strip: str
    audit: str
    recipes: str
    tokens: str | None = None
    pair: str = ""


OWN_ONLY = "Recipes are compared with our own mask. Choose our collator to see them."


def no_audit(settings: Settings, choice: Choice, problem: str) -> Audited:
    """Return what the page shows where nothing could be audited, and why."""
    view = view_no_audit(choice.name(settings), as_sentence(problem))
    return Audited(as_json(view_strip(view)), as_json(view), as_json(no_recipes()))


def show_audit(settings: Settings, inputs: Inputs | None, choice: Choice, tell: Tell) -> Audited:
    """Audit what a person chose, for the sample that ``inputs`` ask for; a saved batch needs none.

    Raises:
        VTGError: the input, the checkpoint or the batch cannot be used.
    """
    checkpoint = load_checkpoint_of(settings, tell, inputs)
    if choice.source is AuditSource.BATCH:
        return _audit_saved(settings, choice, checkpoint=checkpoint, tell=tell)
    if inputs is None:
        raise VTGError("the last input could not be read, so there is nothing to audit")
    sample = read_sample(settings, inputs)
    if choice.source is AuditSource.BROKEN:
        return _audit_broken(settings, sample, choice=choice, checkpoint=checkpoint)
    with ENCODING:
        encoded, known = encode_sample(sample, inputs, checkpoint)
    return _audit_ours(
        settings, sample, inputs=inputs, choice=choice, checkpoint=checkpoint, encoded=encoded, known=known, tell=tell
    )  # fmt: skip


def show_recipe_losses(
    settings: Settings, inputs: Inputs, tell: Tell, is_cancelled: Callable[[], bool]
) -> str:
    """Run one forward pass, and return the JSON of the recipes with the loss that each would have reported.

    Raises:
        VTGError: the input or the checkpoint cannot be used, the pass does not fit, or it was cancelled.
    """
    from vtg_core.checkpoints.loading import load_model
    from vtg_core.collator import pad
    from vtg_core.loss.forward_pass import num_layers
    from vtg_core.recipes.losses import recipe_losses
    from vtg_core.recipes.masks import RecipeMask

    checkpoint = load_checkpoint_of(settings, tell, inputs)
    sample = read_sample(settings, inputs)
    with ENCODING:
        encoded, known = encode_sample(sample, inputs, checkpoint)
        masks = masks_of(sample, encoded, checkpoint)
    collated = collate(settings, inputs, sample, checkpoint=checkpoint, known=known, tell=tell)
    yours = yours_of(settings, collated)
    if kept := losses_of(settings, inputs):  # the Loss tab may have run them
        return as_json(
            view_recipes(masks, known.tokens, encoded.labels.numpy() != IGNORE_INDEX, kept, yours=yours)
        )
    tell(0.4, f"Loading the model of {settings.model_label}")
    model = load_model(settings.checkpoint, **settings.placement)
    total, ours = num_layers(model), encoded.labels.numpy() != IGNORE_INDEX

    def on_layer(begun: int) -> None:
        if is_cancelled():
            raise LossCancelledError("the forward pass was cancelled; your input is kept")
        tell(
            0.6 + 0.4 * min(begun / total, 1.0), f"Running {len(encoded):,} tokens, layer {begun} of {total}"
        )

    batch = pad([encoded], checkpoint.processor)
    scored = [*masks, RecipeMask(OURS, ours), *mask_of(collated)]
    losses: dict[str, float | None] = dict(recipe_losses(model, batch, scored, on_layer=on_layer))
    losses |= loss_of_its_own(model, collated, checkpoint, on_layer=on_layer)
    losses_of(settings, inputs).update(losses)
    return as_json(view_recipes(masks, known.tokens, ours, losses, yours=yours))


def _audit_ours(
    settings: Settings,
    sample: Sample,
    *,
    inputs: Inputs,
    choice: Choice,
    checkpoint: "Checkpoint",
    encoded: EncodedSample,
    known: Known,
    tell: Tell,
) -> Audited:
    """Audit our own mask, a recipe's or the page's collator's: they stand side by side on one sample."""
    from vtg_core.collator import pad

    with ENCODING:
        masks = masks_of(sample, encoded, checkpoint)
    collated = collate(settings, inputs, sample, checkpoint=checkpoint, known=known, tell=tell)
    yours = yours_of(settings, collated)
    losses = losses_of(settings, inputs) or None
    recipes = view_recipes(masks, known.tokens, encoded.labels.numpy() != IGNORE_INDEX, losses, yours=yours)
    if choice.source is AuditSource.COLLATOR:
        assert collated is not None
        return _audit_collator(settings, collated, choice=choice, recipes=recipes, encoded=encoded)
    batch = pad([encoded], checkpoint.processor)
    if choice.source is AuditSource.RECIPE:
        [mask] = [mask for mask in masks if mask.recipe == choice.recipe]
        if mask.supervised is None:
            problem = f"This recipe cannot be applied here: {mask.reason}."
            nothing = no_audit(settings, choice, problem)
            return replace(nothing, recipes=as_json(recipes), tokens=_as_reason(problem))
        batch = _masked_by(mask, batch)
    audited = check_batch(batch, chat_of(checkpoint), [known])
    shown = [recipe for recipe in recipes.recipes if recipe.name == choice.recipe]
    is_recipe = choice.source is AuditSource.RECIPE
    return _shown(
        audited, choice.name(settings), recipes=recipes, recipe=shown[0] if is_recipe else None, is_ours=True
    )


def _masked_by(mask: "RecipeMask", batch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch of one row with the labels that a recipe would have written."""
    import torch

    supervised = torch.from_numpy(np.asarray(mask.supervised))[None]
    return {**batch, "labels": torch.where(supervised, batch["input_ids"], IGNORE_INDEX)}


def _audit_collator(
    settings: Settings,
    collated: Collated | Finding,
    *,
    choice: Choice,
    recipes: RecipesView,
    encoded: EncodedSample,
) -> Audited:
    name = choice.name(settings)
    if isinstance(collated, Finding):
        return _shown(AuditedBatch((), (collated,)), name, recipes=recipes)
    return _shown(collated.audited, name, recipes=recipes, ours=encoded)


def _audit_broken(settings: Settings, sample: Sample, *, choice: Choice, checkpoint: "Checkpoint") -> Audited:
    [bug] = [known for known in BUGS if known.name == choice.bug]
    banner = f"{bug.title[:1].upper()}{bug.title[1:]} (found in {bug.source})."
    with ENCODING:
        processor = processor_with(frames_of(sample), checkpoint)
        chat = ChatIds.of(processor, checkpoint.stop_ids)
        try:
            batch, chat, known = break_sample(
                bug, sample.messages, [frames_of(sample)], chat, scene_of(sample)
            )
        except VTGError as error:
            return no_audit(settings, choice, f"This bug cannot be put into this sample: {error}")
        if _is_ours(batch, known):
            reason = "This bug changes nothing in this sample; try another one, or the other answer format."
            return no_audit(settings, choice, reason)
        audited = check_batch(batch, chat, known)
    return _shown(audited, choice.name(settings), banner=banner, is_broken=True)


def _is_ours(batch: Mapping[str, Any], known: Sequence[Known]) -> bool:
    """Say whether breaking a sample left it as it was."""
    ids, labels, tokens = np.asarray(batch["input_ids"]), np.asarray(batch["labels"]), known[0].tokens
    return len(known) == 1 and ids.shape == labels.shape == (1, len(tokens)) and set(batch) <= _OWN_TENSORS and (
        np.array_equal(ids[0], tokens.input_ids) and np.array_equal(labels[0], tokens.labels())
    )  # fmt: skip


_OWN_TENSORS = {"input_ids", "labels", "attention_mask", "video_grid_thw", "second_per_grid_ts"}


def _audit_saved(settings: Settings, choice: Choice, *, checkpoint: "Checkpoint", tell: Tell) -> Audited:
    from vtg_core.audit.batch.files import load_batch
    from vtg_core.audit.batch.origin import model_to_ask, origin_findings
    from vtg_core.audit.run import audit_saved_row, saved_rows

    assert settings.batch is not None
    assert choice.row is not None
    tell(0.4, f"Reading {settings.batch.name}")
    batch, chat = load_batch(settings.batch), chat_of(checkpoint)
    rows, findings = saved_rows(batch, chat)
    findings = [*findings, *origin_findings(settings.batch, chat.processor)]
    if rows:
        model = model_to_ask(asked_model(settings.checkpoint, chat), settings.batch)
        findings = [*findings, *model_findings(batch, chat, model, rows, findings, is_whole=False)]
    name = choice.name(settings)
    if not rows:
        return _shown(AuditedBatch((), tuple(findings)), name)
    if choice.row >= len(rows):
        raise VTGError(
            f"the row of the batch must be a number from 0 to {len(rows) - 1:,}, got {choice.row:,}"
        )
    tell(0.7, f"Auditing row {choice.row} of {len(rows):,}")
    row, found = audit_saved_row(rows[choice.row])
    return _shown(AuditedBatch((row,), (*findings, *found)), name)


def _shown(
    audited: AuditedBatch,
    name: str,
    *,
    banner: str = "",
    is_broken: bool = False,
    recipes: RecipesView | None = None,
    recipe: RecipeView | None = None,
    is_ours: bool = False,
    ours: EncodedSample | None = None,
) -> Audited:
    """Return what the page shows of the first row of an audit, and of the batch itself.

    Args:
        audited: the batch.
        name: of what was audited.
        banner, is_broken: what was broken on purpose.
        recipes: what stands beside the mask.
        recipe: of which it is.
        is_ours: the tokens on screen are our own.
        ours: what the row is held against on Prompts; None where it is our own, or of another sample.
    """
    row: Row | None = audited.rows[0] if audited.rows else None
    findings = [f for f in audited.findings if f.row is None or (row is not None and f.row == row.number)]
    view: AuditView = view_audit(findings, row, source=name, banner=banner)
    tokens = None
    if not is_ours:
        no_row = "There is no row to show: the batch could not be taken apart. The Audit tab says why."
        tokens = as_json(view_row(row)) if row is not None else _as_reason(no_row)
    strip = view_strip(view, is_broken=is_broken)
    if row is not None and not is_ours:
        strip = replace(strip, counts=count_wrong(row))
    if recipes is not None and recipe is not None:
        strip = replace(strip, recipe=recipe, num_tokens=recipes.num_tokens)
    return Audited(
        as_json(strip),
        as_json(view),
        as_json(recipes if recipes is not None else no_recipes(OWN_ONLY)),
        tokens,
        as_json(view_pair(name, row, ours)) if row is not None and ours is not None else "",
    )


def _as_reason(text: str) -> str:
    import json

    return json.dumps({"reason": text})
