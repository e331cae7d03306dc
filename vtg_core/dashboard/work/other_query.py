"""A sentence about another moment than the sample on screen, for the control that asks for the wrong thing."""

from dataclasses import dataclass, replace

from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.settings import Settings
from vtg_core.data.annotations import Annotation, check_query
from vtg_core.demo.examples import examples
from vtg_core.files.assets import asset_folder
from vtg_core.probes.altered_samples import find_other_query


@dataclass(frozen=True)
class OtherQuery:
    """A sentence, and where it stands; both empty where there is none."""

    query: str
    where: str


def other_query(settings: Settings, inputs: Inputs) -> OtherQuery:
    """Return a sentence about another moment: of another row of the file on screen, or else of the page's examples."""
    rows = _rows(settings, inputs) or _offered(inputs)
    found = find_other_query(rows, 0)
    where = next((row.where for row in rows[1:] if row.query == found), "")
    return OtherQuery(found or "", where)


def query_asked(typed: str | None, other: OtherQuery) -> str | None:
    """Return what is asked in the place of the query: what a person typed, or else ``other``; None without either.

    Raises:
        AnnotationError: what was typed is no query.
    """
    if typed is None or not typed.strip():
        return other.query or None
    check_query(typed)
    return typed


def _rows(settings: Settings, inputs: Inputs) -> list[Annotation]:
    """Return the row on screen as the page shows it, the rows behind it and those before it; none if no row is shown."""
    rows = settings.annotations
    at = next((i for i, row in enumerate(rows) if row.number == inputs.row), None)
    if at is None:
        return []
    return [replace(rows[at], query=inputs.query, windows=inputs.windows), *rows[at + 1 :], *rows[:at]]


def _offered(inputs: Inputs) -> list[Annotation]:
    """Return the sample on screen, and the page's examples; a copy of an example's video is known by its name."""
    offered = [
        Annotation(example.video, example.query, (example.window,), None, "an example of this page")
        for example in examples(asset_folder())
    ]
    known = {row.video.name: row.video for row in offered}
    video = known.get(inputs.video.name, inputs.video)
    return [Annotation(video, inputs.query, inputs.windows, None, "the page"), *offered]
