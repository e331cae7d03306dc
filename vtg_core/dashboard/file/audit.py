"""The audit of a whole annotation file, from the page."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vtg_core.audit.file_rows import FileRows
from vtg_core.audit.findings import Finding
from vtg_core.audit.report import Report, RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import audit_collator, audit_rows, unreadable_row
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.dashboard.inputs import check_choices, read_chat, read_frames, read_policy, template_in
from vtg_core.dashboard.masks import AuditSource
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell, load_checkpoint_of
from vtg_core.dashboard.work.sample import asked_model, collator_of
from vtg_core.data.annotations import Annotation, AnnotationReader, UnreadableRow
from vtg_core.data.wording.languages import ENGLISH
from vtg_core.dataset import OWN
from vtg_core.errors import VTGError
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TemplateSelector, templates_for
from vtg_core.video.plan import FramePolicy
from vtg_core.views.audit_file import RowFacts, view_file
from vtg_core.views.samples import as_json

if TYPE_CHECKING:
    from vtg_core.checkpoints.loading import Checkpoint

SECONDS_BETWEEN = 0.5
"""So often a person is shown how far it is."""
MAX_WHILE_RUNNING = 1_000
"""So many findings are listed while more are still to come; all are, once it is over."""


@dataclass(frozen=True)
class FileAudit:
    """What is audited in each row of the file.

    Attributes:
        source: our own collator or the foreign one.
        mode, template: how each row is asked and answered.
        frames: which frames are taken.
        policy: which regions are trained; a foreign collator has its own.
        draws: each row is asked by a template of its own, as in training, and not all by ``template``.
        language: the code of the one in which the templates ask.
        chat: what is added to the checkpoint's chat template.
    """

    source: AuditSource
    mode: str
    template: str
    frames: FramePolicy
    policy: MaskPolicy
    draws: bool = False
    language: str = ENGLISH.code
    chat: TemplateChange = field(default_factory=TemplateChange)

    @classmethod
    def read(
        cls,
        settings: Settings,
        source: str,
        mode: str,
        template: str,
        num_frames: float | None,
        trained: list[str],
        draws: bool = False,
        template_args: str | None = None,
    ) -> "FileAudit":
        """Read the values of the page; without ``template_args``, those that it was started with.

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
            draws=bool(draws),
            language=settings.language,
            chat=read_chat(settings, template_args),
        )

    def subject(self, settings: Settings) -> str:
        """Return what is audited, in words."""
        who = settings.collator if self.source is AuditSource.COLLATOR else "our collator"
        frames = f"{self.frames.fps:g} fps" if self.frames.fps else f"{self.frames.num_frames} frames"
        file = settings.annotation_file.name if settings.annotation_file else ""
        asked = "a template drawn for each row" if self.draws else f"template {self.template}"
        own = self.template == OWN and not self.draws
        told = "their own words" if own else f"{asked} · {self.mode.replace('_', ' ')}"
        return " · ".join((f"{who} on {file}", told, frames, *self.chat.arguments))

    def selector(self) -> TemplateSelector:
        """Return what chooses the template of each row."""
        named = [
            t for t in templates_for(self.mode, self.language) if self.draws or self.template in (OWN, t.name)
        ]
        return TemplateSelector(seed=0, templates=named)


@dataclass(eq=False)
class FileAuditRun:
    """An audit of the file that the page shows, which can be gone on with where it was stopped.

    Attributes:
        wanted: what is audited.
        settings: what the page showed when it began.
        report: what was found so far.
    """

    wanted: FileAudit
    settings: Settings
    report: Report = field(init=False, repr=False)
    _found: Iterator[RowFindings] | None = field(default=None, init=False, repr=False)
    _rows: dict[int, tuple[int, Annotation]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        rows = self.settings.annotations
        self.report = Report(
            self.wanted.subject(self.settings), num_in_file=self.settings.num_in_file, num_read=len(rows)
        )
        self._rows = {annotation.row: (index, annotation) for index, annotation in enumerate(rows)}
        self._selector = self.wanted.selector()

    @property
    def can_go_on(self) -> bool:
        """Whether it was stopped, and knows where."""
        return self.report.is_partial and self._found is not None

    def check_can_go_on(self, settings: Settings) -> "FileAuditRun":
        """Return the run itself.

        Raises:
            VTGError: it is over or failed, or the page shows another file since.
        """
        if not self.can_go_on or settings.annotation_file != self.settings.annotation_file:
            raise VTGError("there must be an audit of this file that was stopped; audit the file anew")
        return self

    def rows(self, checkpoint: "Checkpoint") -> Iterator[RowFindings]:
        """Yield what is found, from where it was stopped."""
        if self._found is None:
            self._found = _found(self.settings, self.wanted, checkpoint)
        try:
            while (one := next(self._found, None)) is not None:  # ``yield from`` would shut it with this one
                yield one
        except Exception:
            self._found = None  # a generator that has raised has no more rows
            raise

    def view(self, state: str) -> str:
        """Return the JSON of the view."""
        view = view_file(
            self.report, state=state, num_all=len(self.settings.annotations), mask=str(self.wanted.source),
            mode=self.wanted.mode, can_go_on=state == "partial" and self.can_go_on, facts_of=self._facts_of,
            most=MAX_WHILE_RUNNING if state == "running" else None,
        )  # fmt: skip
        return as_json(view)

    def _facts_of(self, row: int) -> RowFacts:
        if row not in self._rows:
            return RowFacts()
        index, of = self._rows[row]
        template = OWN if of.messages else self._selector.select(index).name
        return RowFacts(of.video.name, of.query, "" if of.qid is None else str(of.qid), template)


@dataclass(frozen=True)
class ShownAudit:
    """How far an audit is: the JSON of its view, and the run behind it."""

    view: str
    run: FileAuditRun | None = None


def show_file_audit(
    settings: Settings, run: FileAuditRun, tell: Tell, is_stopped: Callable[[], bool]
) -> Iterator[ShownAudit]:
    """Yield the file's audit as it goes on; what was found is kept where it is stopped.

    Raises:
        VTGError: the file or the checkpoint cannot be used.
    """
    report, num_all, told = run.report, len(run.settings.annotations), time.monotonic()
    report.is_partial = False
    yield ShownAudit(run.view("running"), run)
    checkpoint = load_checkpoint_of(replace(run.settings, template=run.wanted.chat), tell)
    for found in run.rows(checkpoint):
        report.add(found)
        if is_stopped():
            report.is_partial = report.num_rows < num_all
            break
        if time.monotonic() - told > SECONDS_BETWEEN:
            yield ShownAudit(run.view("running"), run)
            told = time.monotonic()
    yield ShownAudit(run.view("partial" if report.is_partial else "done"), run)


def as_partial(last: ShownAudit | None) -> ShownAudit:
    """Return what stays of an audit that failed: what was found before; nothing where there was nothing."""
    shown = json.loads(last.view) if last is not None and last.view else {"num_rows": 0}
    if not shown["num_rows"]:
        return ShownAudit("")
    return ShownAudit(json.dumps({**shown, "state": "partial", "can_go_on": False}, ensure_ascii=False))


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
    yield from audit_collator(rows, collator, chat, model=asked_model(settings.checkpoint, chat))


def _file_rows(settings: Settings, wanted: FileAudit) -> FileRows:
    from vtg_core.data.answer_forms.reading import windows_said

    assert settings.annotation_file is not None
    return FileRows(
        AnnotationReader(settings.annotation_file, **settings.reading, read_windows=windows_said),
        wanted.selector(),
        wanted.frames,
    )
