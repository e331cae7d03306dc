"""``python -m vtg_core loss``: its own options, and templates' losses on one video as a table."""

import argparse
from collections.abc import Sequence
from typing import Any

from vtg_core.commands.terminal import counted, plain, print_table
from vtg_core.views.results.losses import PARTS, ScoredSamples


def add_loss_options(command: argparse.ArgumentParser) -> None:
    """Add the options that ``loss`` alone has."""
    command.add_argument(
        "--cross-check", action="store_true",
        help="give each of several templates a pass of its own, and the model's own loss beside it; one template has "
        "that always, several share one pass",
    )  # fmt: skip
    command.add_argument(
        "--precisions",
        action="store_true",
        help="also run the sample in float32, bfloat16 and float16, one model after the other; needs one template",
    )


def print_losses(scored: ScoredSamples) -> None:
    """Print a line a template, with what guessing would cost, and what the model says itself."""
    own = ("model's own",) if scored.shared is None else ()
    parts = [name for name in PARTS if any(s["parts"][name]["num_tokens"] for s in scored.samples)]
    print_table(
        ("template", "mode", "supervised", "sum NLL", "mean NLL", *(name.replace("_", " ") for name in parts),
         "times guessed", *own),
        [
            (s["template"], s["mode"], s["num_supervised"], s["sum_nll"], s["mean_nll"],
             *(s["parts"][name]["sum_nll"] for name in parts),
             s["parts"]["times"]["uniform_nll"] or 0.0, *(s["model_loss"] for _ in own))
            for s in scored.samples
        ],
    )  # fmt: skip
    print(
        f"\nnats; the parts are sums. Guessing among all {scored.vocab_size:,} tokens costs {scored.uniform_nll:.4f} a token"
    )
    print("times guessed: their sum, had each been guessed among what the answer format could have written")
    if scored.shared is not None:
        _print_shared(scored.shared, len(scored.samples))
    for sample in scored.samples if len(scored.samples) == 1 else ():
        _print_shift(sample)


def _print_shared(shared: dict[str, Any], count: int) -> None:
    own = "the model's own loss needs passes of its own: choose one template, or give --cross-check"
    if shared["plain_because"]:
        print(f"each template had a pass of its own: {shared['plain_because']}; {own}")
        return
    print(
        f"{counted(count, 'template')} in one pass over {shared['num_tokens']:,} tokens instead of "
        f"{shared['num_plain_tokens']:,}; {own}"
    )


def _print_shift(sample: dict[str, Any]) -> None:
    losses = ", ".join(f"{loss:.4f} at {shift}" for shift, loss in enumerate(sample["shift_losses"]))
    if sample["model_loss"] is None:
        verdict = "the model's own loss was not asked for: it would take too much memory"
    elif sample["model_shift"] is None:
        verdict = "none of them alone is the model's own loss"
    else:
        verdict = f"the model's own loss uses {sample['model_shift']}"
    print(f"mean NLL by how many positions ahead a token is predicted: {losses}; {verdict}")


def print_precisions(reports: Sequence[dict[str, Any]]) -> None:
    """Print a line a floating point type, and why one has no loss."""
    print()
    print_table(
        ("dtype", "mean NLL", "largest difference", "finite", "seconds"),
        [
            (r["dtype"], r["mean_nll"], r["largest_difference"], _FINITE[r["is_finite"]], r["seconds"])
            for r in reports
        ],
    )
    print(f"\nlargest difference: of one token's NLL to its NLL in {reports[0]['dtype']}, in nats")
    for report in reports:
        if report["reason"]:
            print(f"{report['dtype']}: {plain(report['reason'])}")


_FINITE = {True: "yes", False: "no", None: "not run"}
