"""A folder of results on the page: a page of its rows, those that are looked for, and the one that is opened."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import count
from threading import Lock
from typing import Any

from vtg_core.audit.shards.opened.results import Line
from vtg_core.audit.shards.opened.search import RowFilter, Search
from vtg_core.audit.shards.table import digest_of
from vtg_core.dashboard.samples import MAX_NUMBER
from vtg_core.dashboard.settings import Settings
from vtg_core.data.annotations import Annotation, AnnotationReader, UnreadableRow
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.errors import AnnotationError, VideoError
from vtg_core.views.results.browsed import PageView, view_folder, view_line

ROWS_A_PAGE = 200
SECONDS_A_LOOK = 0.5
"""So long rows are looked for before the page is told how far it is; it asks again."""
MAX_SEARCHES = 8
"""So many are kept, 8 bytes for each row that was found."""
MAX_WORDS, MAX_TEXT = 8, 200
BAD, ALL = "bad", "all"


class Browser:
    """Answers what pages ask of one folder.

    Args:
        settings: what the page was started with; it has results.
    """

    def __init__(self, settings: Settings) -> None:
        assert settings.results is not None
        self.results, self._settings = settings.results, settings
        self._searches: OrderedDict[RowFilter, Search] = OrderedDict()
        self._lock = Lock()

    def overview(self, asked: Mapping[str, Any]) -> str:
        """Return the JSON of the folder as it is now, and of the page of rows that is asked for.

        Raises:
            VTGError: the folder holds no audit any more.
        """
        self.results.look_again()
        with self._lock:
            self._searches.clear()
        folder = asdict(view_folder(self.results, why_not=self.why_not()))
        return json.dumps({"folder": folder, "page": asdict(self._page(asked))}, ensure_ascii=False)

    def page(self, asked: Mapping[str, Any]) -> str:
        """Return the JSON of a page of rows.

        Args:
            asked: what a browser sent: ``first``, the place of the first row, ``asked``, the question's number, ``counts``,
                whether rows are counted that are behind the page, and a filter: ``severity``, ``code``, ``cause``, ``text``.
        """
        return json.dumps({"folder": None, "page": asdict(self._page(asked))}, ensure_ascii=False)

    def why_not(self) -> str:
        """Say why no row can be opened; empty where they can."""
        file, was = self._settings.results_file, self.results.file
        named = f"{was['name']} ({was['bytes']:,} bytes)"
        if file is None:
            return f"Rows are opened where the page is started with the file that was audited too: --annotations {named}."
        size = file.stat().st_size if file.is_file() else None
        if size != was["bytes"]:
            is_now = "is not there any more" if size is None else f"has {size:,} bytes"
            return f"Rows are opened from the file that was audited, {named}; {file.name} {is_now}."
        return ""

    def row(self, number: int) -> Annotation:
        """Return a row of the annotation file, by its number from 1, if it is the one that was audited.

        Raises:
            VTGError: it cannot be opened; the message says why.
        """
        if why_not := self.why_not():
            raise AnnotationError(why_not.rstrip("."))
        lines = self.results.lines_of([number - 1])
        if not lines:
            raise AnnotationError(f"row {number:,} must be among those that were audited, and is not")
        return self._as_audited(lines[0])

    def _as_audited(self, line: Line) -> Annotation:
        settings = self._settings
        assert settings.results_file is not None
        row = AnnotationReader(settings.results_file, **settings.reading, read_windows=windows_said).row_at(
            line.row
        )
        if row is None or (line.content and digest_of(row.raw) != line.content):
            raise AnnotationError(
                f"row {line.row + 1:,} of {settings.results_file.name} must be the one that was audited, and says something "
                "else now; audit the file anew"
            )
        if isinstance(row, UnreadableRow):
            raise AnnotationError(row.reason)
        if not row.video.is_file():
            raise VideoError(f"{row.where}: the video must be there, and there is no file {row.video.name!r}")
        return row

    def _page(self, asked: Mapping[str, Any]) -> PageView:
        first, number = _whole(asked.get("first")), _whole(asked.get("asked"))
        wanted = self._filter(asked)
        if wanted.takes_all:
            lines = self.results.lines(first, ROWS_A_PAGE)
            return PageView(number, first, self.results.num_rows, True, tuple(map(view_line, lines)))
        search = self._search(wanted)
        search.look(
            float("inf") if asked.get("counts") is True else first + ROWS_A_PAGE, seconds=SECONDS_A_LOOK
        )
        lines = self.results.lines_of(search.rows(first, ROWS_A_PAGE))
        return PageView(number, first, search.num_found, search.is_done, tuple(map(view_line, lines)))

    def _search(self, wanted: RowFilter) -> Search:
        with self._lock:
            search = self._searches.pop(wanted, None) or Search(self.results, wanted)
            self._searches[wanted] = search
            while len(self._searches) > MAX_SEARCHES:
                self._searches.popitem(last=False)
            return search

    def _filter(self, asked: Mapping[str, Any]) -> RowFilter:
        """Read a filter strictly: whoever can reach the page can send anything."""
        severity, code, text, cause = (asked.get(name) for name in ("severity", "code", "text", "cause"))
        codes = None
        if severity != ALL:
            taken = ("error", "warning") if severity == BAD else (severity,)
            codes = frozenset(one["code"] for one in self.results.codes if one["severity"] in taken)
        if isinstance(code, str) and code in {one["code"] for one in self.results.codes}:
            codes = frozenset([code])
        of_cause = None
        if isinstance(cause, int) and not isinstance(cause, bool) and 0 <= cause < len(self.results.causes):
            of_cause = self.results.causes[cause][:2]
        words = text[:MAX_TEXT].lower().split()[:MAX_WORDS] if isinstance(text, str) else []
        return RowFilter(codes, of_cause, tuple(words))


def one_row(settings: Settings, row: Annotation) -> Settings:
    """Return the settings of a page that shows this row of the file alone."""
    return replace(settings, annotations=(row,), unreadable=(), annotation_file=settings.results_file)


def opened(row: int, *, why: str = "") -> str:
    """Return the JSON of the row that was opened, or of why it was not; equal ones are told anew."""
    said = {"row": row, "why": why, "number": next(_NUMBERS)}
    return json.dumps({"folder": None, "page": None, "opened": said}, ensure_ascii=False)


_NUMBERS = count()


def _whole(value: object) -> int:
    is_whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_NUMBER
    return value if is_whole else 0  # type: ignore[return-value]
