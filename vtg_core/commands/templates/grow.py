"""``vtg-lens templates grow``: more templates like one, from a language model."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vtg_core.commands.templates.local_writer import LocalWriter
from vtg_core.commands.terminal import (
    counted,
    plain,
    positive,
    print_table,
    tell,
    write_all,
    write_json,
    write_text,
)
from vtg_core.data.answers import AnswerMode
from vtg_core.data.wording.diversity import Diversity, diversity_of
from vtg_core.data.wording.growth.endpoint import API_KEY, Endpoint, Recorder, Reply, check_url, replayed
from vtg_core.data.wording.growth.growing import Growth
from vtg_core.templates import TEMPLATE_NAMES
from vtg_core.views.results.chosen import ALL, BOTH, templates_of


def add_grow_options(command: argparse.ArgumentParser) -> None:
    """Add the options of ``grow``; the others of the command hold for it too."""
    command.add_argument(
        "--from", dest="origin", choices=TEMPLATE_NAMES, default="concise",
        help="grow: the template that others are made from (default: concise)",
    )  # fmt: skip
    command.add_argument(
        "--count",
        type=positive,
        default=20,
        metavar="N",
        help="grow: how many templates are wanted (default: 20)",
    )
    command.add_argument(
        "--endpoint", metavar="URL",
        help="grow: an OpenAI-compatible server up to /v1, such as http://127.0.0.1:8000/v1; its key stands in "
        f"${API_KEY}",
    )  # fmt: skip
    command.add_argument("--model", metavar="NAME", help="grow: the model, as the server calls it")
    command.add_argument(
        "--writer", metavar="NAME",
        help="grow: a model of your own instead of a server, through transformers: a folder or a hub id, of a language "
        "or a video-language model",
    )  # fmt: skip
    command.add_argument(
        "--temperature", type=_temperature, default=1.0, metavar="T", help="grow: of the model (default: 1.0)"
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="grow: of the model's draw (default: 0)"
    )
    command.add_argument(
        "--replay", metavar="FILE", help="grow: take the replies from a file of --record, and ask no model"
    )
    command.add_argument("--record", metavar="OUT", help="grow: keep every reply in this file")
    command.add_argument(
        "--yaml", metavar="OUT", help="grow: write what was accepted to this file, or to stdout with -"
    )


def _temperature(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 10:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 10, got {text!r}")
    return value


def check_grow_usage(options: argparse.Namespace) -> None:
    """Leave with wrong usage unless the options say where replies come from, and which form and language is asked for."""
    fail = options.usage.error
    if sum(map(bool, (options.replay, options.endpoint, options.writer))) != 1:
        fail("grow needs one of --endpoint with --model, --writer, or --replay")
    if options.endpoint and not options.model:
        fail("--endpoint needs --model, the name by which its server calls it")
    if options.replay and options.record:
        fail("--record keeps what a model replies, and --replay asks none")
    if len(options.answer) != 1:
        fail("grow makes templates of one answer form: give one with --answer")
    if options.language is not None and len(options.language) != 1:
        fail("grow makes templates in one language: give one with --language")


def grow(options: argparse.Namespace, count_tokens: Callable[[str], int]) -> int:
    """Grow templates; return the exit status: 1 where there are fewer than were wanted.

    Raises:
        TemplateError: the server, the model or the file of replies cannot be used.
        CheckpointError: the model cannot be loaded.
    """
    [answer] = options.answer if options.answer != [BOTH] else [str(AnswerMode.STANDARD)]
    [language] = options.language or ["en"]
    others = templates_of(answer, ALL, [language])
    origin = next((own for own in others if own.name == options.origin), others[0])
    growth, recorder = Growth(origin, others, options.count), Recorder(options.record)
    try:
        growth.ask(_replies(options, recorder))
    finally:
        if options.record:
            write_text("--record", options.record, recorder.text)
    before = diversity_of([own.text for own in others], growth.form, count_tokens)
    grown = [own.template.text for own in growth.accepted]
    after = diversity_of([*(own.text for own in others), *grown], growth.form, count_tokens)
    _show(options, growth, before=before, after=after)
    return int(not growth.is_done)


def _replies(options: argparse.Namespace, recorder: Recorder) -> Callable[[str, int], Reply | None]:
    if options.replay:
        kept = replayed(Path(options.replay))
        return lambda prompt, number: next(kept, None)
    model: Endpoint | LocalWriter
    if options.writer:
        model = LocalWriter.load(options.writer, temperature=options.temperature, seed=options.seed)
    else:
        model = Endpoint(check_url(options.endpoint), options.model, options.temperature, options.seed)

    def ask(prompt: str, number: int) -> Reply:
        tell(f"asking for reply {number}")
        reply = model.ask(prompt, number)
        recorder.keep(prompt, reply)
        return reply

    return ask


def _show(options: argparse.Namespace, growth: Growth, *, before: Diversity, after: Diversity) -> None:
    outputs: list[Callable[[], object]] = []
    if options.yaml is not None and growth.accepted:
        outputs.append(lambda: write_text("--yaml", options.yaml, growth.as_yaml()))
    elif options.yaml is not None:
        tell("no template was accepted, and none is written")
    if options.json is not None:
        outputs.append(lambda: write_json(options.json, _as_dict(growth, before, after)))
    if "-" not in (options.json, options.yaml):
        outputs.append(lambda: _print(growth, before, after))
    write_all(outputs)


def _as_dict(growth: Growth, before: Diversity, after: Diversity) -> dict[str, Any]:
    return {
        "from": growth.origin.name,
        "mode": str(growth.origin.mode),
        "language": growth.origin.language,
        "accepted": [
            {"name": own.template.name, "text": own.template.text, "source": own.source}
            for own in growth.accepted
        ],
        "rejected": [{**asdict(one), "reason": str(one.reason)} for one in growth.rejected],
        "before": asdict(before),
        "after": asdict(after),
    }


def _print(growth: Growth, before: Diversity, after: Diversity) -> None:
    print(
        f"{counted(len(growth.accepted), 'template', of=growth.count)} accepted, {len(growth.rejected):,} rejected"
    )
    for own in growth.accepted:
        print(f"  {own.template.name}: {plain(own.template.text)}")
    if growth.rejected:
        print("\nrejected:")
    for one in growth.rejected:
        print(f"  {plain(one.source)}: {one.reason}: {plain(one.message)}: {plain(one.text[:120])}")
    print()
    rows = [(name, *(_shown(asdict(one)[name]) for one in (before, after))) for name in asdict(before)]
    print_table(("diversity", "built-in", "with the grown"), rows)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
