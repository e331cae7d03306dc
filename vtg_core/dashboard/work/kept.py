"""What is loaded once and kept while the page is used: the checkpoint, a video's frames, its processed pixels."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from vtg_core.bounded_cache import BoundedCache
from vtg_core.chat.markup import template_key
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.notices import at_field
from vtg_core.dashboard.settings import Settings
from vtg_core.loss.model_shape import ModelShape
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import SampledVideo, sample_frames
from vtg_core.windows import Window

if TYPE_CHECKING:
    from transformers import ProcessorMixin

    from vtg_core.checkpoints.loading import Checkpoint

Tell = Callable[[float, str], None]
"""Tells a person how far a task is, from 0 to 1, and what it does now."""


def tell_nobody(at: float, what: str) -> None:
    """Tell nothing, where nobody waits."""


ENCODING = RLock()
"""Held while a processor that is kept here encodes: it remembers one video, and is not safe to share otherwise."""


def load_checkpoint_of(settings: Settings, tell: Tell, inputs: Inputs | None = None) -> "Checkpoint":
    """Return the checkpoint that the page was started with; with ``inputs``, its chat template as they change it.

    Raises:
        CheckpointError: it cannot be loaded.
        FieldError: its chat template cannot be changed so.
    """
    tell(0.0, "Loading torch and transformers")
    from vtg_core.checkpoints.loading import load_checkpoint

    tell(0.1, f"Loading the processor of {settings.checkpoint}")
    if inputs is None or inputs.chat == settings.template:
        return load_checkpoint(settings.checkpoint, template=settings.template)
    with at_field("template-arg"):
        return load_checkpoint(settings.checkpoint, template=inputs.chat)


def model_shape_of(settings: Settings) -> ModelShape:
    """Return the shape of the page's model, loaded or not; nothing is loaded for it but a config.

    Raises:
        CheckpointError: the config cannot be loaded, or there is no such device.
    """
    from vtg_core.checkpoints.loading import loaded_model

    model = loaded_model(settings.checkpoint, **settings.placement)
    if model is not None:
        return ModelShape.of(model)
    return _shape_of_config(
        settings.checkpoint, settings.device, dtype=settings.dtype, device_map=settings.device_map,
        is_in_4bit=settings.load_in_4bit,
    )  # fmt: skip


@lru_cache(maxsize=4)
def _shape_of_config(
    checkpoint: str, device: str, *, dtype: str, device_map: str, is_in_4bit: bool
) -> ModelShape:
    from vtg_core.checkpoints.loading import load_config
    from vtg_core.checkpoints.placement import resolve_device, resolve_precision

    resolved = resolve_device(device)
    return ModelShape.of_config(
        load_config(checkpoint),
        device=resolved,
        dtype=resolve_precision(dtype, resolved),
        is_spread=bool(device_map),
        is_in_4bit=is_in_4bit,
    )


def video_of(inputs: Inputs) -> SampledVideo:
    """Return the frames that the inputs ask for; decoded once for as long as neither file nor policy changes.

    Raises:
        VideoError: it cannot be read.
    """
    try:
        changed = inputs.video.stat().st_mtime_ns
    except OSError:
        changed = 0  # sample_frames says what is wrong with it
    return _sample_frames(inputs.video, inputs.frames, clip=inputs.clip, changed=changed)


def processor_with(video: SampledVideo, checkpoint: "Checkpoint") -> "ProcessorMixin":
    """Return a processor that has this video's pixels already, or will keep them; use it under ``ENCODING``."""
    return _PROCESSORS.get(_key(video, checkpoint), lambda: process_videos_once(checkpoint.processor))


def keep_processor(video: SampledVideo, checkpoint: "Checkpoint", processor: "ProcessorMixin") -> None:
    """Keep a processor of :func:`vtg_core.masking.processor_call.process_videos_once` that has processed ``video``, and is done."""
    _PROCESSORS.get(_key(video, checkpoint), lambda: processor)


def _key(video: SampledVideo, checkpoint: "Checkpoint") -> tuple[SampledVideo, str, str]:
    return video, checkpoint.name, template_key(checkpoint.processor)


_PROCESSORS: "BoundedCache[ProcessorMixin]" = BoundedCache(2)


@lru_cache(maxsize=2)
def _sample_frames(path: Path, frames: FramePolicy, *, clip: Window | None, changed: int) -> SampledVideo:
    return sample_frames(path, frames, clip=clip)
