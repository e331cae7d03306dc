"""The comparison of templates on the rows of the annotation file, from the page."""

import io
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.comparison.analytics import Metric, summarise
from vtg_core.comparison.files import ComparisonSettings
from vtg_core.comparison.results import TemplateResult
from vtg_core.comparison.store import ComparisonStore
from vtg_core.dashboard.inputs import check_choices, read_chat, read_frames, read_policy
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell, load_checkpoint_of, model_shape_of
from vtg_core.data.annotations import UnreadableRow
from vtg_core.dataset import refuse_own_words
from vtg_core.errors import LossCancelledError, VTGError, as_sentence
from vtg_core.inspection import inspect_templates
from vtg_core.loss.cost import check_fits, estimate_shared_pass
from vtg_core.loss.model_shape import dtype_of
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import SampledVideo
from vtg_core.views.comparison_file import (
    MAX_UNREAD,
    FileComparisonView,
    UnreadRow,
    read_guessing,
    view_analytics,
)

if TYPE_CHECKING:
    from transformers import ProcessorMixin

    from vtg_core.comparison.on_file import RowComparison
    from vtg_core.dataset import VideoTemporalSFTDataset

DEFAULT_LIMIT = 20
SECONDS_BETWEEN = 0.5
"""So often a person is shown how far it is, at most."""
SHARE_OF_SHOWING = 0.25
"""The statistics of many rows take their time too: no more than this share of the run's."""


@dataclass(frozen=True)
class FileComparison:
    """What is compared.

    Attributes:
        limit: the first so many rows.
        baseline: name of the template that the others of its answer format are compared with.
        frames: which frames are taken from each row's video.
        policy: which regions are trained.
        before: what an earlier run of the same that was stopped came to; None for a new one.
        chat: what is added to the checkpoint's chat template.
    """

    limit: int
    baseline: str
    frames: FramePolicy
    policy: MaskPolicy
    before: "ComparisonStore | None" = None
    chat: TemplateChange = field(default_factory=TemplateChange)

    @classmethod
    def read(
        cls,
        settings: Settings,
        limit: float | None,
        baseline: str,
        num_frames: float | None,
        trained: list[str],
        template_args: str | None = None,
    ) -> "FileComparison":
        """Read the values of the page; without ``template_args``, those that it was started with.

        Raises:
            VTGError: a value is missing, out of range, or none of the page's own.
        """
        check_choices("baseline and mask policy", template=baseline, trained=trained)
        count = settings.max_compared
        if limit is None or not 1 <= limit <= count or limit != int(limit):
            got = "the field is empty" if limit is None else f"got {limit:g}"
            raise VTGError(f"the number of rows must be a whole number from 1 to {count:,}; {got}")
        chat = read_chat(settings, template_args)
        return cls(int(limit), baseline, read_frames(settings, num_frames), read_policy(trained), chat=chat)

    def subject(self, settings: Settings) -> str:
        """Return what is compared, in words."""
        frames = f"{self.frames.fps:g} fps" if self.frames.fps else f"{self.frames.num_frames} frames"
        file = settings.annotation_file.name if settings.annotation_file else ""
        told = (f"{len(TEMPLATES)} templates", frames, *self.chat.arguments)
        return " · ".join((f"{settings.model_label} on {file}", *told))


@dataclass(frozen=True)
class Compared:
    """What is known of a comparison: what the page shows, against which baseline, and the rows behind it."""

    view: FileComparisonView
    baseline: str
    store: ComparisonStore | None = None
    wanted: FileComparison | None = None
    file: Path | None = None

    def rest(self, settings: Settings) -> FileComparison:
        """Return what is left to be compared.

        Raises:
            VTGError: nothing is, or the page shows another file since.
        """
        is_partial = self.view.state == "partial" and self.wanted is not None
        if not is_partial or self.file != settings.annotation_file:
            raise VTGError(
                "there must be a comparison of this file that was stopped; compare the templates anew"
            )
        assert self.wanted is not None
        return replace(self.wanted, baseline=self.baseline, before=self.store)

    @property
    def results(self) -> list[TemplateResult]:
        """All results, by row, then by template."""
        return self.store.results if self.store is not None else []

    def against(self, baseline: str) -> "Compared":
        """Return the same, compared with another template."""
        view = replace(self.view, analytics=view_analytics(self.results, baseline=baseline))
        return replace(self, view=view, baseline=baseline)

    def as_csv(self) -> str:
        """Return the results as ``python -m vtg_core compare --csv`` writes them."""
        assert self.store is not None
        text = io.StringIO(newline="")
        self.store.write_lines(text, sorted(self.store.rows), header=True)
        return text.getvalue()

    def as_json(self) -> str:
        """Return the results, and what they say by each metric, in the form of ``--json``."""
        assert self.store is not None
        by_metric = {
            metric: summarise(self.results, metric=metric, baseline=self.baseline).as_dict()
            for metric in Metric
        }
        for found, name in product(by_metric.values(), ("rows", "wheres", "matrix")):
            del found[name]  # the results say it already
        summary = by_metric[Metric.MEAN]["templates"]
        values = self.store.as_dict(self.view.state != "done", summary, {"by_metric": by_metric})
        return json.dumps(values, ensure_ascii=False, allow_nan=False)


