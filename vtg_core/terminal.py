"""What the commands share: their options, and how they print."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vtg_core.errors import VTGError
from vtg_core.frame_plan import FramePolicy


def quiet_libraries() -> None:
    """Keep the notes and progress bars of the libraries out of what we print. Set before they are imported."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a checkpoint, its device and its precision."""
    parser.add_argument(
        "--checkpoint", default="demo", metavar="NAME", help="demo, demo-qwen2.5-vl, a folder or a hub id"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"])


def add_frame_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose frames."""
    parser.add_argument(
        "--num-frames", type=int, metavar="N", help="frames over the whole video (default: 32)"
    )
    parser.add_argument("--fps", type=float, metavar="F", help="frames a second, instead of --num-frames")
    parser.add_argument(
        "--max-pixels", type=int, metavar="P", help="most pixels a frame; larger ones are scaled down"
    )


def frame_policy(options: argparse.Namespace) -> FramePolicy:
    """Return the frames that the options ask for.

    Raises:
        VideoError: they contradict each other or are out of range.
    """
    return FramePolicy(num_frames=options.num_frames, fps=options.fps, max_pixels=options.max_pixels)


def write_json(out: str, value: Any) -> None:
    """Write JSON to the file ``out``, or to stdout where it is ``-``.

    Raises:
        VTGError: the file cannot be written.
    """
    text = json.dumps(value, ensure_ascii=False)
    if out == "-":
        print(text)
        return
    try:
        Path(out).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise VTGError(
            f"--json must name a file that can be written, and {out!r} cannot: {error.strerror}"
        ) from None


def print_table(titles: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print columns with their titles; numbers stand on the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    is_number = [
        all(row[i] is None or isinstance(row[i], int | float) for row in rows) for i in range(len(titles))
    ]
    for line in (titles, ["-" * width for width in widths], *cells):
        padded = (
            c.rjust(w) if right else c.ljust(w) for c, w, right in zip(line, widths, is_number, strict=True)
        )
        print("  ".join(padded).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "not run"
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else repr(value)[1:-1]
