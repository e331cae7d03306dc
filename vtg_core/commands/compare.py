"""``python -m vtg_core compare``: what each template costs on the rows of an annotation file."""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vtg_core.commands.answer_option import add_answers_option, add_language_option
from vtg_core.commands.results.comparison import add_comparison_options, comparison_usage, kept_parts
from vtg_core.commands.terminal import (
    add_frame_options,
    add_model_options,
    add_row_options,
    counted,
    frame_policy,
    natural,
    note_added_tokens,
    plain,
    print_table,
    reading,
    settled,
    tell,
    tell_format,
    template_change,
    terminable,
    undisturbed,
    write_all,
    write_json,
)
from vtg_core.errors import VTGError
from vtg_core.templates import TEMPLATE_NAMES, PromptTemplate
from vtg_core.views.results.chosen import baselines_first, is_baseline, templates_of_all

if TYPE_CHECKING:
    from tqdm import tqdm

    from vtg_core.comparison.analytics import Analytics, TemplateSummary
    from vtg_core.comparison.on_file import PlainCheck, RowComparison
    from vtg_core.comparison.parts import PartWriter
    from vtg_core.comparison.store import ComparisonStore
    from vtg_core.dataset import VideoTemporalSFTDataset

SORTS = ("sum", "mean", "times", "end_of_turn")
ABOUT = (
    "An OUT that is there already is gone on with: its rows are kept and not scored again. One that holds another "
    "comparison, or something else, is refused and left as it is. With both --json and --csv a row is done if either "
    "has it. Ctrl-C keeps what is done."
)


def add_compare_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options."""
    text = "compare what prompt templates cost on the rows of an annotation file"
    command = commands.add_parser("compare", help=text, description=f"{text.capitalize()}. {ABOUT}")
    command.set_defaults(run=run, usage=command)
    command.add_argument(
        "--annotations", required=True, metavar="F", help="annotation file whose rows are scored"
    )
    add_row_options(command)
    command.add_argument(
        "--templates", nargs="+", choices=TEMPLATE_NAMES, metavar="NAME",
        help=f"templates to compare (default: all of {', '.join(TEMPLATE_NAMES)})",
    )  # fmt: skip
    add_answers_option(command)
    add_language_option(command, is_mixed=False)
    command.add_argument(
        "--baseline", metavar="[MODE/]NAME",
        help="the template that the others of its answer format are held against; a name alone stands for it in all "
        "formats (default: the first of each)",
    )  # fmt: skip
    command.add_argument(
        "--sort",
        choices=SORTS,
        default="mean",
        help="which loss the table is sorted by and differences are taken of (default: mean)",
    )
    command.add_argument(
        "--verify", type=natural, default=1, metavar="K",
        help="rows on which the shared pass is held against a plain one (default: 1)",
    )  # fmt: skip
    command.add_argument("--json", metavar="OUT", help="keep JSON in this file, or write it to stdout with -")
    command.add_argument(
        "--csv",
        metavar="OUT",
        help="keep a line a row and template in this file, or write it to stdout with -",
    )
    add_comparison_options(command)
    add_model_options(command)
    add_frame_options(command)


def run(options: argparse.Namespace) -> int:
    """Compare what the options name; return the exit status: 1 where rows are missing, or none could be scored."""
    from vtg_core.views.results.compared import open_rows

    templates = _templates(options)
    _check_usage(options, templates)
    options.json, options.csv = map(settled, (options.json, options.csv))
    dataset = _dataset(options)
    store = _store(options, dataset, templates=templates)
    rows = [annotation.row for annotation in dataset.annotations[: options.limit]]
    with kept_parts(options, dataset, store) as parts:
        failed = _collect(options, dataset, store=store, templates=templates, rows=rows, parts=parts)
    is_partial = failed is not None or bool(open_rows(store, rows))
    _show(options, store, is_partial=is_partial)
    if isinstance(failed, VTGError):
        raise failed
    return int(is_partial or not store.rows)


def _check_usage(options: argparse.Namespace, templates: Sequence[PromptTemplate]) -> None:
    if (said := comparison_usage(options)) is not None:
        options.usage.error(said)
    if options.baseline is not None and not any(map(is_baseline(options.baseline), templates)):
        known = ", ".join(f"{template.mode}/{template.name}" for template in templates)
        options.usage.error(
            f"--baseline must be one of the templates compared ({known}), got {options.baseline!r}"
        )


def _templates(options: argparse.Namespace) -> list[PromptTemplate]:
    """Return the templates that are compared, the baselines first: a mode's first is what its others are held against."""
    chosen = templates_of_all(options.answer, options.templates or TEMPLATE_NAMES, list(options.language))
    return baselines_first(chosen, options.baseline)


def _dataset(options: argparse.Namespace) -> "VideoTemporalSFTDataset":
    from vtg_core.data.annotations import OnError
    from vtg_core.dataset import VideoTemporalSFTDataset

    dataset = VideoTemporalSFTDataset(
        options.annotations,
        **reading(options),
        frames=frame_policy(options),
        on_error=OnError.SKIP,
    )
    tell_format(dataset)
    return dataset


