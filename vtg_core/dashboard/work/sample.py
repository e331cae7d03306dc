"""The sample on screen: read, encoded, and masked as others would; what their masks would have reported."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.audit.checks.families import AuditedBatch, check_batch
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.collators import ForeignCollator, foreign_samples, load_collator, run_collator
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known, scene_of
from vtg_core.audit.row.row import Known, Row
from vtg_core.bounded_cache import BoundedCache
from vtg_core.chat.markup import template_key
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell, processor_with, video_of
from vtg_core.dataset import OWN, Sample, format_for, sample_of
from vtg_core.errors import LossCancelledError
from vtg_core.masking.encoding import EncodedSample
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import IGNORE_INDEX
from vtg_core.templates import TEMPLATES
from vtg_core.video.sampling import SampledVideo
from vtg_core.views.recipes import YOURS, RecipeView, not_yours, view_yours

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from vtg_core.audit.batch.model_inputs import AskedModel
    from vtg_core.checkpoints.loading import Checkpoint
    from vtg_core.recipes.masks import RecipeMask


@dataclass(frozen=True, eq=False)
class Collated:
    """What a person's own collator made of the sample on screen.

    Attributes:
        batch: its tensors by their names.
        audited: its rows, and what was found.
    """

    batch: Mapping[str, Any]
    audited: AuditedBatch

    @property
    def row(self) -> Row | None:
        """The row that the sample became; None where the batch could not be taken apart."""
        return self.audited.rows[0] if self.audited.rows else None

    @property
    def has_our_tokens(self) -> bool:
        """Whether the row is ours, token for token, with labels that are its ids: one pass then serves both masks."""
        row = self.row
        return row is not None and len(row.ids) == len(row.own_ids) and row.is_our_encoding and row.shows_our_frames and (
            np.array_equal(row.labels[row.trained], row.ids[row.trained])
        )  # fmt: skip


def losses_of(settings: Settings, inputs: Inputs) -> dict[str, float | None]:
    """Return what masks would have reported: every tab shows the same figures, and whoever knows more adds it here."""
    return _LOSSES.get((settings.model_label, settings.device, settings.collator, inputs), dict)


_LOSSES: "BoundedCache[dict[str, float | None]]" = BoundedCache(64)
_COLLATED: "BoundedCache[Collated]" = BoundedCache(2)
_ASKED: "BoundedCache[AskedModel]" = BoundedCache(2)


def read_sample(settings: Settings, inputs: Inputs) -> Sample:
    """Return the sample that the page shows with the template that is chosen.

    Raises:
        VTGError: the video cannot be read, or a window does not lie within it.
    """
    if inputs.template == OWN:
        return own_sample(settings, inputs)
    video = video_of(inputs)
    windows = inputs.windows_within(video.info.duration, clip=settings.clip)
    [template] = [t for t in inputs.templates if (t.mode, t.name) == (inputs.mode, inputs.template)]
    return Sample(video, inputs.query, tuple(windows), template, format_for(template.mode, video))


def own_sample(settings: Settings, inputs: Inputs) -> Sample:
    """Return the sample of the picked row in its own words, whatever stands in the fields.

    Raises:
        VTGError: the video cannot be read, the row does not fit it, or weighs a message otherwise than with 0 or 1.
    """
    assert inputs.own is not None, "read with the inputs"
    return sample_of(
        inputs.own.annotation,
        lambda *_, **__: video_of(inputs),
        template=TEMPLATES[0],
        frames=inputs.frames,
        clip=settings.clip,
    )


def frames_of(sample: Sample) -> SampledVideo:
    """Return the frames of a sample of the page, which are decoded."""
    assert isinstance(sample.video, SampledVideo), "the page decodes what it shows"
    return sample.video


def encode_sample(sample: Sample, inputs: Inputs, checkpoint: "Checkpoint") -> tuple[EncodedSample, Known]:
    """Encode a sample, and say what each of its tokens is; call it under ``ENCODING``.

    Raises:
        VTGError: the processor refuses it, or its mask cannot be proved.
    """
    processor = processor_with(frames_of(sample), checkpoint)
    return encode_known(
        sample.messages,
        processor,
        [frames_of(sample)],
        scene=scene_of(sample),
        policy=sample.trained_by(inputs.policy),
    )


def masks_of(sample: Sample, encoded: EncodedSample, checkpoint: "Checkpoint") -> "list[RecipeMask]":
    """Return what each recipe would train of a sample; call it under ``ENCODING``."""
    from vtg_core.recipes.masks import apply_recipe

    processor = processor_with(frames_of(sample), checkpoint)
    return [
        apply_recipe(recipe, encoded, processor, messages=sample.messages, videos=[frames_of(sample)])
        for recipe in Recipe
    ]


def chat_of(checkpoint: "Checkpoint") -> ChatIds:
    """Return what a checkpoint's ids mean."""
    return ChatIds.of(checkpoint.processor, checkpoint.stop_ids)


