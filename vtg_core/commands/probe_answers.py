"""What ``python -m vtg_core probe`` found, as tables and as JSON can hold it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vtg_core.commands.terminal import counted, plain, print_table
from vtg_core.probes.overfit_readings import compare_masks

if TYPE_CHECKING:
    from vtg_core.loss.answer_parts import PartLoss
    from vtg_core.probes.controls import ControlReport, ControlResult
    from vtg_core.probes.generation import GeneratedAnswer
    from vtg_core.probes.overfit import OverfitReport, OverfitStep
    from vtg_core.windows import Window

CONTROL_NAMES = {
    "real": "as it is",
    "blank": "video blanked",
    "reversed": "frames reversed",
    "other_query": "other query",
    "shifted_window": "shifted window",
}
"""How the table calls each control."""

MAX_STEPS_SHOWN = 11


def controls_as_dict(report: "ControlReport") -> dict[str, Any]:
    """Return a report of controls as JSON can hold it; a control that was not run has None for its figures."""
    return {
        "results": [_control(report, result) for result in report.results],
        "reading": report.reading,
        "uniform_nll": report.uniform_nll,
        "num_passes": report.num_passes,
        "num_tokens": report.num_tokens,
        "plain_because": report.plain_because,
        "device": report.device,
        "dtype": report.dtype,
        "seconds": report.seconds,
    }


def _control(report: "ControlReport", result: "ControlResult") -> dict[str, Any]:
    control = result.control
    return {
        "control": str(control),
        "detail": result.detail,
        "reason": result.reason,
        "overlap": result.overlap,
        "total": _part(result.total),
        "delta": report.delta(control),
        "mean_delta": report.mean_delta(control),
        "times": _part(result.times),
        "times_delta": report.times_delta(control),
        "times_mean_delta": report.times_mean_delta(control),
    }


def _part(part: "PartLoss | None") -> dict[str, Any] | None:
    return None if part is None else asdict(part)


def print_controls(report: "ControlReport") -> None:
    """Print a line a control with what it changes, why one was not run, and what that says."""
    print_table(
        ("sample", "sum NLL", "change", "times", "change", "a token", "instead"),
        [_cells(report, result) for result in report.results],
    )
    print("\nnats; times: the sum over the tokens that say when; change: to the sample as it is")
    for result in report.results:
        if result.reason:
            print(f"{CONTROL_NAMES[result.control]}: {plain(result.reason)}")
    passes = f"{report.num_passes:,} {'pass' if report.num_passes == 1 else 'passes'} over {report.num_tokens:,} tokens"
    because = (
        f"; each sample had one of its own: {plain(report.plain_because)}" if report.plain_because else ""
    )
    print(f"{passes} on {report.device} in {report.dtype}, {report.seconds:.1f} s{because}")
    print(plain(report.reading))


def _cells(report: "ControlReport", result: "ControlResult") -> tuple[Any, ...]:
    control, total, times = result.control, result.total, result.times
    changes: tuple[str, ...] = ("", "", "")
    if result is not report.real and total is not None:
        found = (report.delta(control), report.times_delta(control), report.times_mean_delta(control))
        changes = tuple("" if nats is None else f"{nats:+.4f}" for nats in found)
    sums = [None if part is None else part.sum_nll for part in (total, times)]
    return CONTROL_NAMES[control], sums[0], changes[0], sums[1], *changes[1:], result.detail


def answer_as_dict(answer: "GeneratedAnswer") -> dict[str, Any]:
    """Return what a model wrote as JSON can hold it."""
    return {
        "text": answer.text,
        "token_ids": list(answer.token_ids),
        "is_complete": answer.is_complete,
        "windows": _windows(answer.parsed.windows),
        "parse_reason": str(answer.parsed.reason),
        "truth": _windows(answer.truth),
        "iou": answer.iou,
        "times": [asdict(time) for time in answer.times],
        "reading": answer.reading,
        "certainty": answer.certainty,
        "device": answer.device,
        "dtype": answer.dtype,
        "seconds": answer.seconds,
    }


def _windows(windows: "Sequence[Window]") -> list[list[float]]:
    return [list(window) for window in windows]


def print_generated(answer: "GeneratedAnswer") -> None:
    """Print what a model wrote, and how well it fits."""
    print(plain(answer.text))
    written = f"{counted(len(answer.token_ids), 'token')} on {answer.device} in {answer.dtype}"
    iou = "" if answer.iou is None else f", IoU {answer.iou:.4f}"
    print(f"{written}, {answer.seconds:.1f} s{iou}")
    print(plain(answer.reading))
    if answer.certainty:
        print(plain(answer.certainty))


def overfit_as_dict(reports: "Sequence[OverfitReport]") -> dict[str, Any]:
    """Return how a sample was learnt as JSON can hold it: with the mask that was asked for, and ours where that is another.

    Args:
        reports: of our mask, and behind it of another one, if there is one.
    """
    ours, *others = [
        {**asdict(report), "trained": str(report.trained), "reading": report.reading} for report in reports
    ]
    if not others:
        return {**ours, "ours": None}
    return {**others[0], "ours": ours, "comparison": compare_masks(*reports)}


def print_overfit(reports: "Sequence[OverfitReport]") -> None:
    """Print the losses at some of the steps, and what they say of the mask: of our own, and of another beside it."""
    for number, report in enumerate(reports):
        if number:
            print()
        _print_mask(report)
    if len(reports) > 1:
        print(plain(compare_masks(*reports)))


def _print_mask(report: "OverfitReport") -> None:
    is_ours = all(step.trained_nll == step.response_nll for step in report.steps)
    print_table(
        ("step", "answer", "prompt", *(() if is_ours else ("trained",))),
        [
            (step.step, step.response_nll, step.prompt_nll, *(() if is_ours else (step.trained_nll,)))
            for step in _shown(report.steps)
        ],
    )
    print("\nnats a token, after so many steps; prompt: its text, which our mask does not train")
    print(
        f"mask {report.mask}: {counted(report.num_trained_tokens, 'token')} in the loss; AdamW at "
        f"{report.learning_rate:g} on {counted(report.num_trained_weights, 'weight')} ({report.trained}), on "
        f"{report.device} in {report.dtype}, {report.seconds:.1f} s; the weights are as they were"
    )
    print(plain(report.reading))


def _shown(steps: "Sequence[OverfitStep]") -> list["OverfitStep"]:
    """Return at most ``MAX_STEPS_SHOWN`` of the steps, evenly chosen, the first and the last among them."""
    last = len(steps) - 1
    if last < MAX_STEPS_SHOWN:
        return list(steps)
    return [steps[round(number * last / (MAX_STEPS_SHOWN - 1))] for number in range(MAX_STEPS_SHOWN)]
