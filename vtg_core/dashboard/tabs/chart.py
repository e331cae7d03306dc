"""The chart of templates over many samples."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from vtg_core.comparison.analytics import Metric
from vtg_core.comparison.results import TemplateResult
from vtg_core.data.answers import AnswerMode
from vtg_core.views.comparison_file import METRICS

if TYPE_CHECKING:
    import plotly.graph_objects as go

BLUE, GREEN, GREY = "#0072b2", "#009e73", "#8a9099"  # Okabe and Ito's, apart for every kind of colour vision
MODES: dict[str, tuple[str, str]] = {AnswerMode.STANDARD: ("answers in seconds", BLUE), AnswerMode.TEMPORAL_TOKENS: ("answers in temporal tokens", GREEN)}  # fmt: skip
MAX_POINTS = 200
"""Each sample is a point of its own up to so many; of more, only their extremes and quartiles are drawn."""

_FIELDS = {
    Metric.MEAN: "mean_nll",
    Metric.SUM: "sum_nll",
    Metric.TIMES: "time_nll",
    Metric.END_OF_TURN: "end_of_turn_nll",
}


def metric_boxes(results: Sequence[TemplateResult], metric: Metric) -> "go.Figure":
    """Return a box a template of what its answers cost, in nats; each answer format has an axis of its own."""
    from plotly.subplots import make_subplots

    modes = list(dict.fromkeys(result.mode for result in results))
    titles = [MODES[mode][0] for mode in modes]
    count = max(1, len(modes))
    figure = make_subplots(rows=count, cols=1, subplot_titles=titles, vertical_spacing=0.24)
    for row, mode in enumerate(modes, 1):
        own = [result for result in results if result.mode == mode]
        for name in dict.fromkeys(result.template for result in own):
            figure.add_trace(
                _box(name, mode, results=[one for one in own if one.template == name], metric=metric),
                row=row,
                col=1,
            )
    figure.update_yaxes(
        title=f"{METRICS[metric].lower()} (nats)", gridcolor="rgba(138,144,153,0.3)", zeroline=False
    )
    figure.update_xaxes(tickangle=-40, gridcolor="rgba(0,0,0,0)")
    figure.update_annotations(font_size=13)
    figure.update_layout(
        height=120 + 260 * count, margin={"l": 60, "r": 20, "t": 64, "b": 90}, showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font_color=GREY,
    )  # fmt: skip
    return figure


def _box(name: str, mode: str, *, results: Sequence[TemplateResult], metric: Metric) -> "go.Box":
    import plotly.graph_objects as go

    costs = [getattr(result, _FIELDS[metric]) for result in results]
    looks = {"name": escape(name[:24]), "marker": {"color": MODES[mode][1], "size": 4, "opacity": 0.6}, "line_width": 1.5}  # fmt: skip
    if len(costs) > MAX_POINTS:
        low, first, middle, third, high = (
            [value] for value in np.quantile(costs, (0, 0.25, 0.5, 0.75, 1)).tolist()
        )
        return go.Box(
            x=[looks["name"]], lowerfence=low, q1=first, median=middle, q3=third, upperfence=high, **looks
        )
    return go.Box(
        y=costs, boxpoints="all", jitter=0.4, pointpos=0, hoveron="points",
        customdata=[f"row {result.row + 1}: {escape(result.query[:60])}" for result in results],
        hovertemplate="%{y:.3f} nats<br>%{customdata}<extra>%{x}</extra>", **looks,
    )  # fmt: skip
