"""What a caller of an endpoint sends, read strictly: anything may come, and nothing but a row goes on."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from vtg_core.dashboard.inputs import is_form, read_frames
from vtg_core.dashboard.masks import AuditSource
from vtg_core.dashboard.settings import Settings
from vtg_core.data.annotations import check_query
from vtg_core.data.formats.row import shown
from vtg_core.errors import VTGError
from vtg_core.recipes.rules import Recipe
from vtg_core.templates import TEMPLATE_NAMES
from vtg_core.video.plan import FramePolicy
from vtg_core.views.results.chosen import BOTH
from vtg_core.views.results.inspected import TypedRow
from vtg_core.windows import Window

MAX_WINDOWS = 100
MAX_WHOLE = 1_000_000
MAX_SECONDS = 1e9


def row_of(
    settings: Settings, *, video: Any, query: Any, windows: Any, num_frames: Any, clip: Any
) -> TypedRow:
    """Return the row that a caller asks about.

    Raises:
        VTGError: a value is none that a row can have.
    """
    check_query(query)
    found = tuple(_windows(windows))
    frames = frames_of(settings, num_frames)
    return TypedRow(video_of(settings, video), query, found, frames, flag("clip", clip))


def video_of(settings: Settings, given: Any) -> Path:
    """Return the file that a caller names: one that was uploaded, or one below the folders of the start.

    Raises:
        VTGError: it is neither. Whether there is something elsewhere is not told.
    """
    named = given.get("path") if isinstance(given, Mapping) else given
    for root, is_whole in [(Path(get_upload_folder()), True), *((root, False) for root in settings.roots)]:
        found = _below(root, named, is_whole=is_whole)
        if found is not None:
            return found
    where = " or one below the folders that the page was started with" if settings.roots else ""
    raise VTGError(
        f"the video must be a file that was uploaded (gradio_client.handle_file){where}, got {shown(named)}"
    )


def _below(root: Path, named: Any, *, is_whole: bool) -> Path | None:
    """Return a file of a folder; None where it is none, or leads out of it."""
    if not isinstance(named, str) or not named or (is_whole and not Path(named).is_absolute()):
        return None
    try:
        folder = root.resolve()
        found = (folder / named).resolve()
        return found if found.is_relative_to(folder) and found.is_file() else None
    except (OSError, ValueError, RuntimeError):  # no path at all, or a link that leads to itself
        return None


def frames_of(settings: Settings, num_frames: Any) -> FramePolicy:
    """Return which frames are taken; those of the start where a caller names no number.

    Raises:
        VTGError: the number is none, or larger than can be taken.
    """
    if num_frames is None:
        return settings.frames
    return read_frames(settings, whole("num_frames", num_frames, minimum=1))


def answer_of(given: Any, *, takes_both: bool) -> str:
    """Return the name of the form that answers are written in, or ``both``.

    Raises:
        VTGError: there is no such form.
    """
    if (takes_both and given == BOTH) or is_form(given):
        return str(given)
    also = ", both" if takes_both else ""
    raise VTGError(
        f"the answer must be standard, temporal_tokens{also} or another form of docs/templates.md, got {shown(given)}"
    )


def template_of(given: Any, *others: str) -> str:
    """Return the name of a template, or one of the other words that may stand for it.

    Raises:
        VTGError: there is no such template.
    """
    return one_of("template", given, (*others, *TEMPLATE_NAMES))


def mask_of(settings: Settings, given: Any) -> str:
    """Return whose mask is audited: ``ours``, a recipe's name, or ``collator`` for the one of the start.

    Raises:
        VTGError: it is none of these.
    """
    yours = (str(AuditSource.COLLATOR),) if settings.collator else ()
    return one_of("mask", given, (str(AuditSource.OURS), *yours, *map(str, Recipe)))


def one_of(what: str, given: Any, known: Iterable[str]) -> str:
    """Return a value that is one of those that are known.

    Raises:
        VTGError: it is not.
    """
    names = tuple(known)
    if isinstance(given, str) and given in names:
        return given
    raise VTGError(f"the {what} must be one of {', '.join(names)}, got {shown(given)}")


def whole(what: str, given: Any, *, minimum: int = 0) -> int:
    """Return a whole number from ``minimum`` to ``MAX_WHOLE``.

    Raises:
        VTGError: it is none.
    """
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if is_number and minimum <= given <= MAX_WHOLE and given == int(given):
        return int(given)
    raise VTGError(f"{what} must be a whole number from {minimum} to {MAX_WHOLE:,}, got {shown(given)}")


def flag(what: str, given: Any) -> bool:
    """Return a value that is true or false.

    Raises:
        VTGError: it is neither.
    """
    if isinstance(given, bool):
        return given
    raise VTGError(f"{what} must be true or false, got {shown(given)}")


def texts(what: str, given: Any, *, default: Sequence[str]) -> list[str]:
    """Return a list of texts; ``default`` where there is none.

    Raises:
        VTGError: it is something else.
    """
    if given is None:
        return list(default)
    if isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        return list(dict.fromkeys(given))[:MAX_WINDOWS]
    raise VTGError(f"{what} must be a list of names, got {shown(given)}")


def _windows(given: Any) -> Iterable[Window]:
    if not isinstance(given, list) or not 1 <= len(given) <= MAX_WINDOWS:
        raise VTGError(
            f"windows must be a list of 1 to {MAX_WINDOWS} pairs of seconds, such as [[8, 14]], got {shown(given)}"
        )
    for pair in given:
        if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_seconds, pair)):
            raise VTGError(f"a window must be [start, end] in seconds, got {shown(pair)}")
        yield Window(float(pair[0]), float(pair[1]))


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_SECONDS
