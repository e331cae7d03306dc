"""The audit of a whole annotation file, from the page."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.audit.file_rows import FileRows
from vtg_core.audit.findings import Finding
from vtg_core.audit.report import Report, RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import audit_collator, audit_rows, unreadable_row
from vtg_core.dashboard.inputs import check_choices, read_frames, read_policy, template_in
from vtg_core.dashboard.masks import AuditSource
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell, load_checkpoint_of
from vtg_core.dashboard.work.sample import collator_of
from vtg_core.data.annotations import AnnotationReader, UnreadableRow
from vtg_core.dataset import OWN
from vtg_core.errors import VTGError
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TemplateSelector, templates_for
from vtg_core.video.plan import FramePolicy
from vtg_core.views.audit import view_file
from vtg_core.views.samples import as_json

if TYPE_CHECKING:
    from vtg_core.checkpoints.loading import Checkpoint

SECONDS_BETWEEN = 0.5
"""So often a person is shown how far it is."""


@dataclass(frozen=True)
class FileAudit:
    """What is audited in each row of the file.

    Attributes:
        source: our own collator or the foreign one.
        mode, template: how each row is asked and answered.
        frames: which frames are taken.
        policy: which regions are trained; a foreign collator has its own.
    """

    source: AuditSource
    mode: str
    template: str
    frames: FramePolicy
    policy: MaskPolicy

    @classmethod
    def read(
        cls,
        settings: Settings,
        source: str,
        mode: str,
        template: str,
        num_frames: float | None,
        trained: list[str],
    ) -> "FileAudit":
        """Read the values of the page.

        Raises:
            VTGError: a value is missing, out of range, or none of the page's own.
        """
        check_choices(template=template, trained=trained, mode=mode)
        is_foreign = source == AuditSource.COLLATOR and settings.collator
        return cls(
            source=AuditSource.COLLATOR if is_foreign else AuditSource.OURS,
            mode=mode,
            template=template_in(mode, template),
            frames=read_frames(settings, num_frames),
            policy=read_policy(trained),
        )

    def subject(self, settings: Settings) -> str:
        """Return what is audited, in words."""
        who = settings.collator if self.source is AuditSource.COLLATOR else "our collator"
        frames = f"{self.frames.fps:g} fps" if self.frames.fps else f"{self.frames.num_frames} frames"
        file = settings.annotation_file.name if settings.annotation_file else ""
        asked = f"template {self.template} · {self.mode.replace('_', ' ')}"
        return f"{who} on {file} · {'their own words' if self.template == OWN else asked} · {frames}"


def show_file_audit(
    settings: Settings, wanted: FileAudit, tell: Tell, is_stopped: Callable[[], bool]
) -> Iterator[str]:
    """Yield the JSON of the file's audit as it goes on; what was found is kept where it is stopped.

    Raises:
        VTGError: the file or the checkpoint cannot be used.
    """
    num_all, told = len(settings.annotations), time.monotonic()
    report = Report(wanted.subject(settings), num_in_file=settings.num_in_file, num_read=num_all)
    yield as_json(view_file(report, state="running", num_all=num_all))
    checkpoint = load_checkpoint_of(settings, tell)
    for found in _found(settings, wanted, checkpoint):
        report.add(found)
        if is_stopped():
            report.is_partial = report.num_rows < num_all
            break
        if time.monotonic() - told > SECONDS_BETWEEN:
            told = time.monotonic()
            yield as_json(view_file(report, state="running", num_all=num_all))
    yield as_json(view_file(report, state="partial" if report.is_partial else "done", num_all=num_all))


def as_partial(view: str | None) -> str:
    """Return the JSON of an audit that failed: what was found before stays; empty where there was nothing."""
    shown = json.loads(view) if view else {"num_rows": 0}
    return json.dumps({**shown, "state": "partial"}, ensure_ascii=False) if shown["num_rows"] else ""


def _found(settings: Settings, wanted: FileAudit, checkpoint: "Checkpoint") -> Iterator[RowFindings]:
    rows = _file_rows(settings, wanted)
    yield from (unreadable_row(row) for row in rows.scan() if isinstance(row, UnreadableRow))
    chat = ChatIds.of(checkpoint.processor, checkpoint.stop_ids)
    if wanted.source is not AuditSource.COLLATOR:
        yield from audit_rows(rows, chat, policy=wanted.policy)
        return
    collator = collator_of(settings, checkpoint)
    if isinstance(collator, Finding):
        raise VTGError(collator.message)
    yield from audit_collator(rows, collator, chat)


def _file_rows(settings: Settings, wanted: FileAudit) -> FileRows:
    from vtg_core.data.answer_forms.reading import windows_said

    assert settings.annotation_file is not None
    named = [t for t in templates_for(wanted.mode, settings.language) if wanted.template in (OWN, t.name)]
    return FileRows(
        AnnotationReader(settings.annotation_file, **settings.reading, read_windows=windows_said),
        TemplateSelector(seed=0, templates=named),
        wanted.frames,
    )
