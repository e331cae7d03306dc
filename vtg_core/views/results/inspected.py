"""A row that is typed, not read from a file: what templates make of it, as prompts, tokens and masks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.data.annotations import check_query
from vtg_core.templates import PromptTemplate
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

if TYPE_CHECKING:
    from vtg_core.checkpoints.loading import Checkpoint
    from vtg_core.inspection import Inspection
    from vtg_core.video.decoders import DecoderDifference


@dataclass(frozen=True)
class TypedRow:
    """One question about one video.

    Attributes:
        video: path of the file.
        query: the sentence.
        windows: when it happens, in seconds.
        frames: which frames are taken.
        clip: move window ends past the video to its end.

    Raises:
        AnnotationError: the sentence is none that a template can ask.
    """

    video: Path | str
    query: str
    windows: tuple[Window, ...]
    frames: FramePolicy = field(default_factory=FramePolicy)
    clip: bool = False

    def __post_init__(self) -> None:
        check_query(self.query)


@dataclass(frozen=True)
class Reading:
    """A row that was read.

    Attributes:
        header: what ``inspect`` says of it before any template: checkpoint, video, query and windows.
        checkpoint: whose processor encodes it.
        inspections: one a template, made as they are asked for.
        remark: what is odd about the video's clock; empty where nothing is.
    """

    header: dict[str, Any]
    checkpoint: "Checkpoint"
    inspections: Iterator["Inspection"]
    remark: str = ""


def read_row(
    row: TypedRow,
    checkpoint: str,
    templates: Sequence[PromptTemplate],
    *,
    template: TemplateChange | None = None,
) -> Reading:
    """Decode a row's video, load the checkpoint, and get ready to encode what each template makes of them.

    Args:
        row: which.
        checkpoint: a demo's name, a folder or a hub id.
        templates: each is answered in the format of its own mode.
        template: what is added to the checkpoint's chat template.

    Raises:
        VTGError: the video or the checkpoint cannot be used, or a window does not lie within the video.
    """
    from vtg_core.checkpoints.loading import load_checkpoint
    from vtg_core.inspection import inspect_templates
    from vtg_core.video.sampling import sample_frames

    video = sample_frames(row.video, row.frames)
    windows = [window.check_within(video.info.duration, clip=row.clip) for window in row.windows]
    header = {
        "checkpoint": checkpoint,
        "video": {
            "duration": video.info.duration,
            "fps": video.info.fps,
            "timestamps": list(video.timestamps),
            "decoder": str(video.backend),
        },
        "query": row.query,
        "windows": [list(window) for window in windows],
    }
    loaded = load_checkpoint(checkpoint, template=template or TemplateChange())
    inspections = inspect_templates(
        video, row.query, windows, processor=loaded.processor, templates=templates
    )
    return Reading(header, loaded, inspections, video.info.clock_remark)


@dataclass(frozen=True)
class Inspected:
    """What ``inspect`` found.

    Attributes:
        header: of the reading.
        samples: one a template, as the JSON holds them.
        others: how the other decoders that are installed read the same frames.
    """

    header: dict[str, Any]
    samples: list[dict[str, Any]]
    others: "list[DecoderDifference]"

    def as_dict(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        video = {**self.header["video"], "other_decoders": [asdict(other) for other in self.others]}
        return {**self.header, "video": video, "samples": self.samples}


def inspect_row(reading: Reading) -> Inspected:
    """Encode what each template makes of a row.

    Raises:
        MaskingError: the mask of a template cannot be proved.
    """
    samples, others = list[dict[str, Any]](), list["DecoderDifference"]()
    for inspection in reading.inspections:
        others = others if samples else _other_decoders(inspection)
        samples.append(_sample(inspection))
    return Inspected(reading.header, samples, others)


def num_tokens(sample: dict[str, Any], kinds: Iterable[str]) -> int:
    """Return how many tokens of a sample lie in regions of these kinds."""
    wanted = set(kinds)
    return sum(end - start for kind, start, end in sample["regions"] if kind in wanted)


def _other_decoders(inspection: "Inspection") -> "list[DecoderDifference]":
    from vtg_core.video.sampling import SampledVideo, other_decoders

    video = inspection.sample.video
    return other_decoders(video) if isinstance(video, SampledVideo) else []


def _sample(inspection: "Inspection") -> dict[str, Any]:
    sample, encoded = inspection.sample, inspection.encoded
    return {
        "template": sample.template.name,
        "mode": str(sample.template.mode),
        "prompt": sample.prompt.text,
        "rendered": encoded.chat.text,
        "answer": sample.answer,
        "input_ids": encoded.input_ids.tolist(),
        "labels": encoded.labels.tolist(),
        "regions": [[str(region.kind), region.start, region.end] for region in encoded.regions],
    }
