"""The sample on screen: read, encoded, and masked as others would; what their masks would have reported."""

from typing import TYPE_CHECKING

from vtg_core.audit.row.known import encode_known, scene_of
from vtg_core.audit.row.row import Known
from vtg_core.bounded_cache import BoundedCache
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import processor_with, video_of
from vtg_core.dataset import OWN, Sample, format_for, sample_of
from vtg_core.masking.encoding import EncodedSample
from vtg_core.recipes.rules import Recipe
from vtg_core.templates import TEMPLATES
from vtg_core.video.sampling import SampledVideo

if TYPE_CHECKING:
    from vtg_core.checkpoints.loading import Checkpoint
    from vtg_core.recipes.masks import RecipeMask

RECIPE_LOSSES: "BoundedCache[dict[str, float | None]]" = BoundedCache(64)
"""What recipes would have reported, by model and inputs: every tab shows the same figures, and keeps them."""


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
