"""The rows of a report: of samples that we encode, and of anyone's batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known, scene_of
from vtg_core.audit.row.row import Row
from vtg_core.audit.run import audit_saved_row, saved_rows
from vtg_core.collator import pad
from vtg_core.dataset import Sample
from vtg_core.errors import VTGError
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.video.sampling import SampledVideo
from vtg_core.video.timeline import shown_name
from vtg_core.views.audit import count_wrong, view_audit, view_row, view_strip
from vtg_core.views.report.document import ReportRow, ReportView
from vtg_core.views.report.film import view_film
from vtg_core.views.tokens import FramesView, view_frames, view_tokens

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import ProcessorMixin

MAX_ROWS = 64
"""So many rows of a batch are shown; each is some ten kilobytes."""


def report_of_samples(samples: Sequence[Sample], chat: ChatIds, *, title: str) -> ReportView:
    """Return the report of what our own collator makes of samples.

    Args:
        samples: decoded; at least one.
        chat: the checkpoint's ids.
        title: of the document.

    Raises:
        VTGError: there is none, one is not decoded, or a mask cannot be proved.
    """
    if not samples:
        raise VTGError("there must be a sample to show, got none")
    once = process_videos_once(chat.processor)
    return ReportView(title, [_of_sample(sample, chat, once) for sample in samples])


def report_of_batch(batch: "Mapping[str, Tensor]", chat: ChatIds, *, title: str) -> ReportView:
    """Return the report of a batch of which nothing is known but its tensors.

    Args:
        batch: ``input_ids`` and ``labels``, shape (B, L), with whatever else the model takes, on the CPU.
        chat: the checkpoint's ids.
        title: of the document.

    Raises:
        VTGError: it could not be taken apart.
    """
    rows, findings = saved_rows(batch, chat)
    if not rows:
        why = findings[0].message if findings else "it has no row"
        raise VTGError(f"the batch must hold rows of ids and labels to show: {why}")
    return ReportView(title, list(_of_rows(rows[:MAX_ROWS], findings)))


def _of_rows(rows: Sequence[Row], of_batch: Sequence[Finding]) -> Iterator[ReportRow]:
    for found in rows:
        row, findings = audit_saved_row(found)
        name = f"row {row.number}"
        audit = view_audit([*of_batch, *findings], row, source=name)
        strip = replace(view_strip(audit), counts=count_wrong(row))
        about = [("Tokens", f"{len(row.ids):,}"), ("In the loss", f"{int(row.trained.sum()):,}")]
        yield ReportRow(name, about, view_row(row), strip)


def _of_sample(sample: Sample, chat: ChatIds, processor: "ProcessorMixin") -> ReportRow:
    video = sample.video
    if not isinstance(video, SampledVideo):
        raise VTGError("a sample must be decoded to be shown, and this one is only planned; give dataset[i]")
    policy = sample.trained_by(None)
    encoded, known = encode_known(sample.messages, processor, [video], scene=scene_of(sample), policy=policy)
    audited = check_batch(pad([encoded], chat.processor), chat, [known])
    row = audited.rows[0] if audited.rows else None
    audit = view_audit(audited.findings, row, source="our collator")
    tokens = view_tokens(encoded, chat.processor, policy=policy, frames=_frames(sample, video, encoded))
    name = f"{sample.template.mode}/{sample.template.name}"
    return ReportRow(name, _about(sample, video), tokens, view_strip(audit), view_film(video))


def _about(sample: Sample, video: SampledVideo) -> list[tuple[str, str]]:
    windows = ", ".join(f"{start:g} to {end:g} s" for start, end in sample.windows)
    return [
        ("Query", sample.query),
        ("Window", windows or "none"),
        ("Template", f"{sample.template.name}, {sample.template.mode}"),
        ("Answer", sample.answer),
        (
            "Video",
            f"{shown_name(video.info.path)}, {video.info.duration:.1f} s, {len(video.timestamps)} frames",
        ),
    ]


def _frames(sample: Sample, video: SampledVideo, encoded: EncodedSample) -> FramesView | None:
    """Return when the frames are shown; None where the model does not say how it sees them."""
    grid = encoded.media.get("video_grid_thw")
    if grid is None or len(grid) != 1:
        return None
    return view_frames(
        video.timestamps, int(grid[0][0]), duration=video.info.duration, windows=sample.windows
    )
