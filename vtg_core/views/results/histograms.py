"""The charts of a file's distributions: a bar is a figure whose rows a click opens."""

from typing import TYPE_CHECKING

from vtg_core.views.survey import DistributionView, view_survey

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from vtg_core.audit.survey.results import ConstantGuess, Survey

BLUE, PURPLE, GREY = "#0072b2", "#cc79a7", "#8a9099"  # Okabe and Ito's, apart for every kind of colour vision
COLUMNS = 2


def charts_document(survey: "Survey") -> str:
    """Return the charts of a survey as one HTML file that needs no network: the library that draws them is in it."""
    view = view_survey(survey, survey.num_rows)
    charts = distribution_bars(view.distributions, survey).to_html(full_html=False, include_plotlyjs=True)
    return f"{_HEAD}{charts}\n</body></html>\n"


_HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="'
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
    '">\n<title>VTG Lens: what a file holds</title></head><body>\n'
)
"""Nothing of the file is in it but numbers."""


def distribution_bars(
    distributions: "tuple[DistributionView, ...]", survey: "Survey | None" = None
) -> "go.Figure":
    """Return a chart a distribution; a bar carries the name of its figure, and where windows lie the best guess is drawn.

    Args:
        distributions: as a survey's view has them.
        survey: whose they are, for the guesses.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    count = max(1, len(distributions))
    rows = -(-count // COLUMNS)
    titles = [d.title for d in distributions]
    figure = make_subplots(
        rows=rows, cols=COLUMNS, subplot_titles=titles, vertical_spacing=0.32 / rows, horizontal_spacing=0.09
    )
    for at, distribution in enumerate(distributions):
        place = {"row": at // COLUMNS + 1, "col": at % COLUMNS + 1}
        names = [bar.name for bar in distribution.bars]
        figure.add_trace(
            go.Bar(
                x=[bar.between for bar in distribution.bars], y=[bar.count for bar in distribution.bars],
                customdata=names, marker_color=BLUE, name=distribution.title,
                hovertemplate="%{x}: %{y:,}<br>click for the rows<extra></extra>",
            ),
            **place,
        )  # fmt: skip
        figure.update_xaxes(type="category", **place)
        _mark_guesses(figure, distribution, survey.guesses if survey is not None else (), place)
    figure.update_yaxes(gridcolor="rgba(138,144,153,0.3)", zeroline=False, rangemode="tozero")
    figure.update_xaxes(tickangle=-40, tickfont_size=10, gridcolor="rgba(0,0,0,0)")
    figure.update_annotations(font_size=13)
    figure.update_layout(
        height=60 + 230 * rows, margin={"l": 45, "r": 10, "t": 40, "b": 70}, showlegend=False, bargap=0.08,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font_color=GREY, dragmode=False,
    )  # fmt: skip
    return figure


def _mark_guesses(
    figure: "go.Figure",
    distribution: DistributionView,
    guesses: "tuple[ConstantGuess, ...]",
    place: dict[str, int],
) -> None:
    """Draw where the best constant answers start or end, beside where windows do."""
    if distribution.name not in ("start", "end") or not distribution.bars:
        return
    first = int(distribution.bars[0].name.partition(":")[2]) - 1
    for guess in guesses:
        if not guess.num_rows:
            continue
        share = guess.start if distribution.name == "start" else guess.end
        x = 10 * share - first - 0.5  # categories stand at whole numbers, a tenth of the video each
        if -0.5 <= x <= len(distribution.bars) - 0.5:
            figure.add_vline(
                x=x, line={"color": PURPLE, "width": 2, "dash": "dash" if guess.iou > 0.6 else "solid"},
                annotation={
                    "text": f"best guess, IoU {guess.iou:g}", "font": {"color": PURPLE, "size": 10},
                    "yshift": -14 if guess.iou > 0.6 else 0, "xanchor": "left" if share < 0.6 else "right",
                }, **place,
            )  # fmt: skip
