"""What an audit in parts is asked for: the same in every process, and in its fingerprints."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vtg_core
from vtg_core.audit.foreign.collators import module_files
from vtg_core.checkpoints.loading import DEFAULT_CHECKPOINT, fingerprint, load_processor
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.data.annotations import Annotation
from vtg_core.errors import AnnotationError
from vtg_core.templates import TemplateSelector
from vtg_core.video.plan import FramePolicy

if TYPE_CHECKING:
    from transformers import ProcessorMixin

    from vtg_core.audit.shards.worker import Worker

ROWS_PER_SHARD = 1_000
"""About a second's work of a process: as much is done again, for each process, where a run is killed."""

DECODED_ROWS_PER_SHARD = 100
"""The same where frames are decoded, which takes a second a row and more."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How rows are audited; it can be sent to another process.

    Attributes:
        selector: chooses the template of each row.
        frames: which frames are taken.
        checkpoint: its name.
        change: what is added to its chat template.
        clip: move window ends past a video to its end.
        max_length: tokens that training keeps; None for all.
        sees_pixels: decode every video and show it to the processor.
        collator: the name of the collator that is audited; empty for our own path.
        batch_size: rows a batch of it.
        folder: where the collator is looked for beside the installed packages; empty for the current folder.
    """

    selector: TemplateSelector
    frames: FramePolicy
    checkpoint: str = DEFAULT_CHECKPOINT
    change: TemplateChange = TemplateChange()  # noqa: RUF009  # frozen
    clip: bool = False
    max_length: int | None = None
    sees_pixels: bool = False
    collator: str = ""
    batch_size: int = 2
    folder: str = ""

    @property
    def probes(self) -> bool:
        """Whether the videos of rows are probed before them."""
        return True

    def begin(self) -> "Worker":
        """Return who audits rows this way, in whichever process this is.

        Raises:
            VTGError: its checkpoint or its collator cannot be loaded.
        """
        from vtg_core.audit.shards.worker import Worker

        return Worker(self)


@dataclass(frozen=True)
class Videos:
    """What is known of the videos of a block before its rows are audited.

    Attributes:
        whole: for each video, by its path, its size in bytes, its time of change in ns, and its packed timeline.
        broken: for each that cannot be read, by its path, why.
    """

    whole: Mapping[str, tuple[int, int, bytes]]
    broken: Mapping[str, str]


NO_VIDEOS = Videos({}, {})


@dataclass(frozen=True)
class Block:
    """Rows that become a shard.

    Attributes:
        number: of the shard, from 0.
        rows: in the file's order, of an audit each an annotation or why it is none; of each that can be read how many of
            those came before it in the file, -1 of another.
        videos: what is known of their videos.
    """

    number: int
    rows: tuple[tuple[int, Any], ...]
    videos: Videos = NO_VIDEOS

    @property
    def paths(self) -> list[str]:
        """The paths of the videos, each once."""
        return list(dict.fromkeys(str(row.video) for _, row in self.rows if isinstance(row, Annotation)))


def fingerprints_of(
    setup: Setup, file: Path, *, reading: Mapping[str, Any], rows: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what must be the same for results of an audit to belong together, as values that JSON can hold.

    Args:
        setup: how rows are audited.
        file: the annotation file; it is read once, for its digest.
        reading: how the file is read.
        rows: which of its rows are taken, and how many make a shard.

    Raises:
        AnnotationError: the file cannot be read.
        CheckpointError: there is no such checkpoint.
    """
    return _plain(
        {
            **fingerprints_of_file(file, reading=reading, rows=rows),
            **fingerprints_of_tokens(
                setup.checkpoint, setup.change, frames=setup.frames, selector=setup.selector
            ),
            "max_length": setup.max_length,
            "pixels": setup.sees_pixels,
            "collator": _collator(setup),
        }
    )


def fingerprints_of_file(
    file: Path, *, reading: Mapping[str, Any], rows: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what any results of a file's rows depend on; see :func:`fingerprints_of`.

    Raises:
        AnnotationError: the file cannot be read.
    """
    return _plain(
        {
            "version": vtg_core.__version__,
            "transformers": version("transformers"),
            "file": {"name": file.name, "bytes": _size(file), "sha256": _digest_of_files([file])},
            "reading": dict(reading),
            "rows": dict(rows),
        }
    )


def fingerprints_of_tokens(
    checkpoint: str, change: TemplateChange, *, frames: FramePolicy, selector: TemplateSelector
) -> dict[str, Any]:
    """Return what the tokens of rows depend on beside the rows; see :class:`Setup`.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    words = [asdict(template) for template in selector.templates]
    return _plain(
        {
            "checkpoint": {"name": checkpoint, "files": fingerprint(checkpoint)},
            "chat template": _chat_template(load_processor(checkpoint, template=change)),
            "frames": asdict(frames),
            "prompt templates": {
                "names": [template.name for template in selector.templates],
                "languages": selector.languages,
                "task": str(selector.task),
                "sha256": _digest(json.dumps(words, sort_keys=True).encode()),
            },
        }
    )


def _collator(setup: Setup) -> dict[str, Any] | None:
    if not setup.collator:
        return None
    source = _digest_of_files(sorted(module_files(setup.collator)))
    return {"name": setup.collator, "batch_size": setup.batch_size, "source": source}


def _chat_template(processor: "ProcessorMixin") -> str:
    given = getattr(processor, "chat_template", None) or processor.tokenizer.chat_template
    return _digest(json.dumps(given, sort_keys=True).encode())


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:
        raise AnnotationError(f"annotation file {file.name} cannot be read: {error.strerror}") from None


def _digest_of_files(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        try:
            with file.open("rb") as stream:
                while piece := stream.read(1 << 20):
                    digest.update(piece)
        except OSError as error:
            raise AnnotationError(f"{file.name} cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _plain(values: Any) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return plain
