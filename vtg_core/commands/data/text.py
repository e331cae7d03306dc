"""A survey of an annotation file as text: a table, and bars that a terminal can draw."""

import sys
from typing import TYPE_CHECKING

from vtg_core.audit.findings import Severity
from vtg_core.commands.terminal import counted, plain, print_table

if TYPE_CHECKING:
    from vtg_core.audit.survey.results import Bar, Distribution, RowCount, Survey

BAR_WIDTH = 40
FIRST_ROWS = 5


def print_survey(survey: "Survey") -> None:
    """Print what a file holds."""
    videos = survey.videos
    missing = f", {videos.num_missing:,} of them missing" if videos.num_missing else ""
    print(
        f"{plain(survey.file)}: {counted(survey.num_rows, 'row')}, {counted(survey.num_windows, 'window')}, "
        f"{counted(videos.num_named, 'video')}{missing}"
    )
    print(plain(survey.why))
    if survey.is_partial:
        print("stopped before the last row: this is what was found so far")
    found = [count for count in survey.counts if count.count]
    if found:
        print()
        print_table(("figure", "severity", "rows", "first rows"), [_line(count) for count in found])
    for count in found:
        if count.severity in (Severity.ERROR, Severity.WARNING):
            _print_count(count)
    for unit in survey.units:
        fix = (
            f"--fix --unit {unit.name} converts them" if unit.is_most else "Look at these rows, they are few"
        )
        print(f"\nunit: {plain(unit.message)}\n  {fix}.")
    for distribution in survey.distributions:
        _print_distribution(distribution)
    _print_guesses(survey)
    _print_resolution(survey)
    errors, warnings = (
        sum(count.count for count in found if count.severity is severity)
        for severity in (Severity.ERROR, Severity.WARNING)
    )
    print(f"\n{counted(errors, 'error')}, {counted(warnings, 'warning')}")


def print_rows(survey: "Survey", name: str) -> None:
    """Print the numbers of the rows of one figure, and what is said of the first of them."""
    rows = survey.rows_of(name) or ()
    print(f"{plain(survey.file)}: {counted(len(rows), 'row')} of {name}")
    if rows:
        print(ranges(rows))
    for count in survey.counts:
        if count.name == name:
            for example in count.examples:
                print(f"  {plain(example)}")


def ranges(rows: tuple[int, ...]) -> str:
    """Return rising row numbers as a person writes them: ``1-3, 7``."""
    found: list[list[int]] = []
    for row in rows:
        if found and row == found[-1][1] + 1:
            found[-1][1] = row
        else:
            found.append([row, row])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def _line(count: "RowCount") -> tuple[str, str, int, str]:
    more = ", …" if count.count > FIRST_ROWS else ""
    return count.name, str(count.severity), count.count, ", ".join(map(str, count.rows[:FIRST_ROWS])) + more


def _print_count(count: "RowCount") -> None:
    print(f"\n{count.severity}: in {counted(count.count, 'row')} {count.title} ({count.name})")
    for said in (*count.examples[:1], count.fix):
        if said:
            print(f"  {plain(said)}")


def _print_distribution(distribution: "Distribution") -> None:
    if not any(bar.count for bar in distribution.bars):
        return
    quantiles = ", ".join(f"{name} {value:g}" for name, value in distribution.quantiles.items())
    print(f"\n{distribution.title} ({distribution.unit}){': ' + quantiles if quantiles else ''}")
    most = max(bar.count for bar in distribution.bars)
    block = "█" if "utf" in sys.stdout.encoding.lower() else "#"
    seen = [number for number, bar in enumerate(distribution.bars, 1) if bar.count]
    for number, bar in enumerate(distribution.bars, 1):
        if not seen[0] <= number <= seen[-1]:
            continue
        drawn = block * max(round(BAR_WIDTH * bar.count / most), int(bar.count > 0))
        print(
            f"  {distribution.name + ':' + str(number):<10} {_between(bar, distribution.unit):>16}  {drawn} {bar.count:,}"
        )


def _between(bar: "Bar", unit: str) -> str:
    if unit == "windows" and bar.high is not None:
        return f"{bar.low:g}"
    return f"{bar.low:,g} and more" if bar.high is None else f"{bar.low:,g} to {bar.high:,g}"


def _print_guesses(survey: "Survey") -> None:
    for guess in survey.guesses:
        print(
            f"\nposition bias (iou_{guess.iou:g}): whoever always answers {guess.start:.0%} to {guess.end:.0%} of the "
            f"video is right at IoU {guess.iou:g} in {guess.share:.1%} of {counted(guess.num_rows, 'row')}, the most "
            f"that a window with ends on a grid of {guess.grid} steps reaches"
        )


def _print_resolution(survey: "Survey") -> None:
    found = survey.resolution
    if found.step is None or found.mean_iou is None:
        return
    least, largest = found.step
    step = f"{least:.3g} s" if largest - least < 1e-9 else f"{least:.3g} to {largest:.3g} s"
    print(
        f"\nanswers as {found.form} (resolution): a step is {step}; written and read again, "
        f"{counted(found.num_measured, 'row')} keep an IoU of {found.mean_iou:.3f} on average, and "
        f"{found.num_below:,} less than 0.7"
    )
