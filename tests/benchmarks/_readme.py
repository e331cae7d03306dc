"""The README's table of figures, made from ``bench.json``."""

import re
from datetime import date
from importlib.metadata import version
from pathlib import Path
from platform import machine, python_version, system

from vtg_core.output_files import replace_text

README = Path(__file__).parents[2] / "README.md"

FIGURES = {
    "audit_rows_per_second": ("rows audited a second, 5,000 tokens each", "1,000", "{:,.0f}"),
    "audit_speedup_5k": ("times faster than through the processor, 5,000 tokens", "50", "{:,.0f}"),
    "audit_speedup_20k": ("the same, 20,000 tokens", "50", "{:,.0f}"),
    "audit_speedup_60k": ("the same, 60,000 tokens", "", "{:,.0f}"),
    "mask_overhead_5k": ("what masking adds to a processor's call, 5,000 tokens", "2 %", "{:.2%}"),
    "mask_overhead_20k": ("the same, 20,000 tokens", "2 %", "{:.2%}"),
    "compare_forwards_5k": (
        "16 templates in units of one plain forward pass, 5,000 tokens",
        "1.25",
        "{:.2f}",
    ),
    "compare_forwards_20k": ("the same, 20,000 tokens", "1.25", "{:.2f}"),
    "compare_speedup_5k": ("times faster than 16 plain passes, 5,000 tokens", "12", "{:.1f}"),
    "compare_speedup_20k": ("the same, 20,000 tokens", "12", "{:.1f}"),
    "compare_max_abs_diff": ("largest difference of a token's NLL to a plain pass, nats", "1e-4", "{:.1e}"),
    "loss_memory_ratio_5k": (
        "peak memory of our loss over that of `model(**batch, labels=labels)`, 5,000 tokens, vocabulary 151,936",
        "0.33",
        "{:.2f}",
    ),
    "loss_memory_mb_20k": ("peak memory of our loss in MB, 20,000 tokens", "", "{:,.0f}"),
    "demo_times_nll": ("what the demo pays for a time token, 200 fresh clips, nats", "", "{:.2f}"),
    "demo_untrained_times_nll": (
        "the same, its untrained twin",
        "3 above the trained",
        "{:.2f}",
    ),
    "demo_blank_video_delta": (
        "how much more it pays with the video blanked, nats a time token",
        "1",
        "{:.2f}",
    ),
    "demo_wrong_query_share": ("fresh clips in which another row's query costs it more", "80 %", "{:.0%}"),
    "demo_median_iou": ("median IoU of its greedy answer", "0.5", "{:.2f}"),
}
"""What each figure is, what it should reach, and how it is written."""


def write_table(figures: dict[str, float]) -> None:
    """Put the figures into the README, with today's date and the kind of this machine."""
    cores = f"one core of a {system()} {machine()} machine"
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    rows = [
        f"Measured on {date.today()}, {cores}, no GPU, float32, Python {python_version()}, {versions}.",
        "",
        "| figure | what it is | target | measured |",
        "|---|---|---|---|",
        *(
            f"| `{name}` | {what} | {target or '–'} | {form.format(figures[name]) if name in figures else 'not run'} |"
            for name, (what, target, form) in FIGURES.items()
        ),
    ]
    table = "<!-- figures -->\n" + "\n".join(rows) + "\n<!-- /figures -->"
    readme = README.read_text(encoding="utf-8")
    written = re.sub(r"<!-- figures -->.*?<!-- /figures -->", lambda _: table, readme, flags=re.DOTALL)
    replace_text(README, written)
