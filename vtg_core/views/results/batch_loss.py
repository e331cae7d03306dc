"""The loss of a saved batch's row, under the batch's own labels."""

import math

from vtg_core.loss.score import LossReport
from vtg_core.views.loss import FigureView, LossView, TokenRow, ran_in_words


def view_batch_loss(report: LossReport, name: str) -> LossView:
    """Return the loss view of a row of somebody's batch, under its own labels; ``name`` says which it is.

    What its answer is, and what its times would cost who guesses them, is not known of a batch.
    """
    uniform, mean = math.log(report.vocab_size), report.mean_nll
    blind: list[tuple[str, float | None, str]] = [
        ("blind guess", uniform, "the logarithm of the vocabulary's size")
    ]
    num = f"{len(report.tokens):,} token{'s' * (len(report.tokens) != 1)}"
    figures = [
        FigureView("Mean NLL", mean, f"nats a token, over {num}", blind),
        FigureView("Sum", report.sum_nll, f"nats over {num}", []),
        FigureView("Model's own", report.model_loss, "nats a token, the whole batch", []),
    ]
    tokens = [
        TokenRow(t.index, t.id, t.text, "", t.nll, t.prob, t.rank, t.entropy, [(a.id, a.text, a.prob) for a in t.top])
        for t in report.tokens
    ]  # fmt: skip
    reading = f"Under the batch's own labels the loss is {mean:.4f} nats a token over {num}, where a blind guess costs {uniform:.2f}."
    return LossView(
        name,
        reading,
        figures,
        uniform,
        report.vocab_size,
        tokens,
        [],
        "",
        [],
        report.model_loss,
        [],
        ran_in_words(report),
    )
