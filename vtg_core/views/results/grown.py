"""What the page shows of templates that grow."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from vtg_core.data.wording.diversity import diversity_of
from vtg_core.data.wording.growth.growing import Growth


@dataclass(frozen=True)
class GrownView:
    """A template that was accepted.

    Attributes:
        name, text: its own.
        source: where it came from.
        yaml: as an entry of a file that :func:`vtg_core.load_templates` reads; entries stand one after the other.
    """

    name: str
    text: str
    source: str
    yaml: str


@dataclass(frozen=True)
class RejectedView:
    """A text that is no template; ``message`` says which rule it breaks."""

    text: str
    message: str


@dataclass(frozen=True)
class GrowthView:
    """Templates that grow, as far as they have.

    Attributes:
        origin, mode: the template that they are made from, and its answer form.
        wanted, num_replies: how many templates are wanted, and how many replies came.
        is_over: no more is to come.
        accepted, rejected: so far.
        diversity: of the built-in templates and with the accepted ones: a word for each figure, and both values.
    """

    origin: str
    mode: str
    wanted: int
    num_replies: int
    is_over: bool
    accepted: Sequence[GrownView]
    rejected: Sequence[RejectedView]
    diversity: Sequence[tuple[str, float | None, float | None]]


def view_growth(growth: Growth, *, num_replies: int, is_over: bool) -> GrowthView:
    """Return what is shown of a growth."""
    before = [own.text for own in growth.others]
    after = [*before, *(own.template.text for own in growth.accepted)]
    figures = [asdict(diversity_of(texts, growth.form)) for texts in (before, after)]
    return GrowthView(
        growth.origin.name,
        str(growth.origin.mode),
        growth.count,
        num_replies,
        is_over,
        [
            GrownView(own.template.name, own.template.text, own.source, growth.as_yaml([own]))
            for own in growth.accepted
        ],
        [RejectedView(own.text, f"{own.reason}: {own.message}") for own in growth.rejected],
        [(words, figures[0][name], figures[1][name]) for name, words in FIGURES.items()],
    )


FIGURES = {
    "num_templates": "Templates",
    "distinct_1": "Distinct words",
    "distinct_2": "Distinct pairs of words",
    "mean_distance": "Mean distance",
    "least_distance": "Distance of the two most alike",
}
"""How a person calls the figures that are shown."""
