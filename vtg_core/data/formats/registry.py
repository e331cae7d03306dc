"""All formats that are read, and which of them a file is written in."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from vtg_core.data.formats import by_video, conversations, flat_rows, nested
from vtg_core.data.formats.files import AnnotationFile, Entry
from vtg_core.data.formats.form import Context, Format
from vtg_core.data.formats.row import FieldError, ReadWindows, Row
from vtg_core.errors import AnnotationError

AUTO = "auto"
SNIFFED_ENTRIES = 50

FORMATS: tuple[Format, ...] = (
    *flat_rows.FORMATS, *by_video.FORMATS, *nested.FORMATS, *conversations.FORMATS,
)  # fmt: skip
FORMAT_NAMES = (AUTO, *(form.name for form in FORMATS))


@dataclass(frozen=True)
class Choice:
    """The format a file is read as.

    Attributes:
        form: the format.
        why: what speaks for it, in a line.
        is_said: whether a person named it; otherwise an entry of another format's shape is read as of that one.
    """

    form: Format
    why: str
    is_said: bool = False


@dataclass(frozen=True)
class Found:
    """A row of a file, or why there is none.

    Attributes:
        number: its number, from 1: of the entry, or of the row where an entry may hold several.
        where: file and line, and the row's number where it is no line's.
        row: what the file says, unchecked; or why it cannot be read.
    """

    number: int
    where: str
    row: Row | AnnotationError


def format_named(name: str) -> Format:
    """Return the format of that name, or that is also called so.

    Raises:
        AnnotationError: there is none.
    """
    for form in FORMATS:
        if name in (form.name, *form.aliases):
            return form
    raise AnnotationError(f"--format must be one of {', '.join(FORMAT_NAMES)}, got {name!a:.60}")


def choose_format(file: AnnotationFile, name: str = AUTO) -> Choice:
    """Say which format a file is read as: the one that is named, or the one that most of its first entries fit.

    Raises:
        AnnotationError: there is no format of that name, no format fits, or several fit as well.
    """
    if name != AUTO:
        form = format_named(name)
        return Choice(form, f"read as {form.name} ({form.title}), as --format says", is_said=True)
    with closing(file.entries()) as begun:
        entries = list(islice(begun, SNIFFED_ENTRIES))
    counts = {form.name: sum(form.matches(entry) for entry in entries) for form in FORMATS}
    most = max(counts.values())
    best = [form for form in FORMATS if counts[form.name] == most]
    if most == 0:
        return _own_or_none(file, entries)
    if len(best) > 1 and best[-1].name == "columns":  # fits any list that has a start and an end
        best.pop()
    if len(best) > 1 and all(sum(form.matches(entry) for form in best) <= 1 for entry in entries):
        best = best[:1]  # of each entry it is clear
    if len(best) > 1:
        fit = "; ".join(f"{form.name} ({form.told_by})" for form in best)
        raise AnnotationError(f"{file.path.name} fits several formats, {fit}: say which it is with --format")
    [form] = best
    others = [_of_row(entry, form) for entry in entries]
    mixed = "".join(
        f"; entries that hold {other.told_by} are read as {other.name} ({other.title})"
        for other in FORMATS
        if other in others and other is not form
    )
    return Choice(form, f"read as {form.name} ({form.title}), because its rows hold {form.told_by}{mixed}")


def _of_row(entry: Entry, form: Format) -> Format:
    """Return the format of one entry: that of the file, unless the entry has the shape of one other format alone."""
    if form.has_many or form.matches(entry):
        return form
    fitting = [other for other in FORMATS if not other.has_many and other.matches(entry)]
    fitting = [other for other in fitting if other.name != "columns"]  # fits any list with a start and an end
    return fitting[0] if len(fitting) == 1 else form


def found_rows(
    file: AnnotationFile, choice: Choice, read_windows: ReadWindows, *, first: int = 1
) -> Iterator[Found]:
    """Yield the rows of a file in order, from the ``first``; one entry is held at a time.

    Raises:
        AnnotationError: the file cannot be read, or not beyond a place.
    """
    context, number, form = Context(file.path, read_windows), 0, choice.form
    for entry in file.entries(1 if form.has_many else first):
        if not form.has_many:
            number = entry.number - 1
        of_entry = form if choice.is_said else _of_row(entry, form)
        for row in _rows_of(entry, of_entry, context):
            number += 1
            if number < first:
                continue
            inside = f", {row.inside}" if isinstance(row, Row) and row.inside else ""
            is_line = file.layout.is_by_line and not form.has_many
            where = entry.place if is_line else f"{entry.place}{inside}, row {number}"
            yield Found(number, where, row.at(where) if isinstance(row, FieldError) else row)


def _rows_of(entry: Entry, form: Format, context: Context) -> Iterator[Row | AnnotationError]:
    if entry.problem is not None:
        yield entry.problem
        return
    try:
        yield from form.read(entry, context)
    except FieldError as error:
        yield error
    except OverflowError:  # an integer of hundreds of digits
        yield FieldError("", "a row must hold numbers that a float can hold, got a longer one")


def _own_or_none(file: AnnotationFile, entries: list[Entry]) -> Choice:
    """Take our own format where a row has one of its names, or no row has any: its errors say what is wrong."""
    rows = [entry.value for entry in entries if isinstance(entry.value, Mapping) and entry.value]
    if not rows or any(_OWN_NAMES & set(row) for row in rows):
        return Choice(
            flat_rows.OWN,
            f"read as {flat_rows.OWN.name} ({flat_rows.OWN.title}), as nothing speaks for another",
        )
    raise AnnotationError(
        f"{file.path.name} fits no format that is known ({', '.join(FORMAT_NAMES[1:])}): "
        f"its first row has the fields {sorted(map(str, rows[0]))!r:.120}; name its format with --format"
    )


_OWN_NAMES = {"video", "sentence", "query", "timestamp", "windows"}