def collate(
    settings: Settings, inputs: Inputs, sample: Sample, *, checkpoint: "Checkpoint", known: Known, tell: Tell
) -> Collated | Finding | None:
    """Return what the page's collator makes of a sample, kept while that is on screen; or what is wrong with it.

    It is None where the page was given no collator.
    """
    if not settings.collator:
        return None
    key = (settings.collator, checkpoint.name, inputs)
    try:
        return _COLLATED.get(key, lambda: _collate(settings, sample, checkpoint, known, tell=tell))
    except _WrongError as error:
        return error.finding


def yours_of(settings: Settings, collated: Collated | Finding | None) -> RecipeView | None:
    """Return how a person's own collator stands among the recipes; None where there is none."""
    if collated is None:
        return None
    if isinstance(collated, Finding):
        return not_yours(settings.collator, collated.message)
    if collated.row is None:
        return not_yours(settings.collator, "its batch could not be taken apart; the audit says why")
    return view_yours(settings.collator, collated.row, has_our_tokens=collated.has_our_tokens)


def mask_of(collated: Collated | Finding | None) -> "list[RecipeMask]":
    """Return the collator's mask to score in the pass that scores ours; none where it needs one of its own."""
    from vtg_core.recipes.masks import RecipeMask

    if not isinstance(collated, Collated) or not collated.has_our_tokens:
        return []
    assert collated.row is not None
    return [RecipeMask(YOURS, collated.row.labels != IGNORE_INDEX)]


def loss_of_its_own(
    model: "PreTrainedModel",
    collated: Collated | Finding | None,
    checkpoint: "Checkpoint",
    *,
    on_layer: Callable[[int], None],
) -> dict[str, float | None]:
    """Return what a collator's batch costs, in nats a trained token, where it is not our row; None where it has no loss."""
    import torch

    from vtg_core.loss.score import score

    if not isinstance(collated, Collated) or collated.has_our_tokens or collated.row is None:
        return {}
    taken = inspect.signature(model.forward).parameters
    tensors = {name: torch.as_tensor(value) for name, value in collated.batch.items() if name in taken}
    try:
        [report, *_] = score(model, tensors, checkpoint.processor.tokenizer, on_layer=on_layer)
    except LossCancelledError:
        raise
    except Exception:  # somebody else's batch, of which the audit says what is wrong
        return {YOURS: None}
    return {YOURS: report.mean_nll}


def _collate(
    settings: Settings, sample: Sample, checkpoint: "Checkpoint", known: Known, *, tell: Tell
) -> Collated:
    tell(0.5, f"Running {settings.collator}")
    collator = collator_of(settings, checkpoint)
    batch = collator if isinstance(collator, Finding) else run_collator(collator, foreign_samples([sample]))
    if isinstance(batch, Finding):
        raise _WrongError(batch)
    chat = chat_of(checkpoint)
    return Collated(batch, check_batch(batch, chat, [known], model=asked_model(settings.checkpoint, chat)))


def asked_model(name: str, chat: ChatIds) -> "AskedModel":
    """Return the checkpoint's class, which says whether it takes a batch as it does on the command line; built once."""
    from vtg_core.audit.batch.model_inputs import AskedModel

    return _ASKED.get((name, template_key(chat.processor)), lambda: AskedModel.of_checkpoint(name, chat))


def collator_of(settings: Settings, checkpoint: "Checkpoint") -> ForeignCollator | Finding:
    """Return the collator that the page was started with, or what is wrong with it; one that was found is kept."""
    try:
        return _found_collator(settings.collator, checkpoint)
    except _WrongError as error:
        return error.finding


class _WrongError(Exception):
    """What is not kept: a person may mend it."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding


@lru_cache(maxsize=2)
def _found_collator(name: str, checkpoint: "Checkpoint") -> ForeignCollator:
    found = load_collator(name, checkpoint.processor)
    if isinstance(found, Finding):
        raise _WrongError(found)
    return found
