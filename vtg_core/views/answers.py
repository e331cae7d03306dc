"""The forms that an answer can be written in, each with the window on screen written that way."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.registry import KNOWN_FORMS, THOUGHTS, form_named
from vtg_core.data.answer_forms.times import TimeUnit
from vtg_core.dataset import format_for
from vtg_core.errors import VTGError
from vtg_core.windows import Window

if TYPE_CHECKING:
    from vtg_core.video.sampling import SampledVideo

MAX_WRITTEN = 48
"""So many characters of an answer are shown; several windows make it long."""

TITLES = {
    TimeUnit.SECONDS: "Seconds",
    TimeUnit.CLOCK: "Clock",
    TimeUnit.PERCENT: "Percent of the video",
    TimeUnit.FRACTION: "Fractions of the video",
    TimeUnit.FRAMES: "Frames",
    TimeUnit.BINS: "Tokens",
}


@dataclass(frozen=True)
class FormView:
    """One form.

    Attributes:
        name: as ``--answer`` takes it.
        written: the windows on screen in this form; its example where there are none, or where they cannot be written.
        step: the smallest difference that it writes, in seconds; None where that is not known.
    """

    name: str
    written: str
    step: float | None


@dataclass(frozen=True)
class FormsView:
    """All forms.

    Attributes:
        groups: (title, forms of it).
    """

    groups: list[tuple[str, list[FormView]]]


def view_forms(chosen: str, windows: Sequence[Window] = (), video: "SampledVideo | None" = None) -> FormsView:
    """Return the view of the forms.

    Args:
        chosen: the name of the one that is chosen; it is among them whatever the table has.
        windows: on screen, in seconds.
        video: they are of; None where none is read yet.
    """
    groups = [(title, [_view(f.name, windows, video) for f in _of(unit)]) for unit, title in TITLES.items()]
    base = chosen.removesuffix(THOUGHTS)
    others = [*([] if base in KNOWN_FORMS else [base]), f"{base}{THOUGHTS}"]
    return FormsView([*groups, ("More of the chosen form", [_view(name, windows, video) for name in others])])


def _of(unit: TimeUnit) -> Iterator[AnswerForm]:
    return (form for form in KNOWN_FORMS.values() if form.unit is unit)


def _view(name: str, windows: Sequence[Window], video: "SampledVideo | None") -> FormView:
    if video is None or not windows:
        return FormView(name, _short(form_named(name).example), None)
    form, duration = format_for(name, video), video.info.duration
    try:
        return FormView(name, _short(form.render(windows, duration)), round(form.quantum(duration), 6))
    except VTGError:  # nothing to write in it; whoever reads the fields is told why
        return FormView(name, _short(form_named(name).example), None)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_WRITTEN else f"{line[: MAX_WRITTEN - 1]}…"
