"""``vtg-lens templates``: what templates cost in each language, for the checkpoint that is chosen."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vtg_core.commands.answer_option import add_answers_option, languages
from vtg_core.commands.templates.grow import add_grow_options, check_grow_usage, grow
from vtg_core.commands.terminal import plain, print_table, settled, write_json
from vtg_core.data.wording.languages import LANGUAGES
from vtg_core.templates import PromptTemplate, load_templates, templates_for
from vtg_core.views.results.chosen import ALL, templates_of_all

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def add_templates_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    text = "say how many tokens each template costs, its languages side by side; or grow new ones"
    command = commands.add_parser("templates", help=text, description=f"{text.capitalize()}.")
    command.set_defaults(run=run, usage=command)
    command.add_argument(
        "action", nargs="?", choices=("cost", "grow"), default="cost",
        help="cost counts tokens; grow asks a language model for more templates like one (default: cost)",
    )  # fmt: skip
    command.add_argument(
        "--checkpoint", default="demo", metavar="NAME",
        help="whose tokenizer counts: demo, demo-qwen2.5-vl, a folder or a hub id (default: demo)",
    )  # fmt: skip
    command.add_argument(
        "--templates", metavar="FILE", help="count a file of your own templates instead of the built-in ones"
    )
    add_answers_option(command)
    command.add_argument(
        "--language", type=languages, metavar="CODE",
        help=f"languages of the built-in templates, such as en,zh (default: {','.join(LANGUAGES)}; of grow: en)",
    )  # fmt: skip
    add_grow_options(command)
    command.add_argument("--json", metavar="OUT", help="write JSON to this file, or to stdout with -")


def run(options: argparse.Namespace) -> int:
    """Count the tokens of templates, or grow some; return the exit status."""
    if options.action == "grow":
        check_grow_usage(options)
    options.json, options.yaml, options.record = map(settled, (options.json, options.yaml, options.record))

    from vtg_core.checkpoints.loading import load_processor
    from vtg_core.data.wording.cost import num_tokens

    if options.action == "grow":
        tokenizer = load_processor(options.checkpoint).tokenizer
        return grow(options, lambda text: num_tokens(text, tokenizer))
    templates = _templates(options)
    _cost(options, templates, load_processor(options.checkpoint).tokenizer)
    return 0


def _cost(
    options: argparse.Namespace, templates: list[PromptTemplate], tokenizer: "PreTrainedTokenizerBase"
) -> None:
    from vtg_core.data.wording.cost import costs_of, mean_tokens

    costs = costs_of(templates, tokenizer)
    means = mean_tokens(costs)
    if options.json is not None:
        found = {"checkpoint": options.checkpoint, "templates": [asdict(cost) for cost in costs]}
        write_json(options.json, {**found, "mean_tokens": means})
    if options.json == "-":
        return
    rows: list[tuple[Any, ...]] = [
        (cost.mode, cost.template, *(cost.tokens.get(code, "") for code in means)) for cost in costs
    ]
    print_table(
        ("mode", "template", *means), [*rows, ("mean", "", *(f"{mean:.1f}" for mean in means.values()))]
    )
    print(f"\ntokens of {plain(options.checkpoint)}, the query left out")


def _templates(options: argparse.Namespace) -> list[PromptTemplate]:
    if options.templates is not None:
        return list(load_templates(options.templates))
    named = templates_of_all(options.answer, [ALL])  # each form once, as it is given
    forms = dict.fromkeys(str(template.mode) for template in named)
    return [
        own for form in forms for code in options.language or LANGUAGES for own in templates_for(form, code)
    ]