def _store(
    options: argparse.Namespace, dataset: "VideoTemporalSFTDataset", *, templates: Sequence[PromptTemplate]
) -> "ComparisonStore":
    from vtg_core.comparison.store import ComparisonStore
    from vtg_core.views.results.compared import comparison_settings

    settings = comparison_settings(
        options.checkpoint, templates, frames=dataset.frames, device=options.device, dtype=options.dtype,
        adapter=options.adapter, load_in_4bit=options.load_in_4bit, template=template_change(options),
    )  # fmt: skip
    files = {
        f"{name}_out": out
        for name, out in (("json", options.json), ("csv", options.csv))
        if out not in (None, "-")
    }
    return ComparisonStore(settings, dataset.annotations, unreadable=list(dataset.unreadable), **files)


def _collect(
    options: argparse.Namespace,
    dataset: "VideoTemporalSFTDataset",
    *,
    store: "ComparisonStore",
    templates: Sequence[PromptTemplate],
    rows: Sequence[int],
    parts: "PartWriter | None" = None,
) -> BaseException | None:
    """Score the rows that are missing; return what ended that too early, with all that is done in the store.

    Args:
        options: of the command.
        dataset, store, templates: see :func:`vtg_core.comparison.on_file.compare_rows`; the store takes the results.
        rows: that are asked for.
        parts: keeps the results in a folder, and says which rows it lacks; None without one.

    Raises:
        VTGError: the model cannot be loaded.
        KeyboardInterrupt: the same, before the first row.
    """
    missing = store.missing(rows) if parts is None else parts.rows
    if store.num_found:
        kept = " and ".join(plain(repr(out)) for out in (store.json_out, store.csv_out) if out)
        tell(f"{len(rows) - len(missing):,} of {counted(len(rows), 'row')} are in {kept} already")
    if options.csv == "-":
        store.write_lines(sys.stdout, [row for row in rows if row not in missing], header=True)
    if not missing:
        return None

    from vtg_core.checkpoints.loading import load_checkpoint, load_model
    from vtg_core.comparison.on_file import compare_rows
    from vtg_core.views.results.compared import open_rows

    checkpoint = load_checkpoint(options.checkpoint, template=template_change(options))
    note_added_tokens(checkpoint.added_tokens)
    model = load_model(
        options.checkpoint, device=options.device, dtype=options.dtype, device_map=options.device_map,
        adapter=options.adapter, load_in_4bit=options.load_in_4bit,
    )  # fmt: skip
    tell(
        f"{counted(len(missing), 'row')} x {counted(len(templates), 'template')} with {plain(store.settings.checkpoint)} "
        f"on {model.device} in {store.settings.dtype}"
    )
    with terminable(), _bar(rows, missing) as bar:
        announced = _announced(missing, dataset, bar)
        scored = compare_rows(
            dataset, model, checkpoint.processor, templates, rows=announced, num_checked=options.verify
        )
        try:
            for compared in scored:
                _take(options, store, compared=compared, bar=bar)
                if parts is not None:
                    parts.add(compared)
        except (KeyboardInterrupt, BrokenPipeError, VTGError) as error:
            return error
        finally:
            with undisturbed(), suppress(VTGError):  # told when the table is shown, which writes once more
                store.save(is_partial=bool(open_rows(store, rows)))
    return None


def _take(
    options: argparse.Namespace, store: "ComparisonStore", *, compared: "RowComparison", bar: "tqdm[Any]"
) -> None:
    is_first = len(store.rows) == store.num_found
    store.add(compared)
    if options.csv == "-" and compared.results:
        store.write_lines(sys.stdout, [compared.row], header=False)
        sys.stdout.flush()
    if is_first and compared.results:
        bar.write(_cost(compared), file=sys.stderr)
    if compared.check is not None:
        bar.write(_checked(compared.check), file=sys.stderr)
    bar.write(_line(compared, options.sort), file=sys.stderr)
    bar.update()
    store.save_if_due()


def _cost(compared: "RowComparison") -> str:
    if compared.plain_because:
        return f"each template gets a pass of its own, {compared.num_plain:,} tokens a row: {compared.plain_because}"
    return (
        f"one pass a row: {compared.num_run:,} tokens, {compared.num_shared:,} of them shared by all templates; "
        f"a pass for each template would be {compared.num_plain:,} tokens"
    )


def _checked(check: "PlainCheck") -> str:
    verdict = "" if check.has_passed else "; from here on each template gets a pass of its own"
    return (
        f"checked: {check.mode}/{check.template} of row {check.row + 1} against a plain pass, largest difference "
        f"{check.largest_difference:.1e} nats of {check.tolerance:g} allowed{verdict}"
    )


