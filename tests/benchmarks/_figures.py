"""What each figure of ``bench.json`` means, and those that the documents show."""

import json
from datetime import date
from importlib.metadata import version
from pathlib import Path
from platform import machine, python_version, system

from vtg_core.files.outputs import replace_text

SHOWN = Path(__file__).parents[2] / "docs" / "figures.json"
"""The runs whose figures the documents show, the earliest first; :mod:`docs.tables` makes the table."""

FIGURES = {
    "audit_rows_per_second": ("rows audited a second, 5,000 tokens each", "1,000", "{:,.0f}"),
    "audit_recall": (
        "broken collators and files of the corpus in which the audit finds an error",
        "100 %",
        "{:.1%}",
    ),
    "audit_named": ("the same, under their right name and no other", "95 %", "{:.1%}"),
    "audit_false_alarms": (
        "honest collators of the corpus in which it finds an error or a warning",
        "0",
        "{:.0f}",
    ),
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
    "data_peak_mb_1gb": ("peak memory of `vtg-lens data` in MB, on a JSON Lines file of 1 GB", "", "{:,.0f}"),
    "data_seconds_1gb": ("how long it takes, in seconds", "", "{:,.0f}"),
    "data_reader_peak_mb_1gb": (
        "peak memory in MB of reading and checking the same file row by row",
        "",
        "{:,.0f}",
    ),
    "data_reader_seconds_1gb": ("how long that takes, in seconds", "", "{:,.0f}"),
    "audit_peak_mb_1gb": (
        "peak memory of `vtg-lens audit` in MB on the same file, PyTorch and transformers included",
        "",
        "{:,.0f}",
    ),
    "audit_seconds_1gb": ("how long it takes, in seconds", "", "{:,.0f}"),
    "rows_per_second_1": (
        "rows a second of `vtg-lens audit --out` with one process, small clips",
        "",
        "{:,.0f}",
    ),
    "rows_per_second_2": ("the same, two processes", "", "{:,.0f}"),
    "rows_per_second_ray_2": ("the same, two processes of Ray's", "", "{:,.0f}"),
    "million_rows_peak_mb": (
        "most memory in MB that one of its processes holds, a million rows, two processes",
        "1,500",
        "{:,.0f}",
    ),
    "resume_kills": ("times that it was killed on its way through 20,000 rows", "40", "{:.0f}"),
    "resume_lost": ("rows that were lost or doubled then", "0", "{:.0f}"),
    "results_1m_first_paint_ms": (
        "from opening *File* to the first rows of a folder of a million results in the browser, ms",
        "1,000",
        "{:,.0f}",
    ),
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
    "token_view_paint_ms_30k": ("from a click to 30,000 tokens painted in the browser, ms", "500", "{:,.0f}"),
    "token_view_paint_ms_200k": ("the same, 200,000 tokens", "4,000", "{:,.0f}"),
    "highlighted_text_paint_ms_30k": ("the same, 30,000 tokens in `gr.HighlightedText`", "", "{:,.0f}"),
    "token_view_nodes_30k": ("nodes in the page for 30,000 tokens, at most", "2,000", "{:,.0f}"),
    "token_view_hover_ms_30k": ("from pointing at one strip to all of them, ms", "50", "{:,.0f}"),
    "token_view_bytes_30k": ("bytes sent for 30,000 tokens", "150,000", "{:,.0f}"),
    "token_view_bytes_16x30k": ("the same, all 16 templates", "1,000,000", "{:,.0f}"),
    "file_rows_20k_paint_ms": (
        "from a click to 20,000 findings of a file in the browser, ms",
        "1,000",
        "{:,.0f}",
    ),
    "file_rows_20k_filter_ms": (
        "from the last letter of a search to what is left of them, ms",
        "100",
        "{:,.0f}",
    ),
    "first_visit_kb": (
        "kB over the wire on a first visit to the demo, beside Gradio's own files",
        "1,500",
        "{:,.0f}",
    ),
    "page_memory_growth_mb": (
        "MB by which the page's memory grows over 50 changes of sample",
        "1",
        "{:.1f}",
    ),
    "hostile_files": ("files of the hostile corpus: videos, rows, batches and chat templates", "", "{:,.0f}"),
    "hostile_bad": (
        "those that end in anything but a reading or a sentence, within 10 s and 1.5 GB",
        "0",
        "{:,.0f}",
    ),
    "hostile_peak_mb": (
        "most memory that one of them takes in MB: PyTorch, transformers and the process that decodes included",
        "1,500",
        "{:,.0f}",
    ),
    "vocabulary_rows": (
        "rows with the real vocabulary of Qwen3, 151,643 tokens: all templates, all hostile queries",
        "",
        "{:,.0f}",
    ),
    "vocabulary_bad": (
        "those whose mask is another with pixels, without, in words or to an oracle of ids",
        "0",
        "{:,.0f}",
    ),
    "vocabulary_rows_per_second": ("rows of them encoded a second, without a pixel", "", "{:,.0f}"),
    "vocabulary_peak_mb": (
        "peak memory in MB of judging them, PyTorch, transformers and a tiny model included",
        "",
        "{:,.0f}",
    ),
    "vocabulary_page_seconds": (
        "from `python app.py --checkpoint` on that vocabulary to its tokens in the browser, in seconds",
        "",
        "{:,.1f}",
    ),
    "vocabulary_page_peak_mb": ("peak memory of the page's process then, in MB", "", "{:,.0f}"),
    "isolated_ratio_demo": (
        "time to read and decode the demo's clips in processes of their own, over that in place",
        "1.15",
        "{:.2f}",
    ),
    "isolated_ratio_1080p": ("the same, 6 s of 1080p", "1.15", "{:.2f}"),
    "visitors_50_stuck": ("of 50 visitors at once, those who are not served", "0", "{:,.0f}"),
}
"""What each figure is, what it should reach, and how it is written."""


def show_in_documents(figures: dict[str, float]) -> None:
    """Keep figures that were measured just now for the documents, in the place of earlier ones of their names."""
    shown = {name: figures[name] for name in FIGURES if name in figures}
    runs = json.loads(SHOWN.read_text(encoding="utf-8"))
    for run in runs:
        run["figures"] = {name: value for name, value in run["figures"].items() if name not in shown}
    versions = {"Python": python_version()} | {name: version(name) for name in ("torch", "transformers")}
    today = {
        "date": date.today().isoformat(),
        "machine": f"{system()} {machine()}",
        "versions": versions,
        "figures": shown,
    }
    kept = [run for run in [*runs, today] if run["figures"]]
    replace_text(SHOWN, json.dumps(kept, indent=1) + "\n")
