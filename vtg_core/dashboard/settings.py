"""What the page was started with."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vtg_core.checkpoints.adapters import model_label
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.data.annotations import Annotation, Roots, UnreadableRow
from vtg_core.data.answers import AnswerMode
from vtg_core.data.formats.registry import AUTO
from vtg_core.data.wording.languages import ENGLISH
from vtg_core.templates import PromptTemplate, templates_for
from vtg_core.video.plan import FramePolicy


@dataclass(frozen=True)
class Settings:
    """What the page was started with.

    Attributes:
        checkpoint: a demo's name, a folder or a hub id.
        device, dtype, device_map: see :mod:`vtg_core.checkpoints`.
        frames: which frames are taken until a person says otherwise.
        annotations: rows to pick a sample from; empty where no file was given.
        unreadable: the rows of that file that cannot be read.
        clip: move window ends past a video to its end.
        annotation_file, video_root: where the rows come from; None where no file was given.
        format, video_name: how it is read; see :func:`vtg_core.data.annotations.load_annotations`.
        adapter: a PEFT adapter on the checkpoint's model: a folder or a hub id; empty where none was given.
        load_in_4bit: the model's weights are brought into four bits.
        collator: ``package.module:name`` of a foreign collator to audit; empty where none was given.
        batch: a saved batch to audit; None where none was given.
        template: what is added to the checkpoint's chat template.
        is_public: anybody may come, so each gets less: see :func:`for_visitors` and :mod:`vtg_core.dashboard.serving`.
        language: the code of the one in which the built-in templates ask.
        endpoint, writer: an OpenAI-compatible server up to ``/v1``, and the model of it that writes templates; empty
            where none was given.
    """

    checkpoint: str = "demo"
    device: str = "auto"
    dtype: str = "auto"
    device_map: str = ""
    frames: FramePolicy = field(default_factory=FramePolicy)
    annotations: tuple[Annotation, ...] = ()
    unreadable: tuple[UnreadableRow, ...] = ()
    clip: bool = False
    annotation_file: Path | None = None
    video_root: Roots = None
    collator: str = ""
    batch: Path | None = None
    adapter: str = ""
    format: str = AUTO
    video_name: str = ""
    template: TemplateChange = field(default_factory=TemplateChange)
    is_public: bool = False
    language: str = ENGLISH.code
    load_in_4bit: bool = False
    endpoint: str = ""
    writer: str = ""

    @property
    def reading(self) -> dict[str, Any]:
        """How the annotation file is read, as :func:`vtg_core.load_annotations` takes it."""
        names = ("video_root", "video_name", "clip", "format")
        return {name: getattr(self, name) for name in names}

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that videos may be in: those that were given, or that of the annotation file; none without either."""
        given = self.video_root
        roots = (given,) if isinstance(given, Path | str) else tuple(given or ())
        if not roots and self.annotation_file is not None:
            return (self.annotation_file.parent,)
        return tuple(map(Path, roots))

    @property
    def built_in(self) -> list[PromptTemplate]:
        """The sixteen in the page's language: those for seconds first."""
        return [template for mode in AnswerMode for template in templates_for(mode, self.language)]

    @property
    def takes_files(self) -> bool:
        """Whether the page can be about an annotation file: it was given one, or knows where videos are."""
        return bool(self.roots)

    @property
    def num_in_file(self) -> int:
        """How many rows the annotation file has, those that cannot be read among them."""
        return len(self.annotations) + len(self.unreadable)

    @property
    def last_row(self) -> int:
        """The highest number that a row has in the file, from 1; 0 where there is none."""
        rows = [row.row for row in self.annotations] + [row.row for row in self.unreadable]
        return 1 + max(rows, default=-1)

    @property
    def placement(self) -> dict[str, Any]:
        """What :func:`vtg_core.checkpoints.load_model` is told beside the checkpoint's name."""
        return {
            "device": self.device,
            "dtype": self.dtype,
            "device_map": self.device_map,
            "adapter": self.adapter,
            "load_in_4bit": self.load_in_4bit,
        }

    @property
    def model_label(self) -> str:
        """How the model is named to people: the checkpoint, its bits, and the adapter on it."""
        return model_label(self.checkpoint, self.adapter, load_in_4bit=self.load_in_4bit)


MAX_FRAMES_OF_VISITORS = 128
MAX_PIXELS_OF_VISITORS = 1280 * 720
"""Of a frame; both together bound the memory that one visitor's video takes."""


def for_visitors(frames: FramePolicy) -> FramePolicy:
    """Return the same frames with bounds on what a visitor may ask for; what the operator asks for stands."""
    return replace(
        frames,
        max_frames=max(MAX_FRAMES_OF_VISITORS, frames.num_frames or 0),
        max_pixels=frames.max_pixels or MAX_PIXELS_OF_VISITORS,
    )
