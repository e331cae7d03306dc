"""The charts of the page."""

import math
from html import escape
from typing import TYPE_CHECKING

from vtg_core.loss import LossReport

if TYPE_CHECKING:
    import plotly.graph_objects as go

BLUE, ORANGE = "#0072b2", "#d55e00"  # Okabe and Ito's pair, apart for every kind of colour vision


def loss_bars(report: LossReport) -> "go.Figure":
    """Return a bar per supervised token, its NLL in nats, beside the cost of guessing uniformly."""
    import plotly.graph_objects as go

    texts = [_as_text(token.text) for token in report.tokens]
    hints = [
        f"index {token.index}<br>id {token.id}<br>NLL {token.nll:.4f} nats<br>probability {token.prob:.3g}<br>rank {token.rank:,}"
        for token in report.tokens
    ]
    uniform = math.log(report.vocab_size)
    positions = list(range(len(texts)))
    figure = go.Figure(
        go.Bar(x=positions, y=[token.nll for token in report.tokens], marker_color=BLUE, marker_line_width=0,
               customdata=hints, hovertemplate="%{customdata}<extra></extra>")
    )  # fmt: skip
    figure.add_hline(y=uniform, line_dash="dash", line_color=ORANGE)
    figure.add_annotation(
        text=f"- - uniform guessing, ln {report.vocab_size:,} = {uniform:.2f}", font_color=ORANGE, showarrow=False,
        xref="paper", yref="paper", x=1, y=1, xanchor="right", yanchor="bottom",
    )  # fmt: skip
    grey = "#8a9099"
    figure.update_xaxes(
        tickvals=positions, ticktext=texts, tickangle=0, title="supervised token", gridcolor="rgba(0,0,0,0)"
    )
    figure.update_yaxes(
        title="NLL (nats)",
        range=[0, 1.15 * max(uniform, *(token.nll for token in report.tokens))],
        gridcolor="rgba(138,144,153,0.3)",
    )
    figure.update_layout(
        height=340, margin={"l": 60, "r": 20, "t": 30, "b": 60}, showlegend=False,
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font_color=grey,
    )  # fmt: skip
    return figure


def _as_text(text: str) -> str:
    """Return a token's text for a chart, whose labels are a small markup language of their own."""
    shown = text.replace("\n", "⏎").replace("\t", "⇥")
    shown = f"␣{shown[1:]}" if shown.startswith(" ") else shown
    return escape(shown[:24]) or "∅"
