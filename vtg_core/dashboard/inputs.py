"""What the left side of the page says, read strictly: typed by a person, or picked from an annotation file."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.dashboard.notices import FieldError, at_field
from vtg_core.dashboard.own_rows import OwnRow
from vtg_core.dashboard.settings import Settings
from vtg_core.data.annotations import MAX_QUERY_CHARS, Annotation, check_query
from vtg_core.data.answer_forms.registry import format_named
from vtg_core.data.answers import AnswerMode
from vtg_core.data.own_words import own_answer
from vtg_core.data.wording.languages import ENGLISH
from vtg_core.dataset import OWN, clip_of, windows_in
from vtg_core.demo.examples import examples
from vtg_core.errors import AnnotationError, AnswerError, MaskingError, VideoError, VTGError, WindowError
from vtg_core.files.assets import asset_folder
from vtg_core.regions import MaskPolicy, TokenWeights
from vtg_core.templates import FORM_TEMPLATE, TEMPLATE_NAMES, PromptTemplate, templates_for
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import probe_video
from vtg_core.windows import Window

END_OF_TURN, NEWLINE = "end of turn", "newline after it"
POLICY_CHOICES = [END_OF_TURN, NEWLINE]


@dataclass(frozen=True)
class PickedRow:
    """A row of the annotation file, as the left side of the page shows it.

    Attributes:
        video: path of the file.
        query: the sentence.
        windows: when it happens, in seconds; the first one is shown. A row of its own words may have none.
        clip: the part of the file that the row speaks of, in seconds; None for the whole.
        note: where the row stands, and what else there is to say.
        number: the row's own in the file, from 1.
        own: the row where it has a conversation of its own; None where a template asks.
    """

    video: Path
    query: str
    windows: tuple[Window, ...]
    clip: Window | None
    note: str
    number: int
    own: OwnRow | None = None


@dataclass(frozen=True)
class Inputs:
    """What the left side of the page says, read strictly.

    Attributes:
        video: a local file.
        clip: the part of it that a picked row speaks of, in seconds; None for the whole.
        query: as typed.
        windows: seconds, as typed; the other windows of a picked row behind them. None where a row of its own words
            says none and none is typed.
        mode: the name of the form that answers are written in.
        frames: which frames are taken.
        policy: which regions are trained.
        template: the name of the template on screen; ``own`` for the words of the row itself.
        note: what there is to say of a picked row.
        row: its own number in the file, from 1; None where no row is picked.
        own: the picked row where it has a conversation of its own.
        chat: what is added to the checkpoint's chat template.
        language: the code of the one in which the built-in templates ask.
        weights: of the policy, as typed.
    """

    video: Path
    clip: Window | None
    query: str
    windows: tuple[Window, ...]
    mode: str
    frames: FramePolicy
    policy: MaskPolicy
    template: str
    note: str
    row: int | None = None
    own: OwnRow | None = None
    chat: TemplateChange = field(default_factory=TemplateChange)
    language: str = ENGLISH.code
    weights: str = ""

    @classmethod
    def read(
        cls,
        settings: Settings,
        video: str | None,
        query: str,
        start: float | None,
        end: float | None,
        mode: str,
        num_frames: float | None,
        trained: list[str],
        template: str,
        row: PickedRow | None,
        template_args: str | None = None,
        weights: str = "",
    ) -> "Inputs":
        """Read the values of the page; without ``template_args``, those that it was started with.

        Raises:
            VTGError: a value is missing or out of range; the sentence says which.
        """
        if not video:
            raise FieldError("video", "there must be a video: upload one, or pick an example")
        own = row.own if row is not None else None
        with at_field("query"):
            check_query(query, max_chars=MAX_QUERY_CHARS if own is None else None)
        check_choices(template=template, trained=trained, mode=mode)
        if template == OWN and own is None:
            raise FieldError(
                "template", "only a row with a conversation has words of its own; choose a template"
            )
        windows, is_row = _windows(start, end, row)
        with at_field("frames"):
            frames = read_frames(settings, num_frames)
        return cls(
            video=Path(video),
            clip=row.clip if row is not None else None,
            query=query,
            windows=windows,
            mode=mode,
            frames=frames,
            policy=read_policy(trained, weights),
            template=template_in(mode, template),
            note=_note(row, is_row) if row is not None else "",
            row=row.number if row is not None else None,
            own=own,
            chat=read_chat(settings, template_args),
            language=settings.language,
            weights=" ".join(weights.split()),
        )

    def windows_within(self, duration: float, *, clip: bool = False) -> list[Window]:
        """Return the windows, or raise where one ends past the video's ``duration`` (s).

        Raises:
            FieldError: one does; an end that may be clipped is, where ``clip`` says so.
        """
        try:
            return [window.check_within(duration, clip=clip) for window in self.windows]
        except WindowError:
            [past, *_] = [window for window in self.windows if window.end > duration]
            raise FieldError(
                "end",
                f"the window must end within the video ({duration:g} s), got {past.start:g} to {past.end:g} s; correct it",
            ) from None

    @property
    def templates(self) -> list[PromptTemplate]:
        """All that can ask: those of the chosen form first, then the built-in ones; none where there is no window."""
        if not self.windows:
            return []
        modes = sorted(AnswerMode, key=lambda mode: mode != self.mode)
        own = [] if self.mode in modes else list(templates_for(self.mode, self.language))
        return own + [template for mode in modes for template in templates_for(mode, self.language)]


def template_in(mode: str, template: str) -> str:
    """Return the name of the template that asks for answers in a form: a form that is not built in has only one."""
    return template if template == OWN or mode in tuple(AnswerMode) else FORM_TEMPLATE


def read_chat(settings: Settings, template_args: str | None) -> TemplateChange:
    """Return what is added to the chat template: ``NAME=VALUE``, one beside the other; the checkpoint says which it has.

    Raises:
        FieldError: it is too long.
    """
    if template_args is None:
        return settings.template
    if len(template_args) > MAX_TEMPLATE_ARGS:
        raise FieldError(
            "template-arg",
            f"there must be at most {MAX_TEMPLATE_ARGS} characters, got {len(template_args):,}",
        )
    return replace(settings.template, arguments=tuple(template_args.split()))


MAX_TEMPLATE_ARGS = 400


def _windows(
    start: float | None, end: float | None, row: PickedRow | None
) -> tuple[tuple[Window, ...], bool]:
    """Return the windows (s), and whether they are those of the row that was picked."""
    if row is not None and not row.windows and start is None and end is None:
        return (), True
    first = _window(start, end)
    is_row = row is not None and row.windows[:1] == (first,)
    return (first, *(row.windows[1:] if row is not None and is_row else ())), is_row


def _window(start: float | None, end: float | None) -> Window:
    for name, value in (("start", start), ("end", end)):
        if value is None:
            raise FieldError(
                name, f"the window must have a start and an end in seconds, and its {name} is empty"
            )
        if not math.isfinite(value) or value < 0:
            raise FieldError(name, f"the window's {name} must be 0 s or later, got {value:g}")
    assert start is not None
    assert end is not None
    if start >= end:
        raise FieldError(
            "end", f"the window must end after its start at {start:g} s, got an end at {end:g} s"
        )
    return Window(start, end)


def check_choices(
    what: str = "answer, template and mask policy",
    *,
    template: object,
    trained: object,
    mode: object = AnswerMode.STANDARD,
) -> None:
    """Check what a page offers to choose from: whoever can reach it can send anything.

    Args:
        what: a person chose.
        template: the name of one.
        trained: the mask policy.
        mode: how answers are written, where that is chosen.

    Raises:
        VTGError: a value is none of the page's own.
    """
    if not is_form(mode) or template not in (OWN, *TEMPLATE_NAMES) or not isinstance(trained, list):
        raise VTGError(f"{what} must be among the page's own choices")


def is_form(name: object) -> bool:
    """Say whether a browser sent the name of an answer form."""
    try:
        return isinstance(name, str) and len(name) < 60 and format_named(name).mode == name
    except AnswerError:
        return False


def read_frames(settings: Settings, num_frames: float | None) -> FramePolicy:
    """Return which frames the page asks for.

    Raises:
        VTGError: their number is missing, or none that can be taken.
    """
    frames = settings.frames
    if frames.fps is not None:
        return frames
    if num_frames is None:
        raise VTGError("there must be a number of frames, and the field is empty")
    return replace(frames, num_frames=_whole(num_frames))


def read_policy(trained: list[str], weights: str = "") -> MaskPolicy:
    """Return which regions the page says are trained, and how much their tokens weigh.

    Raises:
        FieldError: the weights are none.
    """
    weighed = read_weights(weights)
    return MaskPolicy(end_of_turn=END_OF_TURN in trained, newline=NEWLINE in trained, weights=weighed)


WEIGHTS = ("time", "format", "end_of_turn", "first", "last")
"""What a person can weigh on the page, see :class:`vtg_core.regions.TokenWeights`."""
MAX_WEIGHTS = 200


def read_weights(text: str) -> TokenWeights | None:
    """Return the weights that a person typed as ``NAME=NUMBER``, one beside the other; None where nothing is typed.

    Raises:
        FieldError: a name is none of ``WEIGHTS``, or a number is none that a weight can be.
    """
    given: dict[str, Any] = {}
    with at_field("weights"):
        for part in text[:MAX_WEIGHTS].replace(",", " ").split():
            name, _, number = part.partition("=")
            try:
                given[{name: name for name in WEIGHTS}[name]] = float(number)
            except (KeyError, ValueError):
                raise MaskingError(
                    f"weights must be NAME=NUMBER with a name of {', '.join(WEIGHTS)}, got {part!r:.60}; such as time=3 format=0.5"
                ) from None
        return TokenWeights(**given) if given else None


def pick_row(settings: Settings, number: float | None) -> PickedRow:
    """Return the row that a person picked, by its own number in the file, from 1; without a file, the example.

    Raises:
        VTGError: there is no such row, it cannot be read, or it does not fit its video.
    """
    if not settings.last_row:
        return _pick_example(number)
    annotation = _row_numbered(settings, number)
    try:
        clip = clip_of(annotation)
        duration = clip.length if clip is not None else probe_video(annotation.video).duration
    except VideoError as error:
        raise VideoError(f"{annotation.where}: {error}") from None
    windows, own = windows_in(annotation, duration, clip=settings.clip), OwnRow.of(annotation)
    note = f"Row {annotation.number:,} of the file ({annotation.where})."
    if clip is not None:
        note += f" Only {clip.start:g} to {clip.end:g} s of the file are read, and times count from there."
    if own is not None:
        note += f" {own.remark(windows, duration)}"
        windows = own_answer(annotation, duration, windows).windows
    if settings.unreadable:
        count = f"{len(settings.unreadable):,} of {settings.num_in_file:,} rows"
        note += (
            f" {count} cannot be read, the first is row {settings.unreadable[0].row + 1:,}; File says why."
        )
    return PickedRow(annotation.video, annotation.query, windows, clip, note, annotation.number, own)


def _pick_example(number: float | None) -> PickedRow:
    offered = examples(asset_folder())
    if number is None or not 1 <= _whole(number) <= len(offered):
        got = "and the field is empty" if number is None else f"got {number:,}"
        raise VTGError(f"the example must be a number from 1 to {len(offered)}, {got}")
    example = offered[_whole(number) - 1]
    return PickedRow(example.video, example.query, (example.window,), None, "", _whole(number))


def _row_numbered(settings: Settings, number: float | None) -> Annotation:
    last = settings.last_row
    if number is None:
        raise VTGError(f"the row must be a number from 1 to {last:,}, and the field is empty")
    if not 1 <= _whole(number) <= last:
        raise VTGError(f"the row must be a number from 1 to {last:,}, got {number:,}")
    for annotation in settings.annotations:
        if annotation.number == number:
            return annotation
    reasons = [row.reason for row in settings.unreadable if row.row + 1 == number]
    raise AnnotationError(
        reasons[0] if reasons else f"line {number:,.0f} of the file must hold a row, and is blank"
    )


def _note(row: PickedRow, keeps_windows: bool) -> str:
    if not row.note:
        return ""
    if row.own is not None:
        return row.note if keeps_windows else f"{row.note} Templates ask for the window typed here."
    if not keeps_windows:
        return f"{row.note} Its windows are replaced by the one typed here."
    if len(row.windows) > 1:
        return f"{row.note} It has {len(row.windows)} windows, and all of them are in the answer."
    return row.note


def _whole(number: float) -> int:
    if not math.isfinite(number) or number != int(number):
        raise VTGError(f"a whole number was expected, got {number:g}")
    return int(number)
