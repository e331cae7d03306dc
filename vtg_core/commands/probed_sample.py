"""The sample that ``probe`` asks about: named by its video, query and windows, or by a row of an annotation file."""

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.commands.answer_option import STANDARD, add_answer_option, add_one_language_option
from vtg_core.commands.terminal import (
    add_reading_options,
    frame_policy,
    natural,
    note_added_tokens,
    reading,
    tell_format,
    template_change,
)
from vtg_core.data.annotations import check_query
from vtg_core.errors import AnnotationError
from vtg_core.templates import TEMPLATE_NAMES, PromptTemplate
from vtg_core.views.results.chosen import templates_of
from vtg_core.windows import Window

if TYPE_CHECKING:
    from vtg_core.checkpoints.loading import Checkpoint
    from vtg_core.dataset import Sample, VideoTemporalSFTDataset
    from vtg_core.inspection import Inspection


def add_sample_options(command: argparse.ArgumentParser) -> None:
    """Add the options that name the sample, the words that ask for it and how it is answered."""
    command.add_argument("--video", metavar="V", help="a local video file")
    command.add_argument("--query", metavar="Q", help="the sentence to look for")
    command.add_argument(
        "--window", nargs=2, type=float, action="append", metavar=("S", "E"),
        help="when it happens, in seconds; may be given more than once",
    )  # fmt: skip
    command.add_argument(
        "--annotations", metavar="F", help="instead of these three: an annotation file, and a row of it"
    )
    command.add_argument(
        "--row",
        type=natural,
        metavar="N",
        help="which of its rows, from 0, as the file has them (default: the first that can be read)",
    )
    add_reading_options(command)
    command.add_argument(
        "--other-query", metavar="Q2",
        help="a sentence about another moment, for the controls (default: of --annotations, another row's)",
    )  # fmt: skip
    command.add_argument(
        "--template", default=TEMPLATE_NAMES[0], choices=TEMPLATE_NAMES,
        help=f"the prompt template (default: {TEMPLATE_NAMES[0]})",
    )  # fmt: skip
    add_answer_option(command, default=STANDARD, what="the answer is")
    add_one_language_option(command)


def check_sample_usage(options: argparse.Namespace) -> None:
    """Leave with wrong usage unless the options name a sample in one of the two ways."""
    fail = options.usage.error
    by_hand = (options.video, options.query, options.window)
    if options.annotations and any(by_hand):
        fail("give --video, --query and --window, or --annotations, not both")
    if not options.annotations and not all(by_hand):
        fail("give --video, --query and --window, or --annotations")
    if not options.annotations and (options.row is not None or options.video_root is not None):
        fail("--row and --video-root belong to --annotations")


@dataclass(frozen=True, eq=False)
class ProbedSample:
    """What is asked about.

    Attributes:
        checkpoint: its processor.
        inspection: the sample, encoded.
        other_query: a sentence about another moment, if there is one.
    """

    checkpoint: "Checkpoint"
    inspection: "Inspection"
    other_query: str | None

    @classmethod
    def of(cls, options: argparse.Namespace) -> "ProbedSample":
        """Read the sample that the options name.

        Raises:
            VTGError: the options, the video or the row are wrong, or no mask can be proved.
        """
        [template] = templates_of(options.answer, options.template, [options.language])
        sample, other = (_row if options.annotations else _by_hand)(options, template)

        from vtg_core.checkpoints.loading import load_checkpoint
        from vtg_core.collator import SFTCollator
        from vtg_core.inspection import Inspection

        checkpoint = load_checkpoint(options.checkpoint, template=template_change(options))
        note_added_tokens(checkpoint.added_tokens)
        return cls(checkpoint, Inspection(sample, SFTCollator(checkpoint.processor).encode(sample)), other)

    def header(self, options: argparse.Namespace) -> dict[str, Any]:
        """Return what is asked about, as the JSON holds it."""
        from vtg_core.checkpoints.adapters import model_label

        sample, info = self.inspection.sample, self.inspection.sample.video.info
        return {
            "checkpoint": model_label(options.checkpoint, options.adapter, load_in_4bit=options.load_in_4bit),
            "video": {
                "path": str(info.path),
                "duration": info.duration,
                "fps": info.fps,
                "timestamps": list(sample.video.timestamps),
                "decoder": sample.video.metadata.get("video_backend"),
            },
            "where": sample.annotation.where if sample.annotation is not None else "",
            "query": sample.query,
            "windows": [list(window) for window in sample.windows],
            "template": sample.template.name,
            "mode": str(sample.template.mode),
            "answer": sample.answer,
        }


def _by_hand(options: argparse.Namespace, template: PromptTemplate) -> tuple["Sample", str | None]:
    check_query(options.query)
    windows = [Window(start, end) for start, end in options.window]
    frames = frame_policy(options)

    from vtg_core.dataset import Sample, format_for
    from vtg_core.video.sampling import sample_frames

    video = sample_frames(options.video, frames)
    within = tuple(window.check_within(video.info.duration, clip=options.clip) for window in windows)
    sample = Sample(video, options.query, within, template, format_for(template.mode, video))
    return sample, options.other_query


def _row(options: argparse.Namespace, template: PromptTemplate) -> tuple["Sample", str | None]:
    from vtg_core.data.annotations import OnError
    from vtg_core.dataset import VideoTemporalSFTDataset, refuse_own_words
    from vtg_core.probes.altered_samples import find_other_query

    dataset = VideoTemporalSFTDataset(
        options.annotations,
        **reading(options),
        answer_form=str(template.mode),
        templates=[template],
        frames=frame_policy(options),
        on_error=OnError.SKIP,
    )
    tell_format(dataset)
    index, other = _index_of(options.row, dataset), options.other_query
    refuse_own_words(dataset.annotations[index])
    return dataset[index], find_other_query(dataset.annotations, index) if other is None else other


def _index_of(row: int | None, dataset: "VideoTemporalSFTDataset") -> int:
    """Return which of the rows that can be read stands at ``row`` of the file, from 0; the first unless one is named.

    Raises:
        AnnotationError: there is none, or it cannot be read.
    """
    found = {annotation.row: index for index, annotation in enumerate(dataset.annotations)}
    if row is None and found:
        return 0
    if row in found:
        return found[row]
    for unread in dataset.unreadable:
        if row in (None, unread.row):
            raise AnnotationError(unread.reason)
    raise AnnotationError(f"--row must be one of the file's {len(found):,} rows that can be read, got {row}")
