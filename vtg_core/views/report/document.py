"""The report as one HTML document: its scripts, its style and what it shows; nothing is fetched, now or later.

What it shows is JSON in a script of no type that a browser runs. The page fills the same document in itself, from what
is on screen (``assets/ways_out.js``).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from vtg_core.files.assets import asset_folder
from vtg_core.views.audit import StripView
from vtg_core.views.report.bundle import bundle
from vtg_core.views.tokens import FilmView, TokenView

STYLES = ("report", "dashboard", "linked_view")
PLACE = '<script type="application/json" id="vtg-report">null</script>'
"""Where what is shown belongs; ``null`` is nothing."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class ReportRow:
    """One row of a report.

    Attributes:
        name: what it is called among the others.
        about: (name, value) of what it was made from.
        tokens: of the row.
        strip: what was found in it; None where it was not audited.
        film: frames of its video; None where there are none.
    """

    name: str
    about: list[tuple[str, str]]
    tokens: TokenView
    strip: StripView | None = None
    film: FilmView | None = None


@dataclass(frozen=True)
class ReportView:
    """What a report shows.

    Attributes:
        title: of the document.
        rows: at least one; a person chooses among several.
    """

    title: str
    rows: list[ReportRow]


def report_document(view: ReportView) -> str:
    """Return the HTML document of a report; every text in it is text."""
    shown = json.dumps(asdict(view), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    place = PLACE.replace("null", shown.replace("<", "\\u003c"), 1)
    return empty_document().replace(PLACE, place, 1)


def empty_document() -> str:
    """Return the document with nothing in it yet."""
    style = "\n".join(Path(asset_folder(), f"{name}.css").read_text(encoding="utf-8") for name in STYLES)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>VTG Lens: report</title>\n'
        f"<style>\n{style}</style>\n</head>\n<body>\n"
        "<noscript>This report is drawn by the script within it: allow scripts to see it.</noscript>\n"
        f"{PLACE}\n<script>\n{bundle('report')}</script>\n</body>\n</html>\n"
    )