def _line(compared: "RowComparison", sort: str) -> str:
    """Return a row's best and worst template of each answer format in a line."""
    from vtg_core.comparison.analytics import Metric, summarise

    place = plain(compared.where)
    if compared.reason:
        return f"{place} cannot be scored: {plain(compared.reason)}"
    metric = Metric(sort)
    analytics = summarise(compared.results, metric=metric, num_resamples=1)
    parts = []
    for mode in analytics.baselines:
        ranked = analytics.ranked(mode, metric)
        costs = [f"{one.template} {one.by_metric[metric].mean:.4f}" for one in (ranked[0], *ranked[1:][-1:])]
        parts.append(f"{mode}: {' to '.join(costs)}")
    return f"{place}, {_title(sort)}: {'; '.join(parts)}"


def _bar(rows: Sequence[int], missing: Sequence[int]) -> "tqdm[Any]":
    from tqdm import tqdm

    return tqdm(total=len(rows), initial=len(rows) - len(missing), unit="row", disable=None, file=sys.stderr)


def _announced(rows: Iterable[int], dataset: "VideoTemporalSFTDataset", bar: "tqdm[Any]") -> Iterator[int]:
    annotations = {annotation.row: annotation for annotation in dataset.annotations}
    for row in rows:
        annotation = annotations[row]
        query = annotation.query if len(annotation.query) <= 24 else f"{annotation.query[:23]}…"
        bar.set_description(plain(f"row {annotation.number}, {annotation.video.name}: {query}"))
        yield row


def _show(options: argparse.Namespace, store: "ComparisonStore", *, is_partial: bool) -> None:
    """Print the table and write the files; where one cannot be written, the others are all the same.

    Raises:
        VTGError: a file cannot be written.
        OSError: stdout cannot.
    """
    from vtg_core.comparison.analytics import Metric
    from vtg_core.views.results.compared import sum_up

    all_of = sum_up(store, Metric(options.sort))
    summary, comparison = all_of.summary, all_of.comparison
    outputs: list[Callable[[], object]] = [
        lambda: store.save(is_partial=is_partial, is_last=True, summary=summary, comparison=comparison)
    ]
    if options.json == "-":
        outputs.append(lambda: write_json("-", store.as_dict(is_partial, summary, comparison)))
    if "-" not in (options.json, options.csv):
        outputs.append(lambda: _print(options, store, analytics=all_of.analytics, is_partial=is_partial))
    write_all(outputs)


def _print(
    options: argparse.Namespace, store: "ComparisonStore", *, analytics: "Analytics | None", is_partial: bool
) -> None:
    settings = store.settings
    print(
        f"{plain(options.annotations)}: {counted(len(store.rows), 'row', of=store.num_in_file)} x "
        f"{counted(len(settings.templates), 'template')}, {plain(settings.checkpoint)} in {settings.dtype}"
    )
    if is_partial:
        print("stopped before the last row: this is what was scored so far; run it again to go on")
    if analytics is not None:
        _print_templates(analytics, options.sort)
    if store.unreadable:
        print(f"\n{counted(len(store.unreadable), 'row')} cannot be scored:")
    for row in store.unreadable:
        place = "" if row.reason.startswith(row.where) else f"{row.where}: "
        print(f"  {plain(place + row.reason)}")


def _print_templates(analytics: "Analytics", sort: str) -> None:
    from vtg_core.comparison.analytics import ACROSS_MODES

    print_table(
        ("template", "mode", "rows", "sum NLL", "mean NLL", "times", "over guessing", "end of turn", "tokens",
         f"{_title(sort)} to baseline", "95 % interval", "wins"),
        [_cells(one) for mode in analytics.baselines for one in analytics.ranked(mode)],
    )  # fmt: skip
    baselines = ", ".join(f"{mode}/{name}" for mode, name in analytics.baselines.items())
    print(f"\nnats, means over the rows; each template is held against {baselines}")
    print("over guessing: what the times cost more than guessing them uniformly among the format's choices")
    print(ACROSS_MODES)
    print(analytics.how)
    for mode, found in analytics.disagreements.items():
        for one in found[:1]:
            print(
                f"{mode}: the templates differ most at {plain(one.where)}: "
                f"{one.best} {one.best_value:.4f} to {one.worst} {one.worst_value:.4f}"
            )


def _cells(one: "TemplateSummary") -> tuple[Any, ...]:
    from vtg_core.comparison.analytics import Metric

    means = {metric: one.by_metric[metric].mean for metric in Metric}
    difference = one.difference
    interval = difference.interval if difference is not None else None
    return (
        one.template, str(one.mode), one.num_samples, means[Metric.SUM], means[Metric.MEAN], means[Metric.TIMES],
        one.times_over_uniform.mean, means[Metric.END_OF_TURN], round(one.num_tokens),
        "baseline" if difference is None else f"{difference.mean:+.4f}",
        "" if interval is None else f"{interval[0]:+.4f} to {interval[1]:+.4f}",
        "" if difference is None else f"{difference.win_rate:.0%}",
    )  # fmt: skip


def _title(sort: str) -> str:
    return {"sum": "sum NLL", "mean": "mean NLL", "times": "times", "end_of_turn": "end of turn"}[sort]
