"""``vtg-lens spikes``: the steps of a training run whose loss stands out, and what is suspicious about their rows."""

import argparse
import math
import shlex
from typing import TYPE_CHECKING, Any

from vtg_core.commands.terminal import (
    add_reading_options,
    counted,
    plain,
    positive,
    reading,
    settled,
    tell_format,
    write_json,
)

if TYPE_CHECKING:
    from vtg_core.audit.training.spikes import Spike, SpikeRow, StepsFile

MAX_LISTED = 10
"""How many steps are listed unless the person says otherwise."""

PAGE = "http://127.0.0.1:7860/"


def add_spikes_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    text = "list the steps of a training run whose loss stands out, with their rows and what is suspicious about them"
    command = commands.add_parser("spikes", help=text, description=f"{text.capitalize()}.")
    command.set_defaults(run=run)
    command.add_argument(
        "steps", nargs="+", metavar="STEPS", help="what MaskAudit(log_to=STEPS) wrote; the file of each rank"
    )
    command.add_argument("--annotations", required=True, metavar="F", help="the file that was trained on")
    add_reading_options(command)
    command.add_argument(
        "--limit", type=positive, default=MAX_LISTED, metavar="N", help=f"the first N steps (default: {MAX_LISTED})"
    )  # fmt: skip
    command.add_argument("--json", metavar="OUT", help="write JSON to this file, or to stdout with -")
    command.set_defaults(usage=command)


def run(options: argparse.Namespace) -> int:
    """List the steps; return 0 whether any stands out or not."""
    from vtg_core.audit.training.spikes import find_spikes, read_steps
    from vtg_core.data.annotations import OnError, load_annotations
    from vtg_core.data.answer_forms.reading import windows_said

    options.json = settled(options.json)
    log = read_steps(options.steps)
    rows = load_annotations(
        options.annotations, **reading(options), on_error=OnError.SKIP, read_windows=windows_said
    )
    tell_format(rows)
    spikes = find_spikes(log, rows.annotations)
    if options.json is not None:
        write_json(options.json, as_dict(log, spikes[: options.limit], len(spikes)))
    if options.json != "-":
        _print(options, log, spikes)
    return 0


def as_dict(log: "StepsFile", spikes: "list[Spike]", num_spikes: int) -> dict[str, Any]:
    """Return what the command found, as JSON takes it; a loss that is no finite number is null."""
    return {
        "num_steps": len(log.steps),
        "num_spikes": num_spikes,
        "spikes": [
            {
                "step": spike.step.step,
                "loss": _finite(spike.step.loss),
                "expected": _finite(spike.expected),
                "score": _finite(spike.score),
                "saved": spike.step.saved or None,
                "rows": [_row_dict(row) for row in spike.rows],
            }
            for spike in spikes
        ],
    }


def _row_dict(row: "SpikeRow") -> dict[str, Any]:
    return {
        "id": row.logged.id,
        "rows": [annotation.number for annotation in row.annotations],
        "loss": row.logged.loss,
        "time_loss": row.logged.time,
        "answers": list(row.words.answers) if row.words is not None else None,
        "suspicions": list(row.suspicions),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _print(options: argparse.Namespace, log: "StepsFile", spikes: "list[Spike]") -> None:
    stand = "stands" if len(spikes) == 1 else "stand"
    print(f"{counted(len(spikes), 'step', of=len(log.steps))} {stand} out")
    for spike in spikes[: options.limit]:
        _print_spike(spike)
    if len(spikes) > options.limit:
        print(f"{counted(len(spikes) - options.limit, 'more step')}: --limit lists more")
    if spikes:
        print(f"rows are opened at {PAGE}?sample=N&tab=tokens by: {plain(_command(options))}")


def _print_spike(spike: "Spike") -> None:
    step = spike.step
    loss = f"{step.loss:.2f}" if math.isfinite(step.loss) else "no finite number of"
    print(
        f"step {step.step:,}: {loss} nats a token, where the steps around it let expect {spike.expected:.2f}"
        + (f" ({spike.score:.0f} robust standard deviations)" if math.isfinite(spike.score) else "")
    )
    if step.saved:
        print(f"  as it was trained on: vtg-lens --batch {plain(shlex.quote(step.saved))}")
    for row in spike.rows:
        _print_row(row)


def _print_row(row: "SpikeRow") -> None:
    loss = f", {row.logged.loss:.2f} nats a token" if row.logged.loss is not None else ""
    answer = f", answered {plain(repr(row.words.answers[-1]))}" if row.words and row.words.answers else ""
    if not row.annotations:
        print(f"  a row {row.logged.id}{loss}{answer}")
    else:
        first, *others = row.annotations
        more = f" (or {', '.join(f'{other.number:,}' for other in others[:3])})" if others else ""
        print(f"  row {first.number:,}{more}{loss}: {plain(repr(first.query))}{answer}")
    for suspicion in row.suspicions:
        print(f"    {plain(suspicion)}")


def _command(options: argparse.Namespace) -> str:
    words = ["vtg-lens", "--annotations", options.annotations]
    for root in options.video_root or ():
        words += ["--video-root", root]
    for name in ("format", "video_name"):
        if (value := getattr(options, name)) not in ("", "auto"):
            words += [f"--{name.replace('_', '-')}", value]
    return shlex.join([*words, *(["--clip"] if options.clip else [])])
