"""The Audit tab: what is where."""

from typing import Any

import gradio as gr

from vtg_core.audit.bugs.table import BUGS
from vtg_core.dashboard.components import script_component
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.audit import AuditSource, Choice
from vtg_core.views.audit import FAMILIES, StripView
from vtg_core.views.samples import as_json


class AuditTab:
    """The tab's components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        first = first_source(settings)
        with gr.Row(equal_height=True):
            self.source = gr.Radio(
                _sources(settings),
                value=first,
                label="What is audited",
                elem_id="source",
                scale=3,
                min_width=260,
            )
            self.batch_row = gr.Number(
                0, label="Row of the batch, from 0", info="The sample at the left plays no part", elem_id="batch-row",
                visible=first is AuditSource.BATCH, scale=1, min_width=160,
            )  # fmt: skip
        with gr.Row(visible=False) as self.bugs:
            self.bug = gr.Dropdown(
                _bugs(), value=BUGS[0].name, label="A real bug, put into this sample", elem_id="bug", scale=5,
                min_width=260,
            )  # fmt: skip
            self.back = gr.Button("Back to ours", elem_id="back", scale=1, min_width=140)
        self.audit = script_component("audit", elem_id="audit", label="Audit")
        if settings.annotation_file is not None:
            self._build_file()
        self.recipes = script_component("recipes", elem_id="recipes", label="Recipes")
        with gr.Row(visible=first is AuditSource.OURS) as self.scoring:
            self.score = gr.Button(
                "Run one forward pass for the losses", elem_id="score-recipes", scale=4, min_width=200
            )
            self.cancel_score = gr.Button("Cancel", elem_id="cancel-recipes", scale=1, min_width=100)

    def _build_file(self) -> None:
        with gr.Row(elem_id="file-row"):
            self.run_file = gr.Button(
                file_label(self.settings, first_source(self.settings)), variant="primary",
                elem_id="run-file", scale=4,
            )  # fmt: skip
            self.cancel_file = gr.Button("Cancel", elem_id="cancel-file", scale=1, min_width=100)
        self.file = script_component(
            "audit_file", elem_id="file-audit", label="Audit of the whole file", events=("pick",)
        )

    @property
    def choice(self) -> list[Any]:
        """What :meth:`vtg_core.dashboard.work.audit.Choice.read` takes, in its order."""
        return [self.source, self.batch_row, self.bug]


def first_source(settings: Settings) -> AuditSource:
    """Return what is audited when the page opens: what it was given to audit, else our own."""
    if settings.collator:
        return AuditSource.COLLATOR
    return AuditSource.BATCH if settings.batch is not None else AuditSource.OURS


def file_label(settings: Settings, source: str) -> str:
    """Return what the button says that audits the whole file: a batch or a bug has no rows, so ours is audited then."""
    is_foreign = source == AuditSource.COLLATOR
    name = Choice.of(AuditSource.COLLATOR if is_foreign else AuditSource.OURS).name(settings)
    return f"Audit the whole file with {name}: {settings.num_in_file:,} rows"


def first_strip(settings: Settings) -> str:
    """Return the JSON of the line above the tabs until the first sample is audited."""
    source = Choice.of(first_source(settings)).name(settings)
    return as_json(StripView(source, None, None, "nothing audited yet"))


def _sources(settings: Settings) -> list[tuple[str, AuditSource]]:
    sources = [("Our collator", AuditSource.OURS)]
    if settings.collator:
        sources.append((settings.collator, AuditSource.COLLATOR))
    if settings.batch is not None:
        sources.append((f"Saved batch {settings.batch.name}", AuditSource.BATCH))
    return [*sources, ("Break it", AuditSource.BROKEN)]


def _bugs() -> list[tuple[str, str]]:
    """Return the bugs, each behind its family's name, with its own."""
    return [
        (f"{FAMILIES[bug.codes[0].split('.')[0]][0]}: {bug.title} ({bug.name})", bug.name) for bug in BUGS
    ]