def waiting(settings: Settings) -> FileComparisonView:
    """Return the view of a comparison that waits for its turn."""
    count = len(settings.annotations)
    return FileComparisonView("", "waiting", 0, count, 0, settings.num_in_file, None, "", [], 0, None)


def show_file_comparison(
    settings: Settings, wanted: FileComparison, tell: Tell, is_stopped: Callable[[], bool]
) -> Iterator[Compared]:
    """Yield the comparison as it goes on; what is known is kept where it is stopped or fails.

    Raises:
        VTGError: the file, the checkpoint or the model cannot be used.
    """
    run = _Run(replace(settings, template=wanted.chat), wanted, tell, is_stopped)
    yield run.shown("running")
    try:
        dataset, processor = run.prepare()
        yield run.shown("running")
        for row in run.rows(dataset, processor):
            run.add(row)
            if is_stopped():
                break
            if run.is_due():
                yield run.shown("running")
    except LossCancelledError:
        pass
    except Exception:  # whatever ended it, what came is true
        yield run.shown("partial")
        raise
    yield run.shown("done" if run.num_rows == wanted.limit else "partial")


@dataclass
class _Run:
    """A comparison under way."""

    settings: Settings
    wanted: FileComparison
    tell: Tell
    is_stopped: Callable[[], bool]
    num_rows: int = 0
    plain_because: str = ""
    store: ComparisonStore | None = None
    _seconds_a_row: float | None = None
    _started: float = 0.0
    _at_start: int = 0
    _uniform: float = math.inf
    _next: float = 0.0

    def __post_init__(self) -> None:
        self.store = self.wanted.before
        if self.store is not None:
            readable = {annotation.row for annotation in self.settings.annotations}
            failed = sum(row.row in readable for row in self.store.unreadable)
            self.num_rows = len(self.store.rows) + failed

    def prepare(self) -> "tuple[VideoTemporalSFTDataset, ProcessorMixin]":
        """Read the file, and estimate the run by its first row before any weight is loaded.

        Raises:
            LossCancelledError: it was stopped.
            OutOfMemoryError: that row clearly does not fit on the device.
            VTGError: the file or the checkpoint cannot be used.
        """
        processor = load_checkpoint_of(self.settings, self.tell).processor
        self._check_stopped()
        dataset = _dataset(self.settings, self.wanted)
        self.tell(0.0, "Estimating the cost by the first row")
        try:
            refuse_own_words(dataset.annotations[0])
            sample = dataset[0]
            assert isinstance(sample.video, SampledVideo)
            inspections = inspect_templates(
                sample.video, sample.query, sample.windows, processor=processor, templates=self.settings.built_in,
                policy=self.wanted.policy,
            )  # fmt: skip
            samples = [inspection.encoded for inspection in inspections]
        except VTGError:
            return dataset, processor  # why it cannot be read is said with the row
        shape = model_shape_of(self.settings)
        cost = estimate_shared_pass(shape, samples)
        check_fits(cost, shape.device)
        self._seconds_a_row = cost.seconds
        return dataset, processor

    def rows(
        self, dataset: "VideoTemporalSFTDataset", processor: "ProcessorMixin"
    ) -> Iterator["RowComparison"]:
        """Load the model, and yield row after row.

        Raises:
            LossCancelledError: it was stopped.
            VTGError: see :func:`show_file_comparison`.
        """
        from vtg_core.checkpoints.loading import load_model
        from vtg_core.comparison.on_file import compare_rows

        self._check_stopped()
        self.tell(0.0, f"Loading the model of {self.settings.model_label}")
        model = load_model(self.settings.checkpoint, **self.settings.placement)
        self._uniform = math.log(model.get_input_embeddings().num_embeddings)
        if self.store is None:
            self.store = _store(self.settings, self.wanted, dataset=dataset, dtype=dtype_of(model))
        if (before := self.store.settings.dtype) != dtype_of(model):
            raise VTGError(
                f"the rest must be compared in {before} as the rows before it were, and on the device that was chosen "
                f"since it would be in {dtype_of(model)}; choose the device of before, or compare the templates anew"
            )
        self._started, self._at_start = time.monotonic(), self.num_rows
        done = {*self.store.rows, *(row.row for row in self.store.unreadable)}
        yield from compare_rows(
            dataset, model, processor, self.settings.built_in,
            rows=[a.row for a in dataset.annotations[: self.wanted.limit] if a.row not in done],
            policy=self.wanted.policy, on_layer=self._on_layer,
        )  # fmt: skip

    def add(self, row: "RowComparison") -> None:
        """Take in what a row gave."""
        assert self.store is not None
        self.store.add(row)
        self.num_rows += 1
        self.plain_because = self.plain_because or row.plain_because

    def is_due(self) -> bool:
        """Say whether a person should be shown how far it is."""
        return time.monotonic() >= self._next

    def shown(self, state: str) -> Compared:
        """Return what is known."""
        began, results = time.monotonic(), self.store.results if self.store is not None else []
        unread = [] if self.store is None else self.store.unreadable
        view = FileComparisonView(
            subject=self.wanted.subject(self.settings),
            state=state,
            num_rows=self.num_rows,
            num_all=self.wanted.limit,
            num_compared=0 if self.store is None else len(self.store.rows),
            num_in_file=self.settings.num_in_file,
            seconds_left=self._seconds_left(),
            plain_because=self.plain_because,
            unread=[_unread(row) for row in unread[:MAX_UNREAD]],
            num_unread=len(unread),
            analytics=view_analytics(results, baseline=self.wanted.baseline),
            reading=read_guessing(results, self._uniform),
        )
        took = time.monotonic() - began
        self._next = time.monotonic() + max(SECONDS_BETWEEN, took / SHARE_OF_SHOWING)
        return Compared(view, self.wanted.baseline, self.store, self.wanted, self.settings.annotation_file)

    def _on_layer(self, begun: int, total: int) -> None:
        self._check_stopped()
        done = (self.num_rows + min(begun / total, 1.0)) / self.wanted.limit
        nth = f"{self.num_rows + 1:,} of {self.wanted.limit:,} rows"
        what = f"Comparing, {nth}, layer {begun:,} of {total:,}"
        self.tell(min(done, 1.0), what)

    def _check_stopped(self) -> None:
        if self.is_stopped():
            raise LossCancelledError("the comparison was cancelled; what it found so far is kept")

    def _seconds_left(self) -> float | None:
        a_row = self._seconds_a_row
        if done := self.num_rows - self._at_start:
            a_row = (time.monotonic() - self._started) / done if self._started else a_row
        return None if a_row is None else a_row * (self.wanted.limit - self.num_rows)


def _dataset(settings: Settings, wanted: FileComparison) -> "VideoTemporalSFTDataset":
    from vtg_core.data.annotations import OnError
    from vtg_core.dataset import VideoTemporalSFTDataset

    assert settings.annotation_file is not None
    return VideoTemporalSFTDataset(
        settings.annotation_file,
        **settings.reading,
        frames=wanted.frames,
        on_error=OnError.SKIP,
    )


def _store(
    settings: Settings, wanted: FileComparison, *, dataset: "VideoTemporalSFTDataset", dtype: str
) -> ComparisonStore:
    """Return where rows are kept: in memory, in the form that the command's files have."""
    own = ComparisonSettings.of(
        settings.checkpoint, adapter=settings.adapter, load_in_4bit=settings.load_in_4bit,
        template=settings.template, dtype=dtype, frames=wanted.frames, policy=wanted.policy, templates=settings.built_in,
    )  # fmt: skip
    return ComparisonStore(own, dataset.annotations, unreadable=list(dataset.unreadable))


def _unread(row: UnreadableRow) -> UnreadRow:
    reason = row.reason.removeprefix(row.where).lstrip(":, ")  # the row is named beside it
    return UnreadRow(row.row + 1, row.where, as_sentence(reason))
