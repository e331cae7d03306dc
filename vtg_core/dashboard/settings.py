"""What the page was started with."""

from dataclasses import dataclass, field
from pathlib import Path

from vtg_core.annotations import Annotation
from vtg_core.video import FramePolicy

ASSETS = Path(__file__).resolve().parents[2] / "assets"


@dataclass(frozen=True)
class Settings:
    """What the page was started with.

    Attributes:
        checkpoint: a demo's name, a folder or a hub id.
        device, dtype: see :mod:`vtg_core.checkpoints`.
        frames: which frames are taken until a person says otherwise.
        annotations: rows to pick a sample from; empty where no file was given.
        skipped: one sentence for each row of that file that could not be read.
        clip: move window ends past a video to its end.
    """

    checkpoint: str = "demo"
    device: str = "auto"
    dtype: str = "auto"
    frames: FramePolicy = field(default_factory=FramePolicy)
    annotations: tuple[Annotation, ...] = ()
    skipped: tuple[str, ...] = ()
    clip: bool = False
