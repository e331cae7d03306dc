"""What the commands share: their options, and how they print."""

import argparse
import io
import json
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from vtg_core.audit.findings import Severity
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.data.formats.flat_rows import OWN
from vtg_core.data.formats.registry import AUTO, FORMAT_NAMES
from vtg_core.errors import VideoError, VTGError
from vtg_core.files.outputs import write_output
from vtg_core.video.plan import MAX_SAMPLED_BYTES, FramePolicy, VideoBackend

if TYPE_CHECKING:
    from vtg_core.audit.file_rows import FileRows
    from vtg_core.data.annotations import LoadedAnnotations
    from vtg_core.dataset import VideoTemporalSFTDataset


def quiet_libraries() -> None:
    """Keep the notes and progress bars of the libraries out of what we print. Set before they are imported."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")


def open_streams() -> None:
    """Make standard output and standard error take any text, and exist: whoever closed them wants nothing of it."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            setattr(sys, name, open(_null_at(number), "w", encoding="utf-8", closefd=False))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _null_at(number: int) -> int:
    """Open the null device, at the place of a standard stream where that is free: no other file may come to be it."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.fstat(number)
    except OSError:
        os.dup2(null, number)
    return null


def silence_stdout() -> None:
    """Send what is still to be printed nowhere: its reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a checkpoint, its device and its precision."""
    parser.add_argument(
        "--checkpoint",
        default="demo",
        metavar="NAME",
        help="demo, demo-untrained, demo-qwen2.5-vl, a folder or a hub id",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument(
        "--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"],
        help="of the forward pass (default: auto, bfloat16 on CUDA and float32 elsewhere)",
    )  # fmt: skip
    parser.add_argument(
        "--device-map",
        default="",
        metavar="auto",
        help="spread a model that is larger than one card over all devices",
    )
    parser.add_argument(
        "--adapter", default="", metavar="NAME",
        help="put a PEFT adapter onto the checkpoint's model: a folder or a hub id",
    )  # fmt: skip
    parser.add_argument(
        "--load-in-4bit", action="store_true",
        help="bring the model's weights into four bits; needs bitsandbytes, and a device that it can use",
    )  # fmt: skip
    add_template_options(parser)


def add_template_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that change a checkpoint's chat template in memory."""
    parser.add_argument(
        "--template-arg", action="append", default=[], metavar="NAME=VALUE",
        help="give a variable of the checkpoint's chat template a value, such as enable_thinking=false; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--end-of-turn", default="", metavar="TOKEN",
        help="write this stop token behind an answer, for a chat template that closes no turn, such as GLM's <|user|>",
    )  # fmt: skip


def template_change(options: argparse.Namespace) -> TemplateChange:
    """Return what the options add to a checkpoint's chat template."""
    return TemplateChange(tuple(options.template_arg), options.end_of_turn)


def add_row_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which rows of an annotation file are taken, and how they are read."""
    add_reading_options(parser)
    parser.add_argument("--limit", type=positive, metavar="N", help="the first N rows only")


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how an annotation file is read, where its videos are, and what is done to its windows."""
    add_file_options(parser)
    parser.add_argument("--clip", action="store_true", help="move window ends past a video to its end")


def add_file_options(parser: argparse.ArgumentParser, *, file: str = "--annotations") -> None:
    """Add the options that say how an annotation file is read, and where its videos are.

    Args:
        parser: of the command.
        file: what the command calls the file.
    """
    parser.add_argument(
        "--format", default=AUTO, choices=FORMAT_NAMES, metavar="NAME",
        help=f"the format of {file} (default: auto, told by what its rows hold; docs/data.md lists them)",
    )  # fmt: skip
    parser.add_argument(
        "--video-root", action="append", metavar="D",
        help="folder with its videos (default: the file's own); may be given more than once",
    )  # fmt: skip
    parser.add_argument(
        "--video-name", default="", metavar="NAME",
        help="how the files are called, such as {video_id}.mp4 (default: looked for by name, extension and folder)",
    )  # fmt: skip


def reading(options: argparse.Namespace) -> dict[str, Any]:
    """Return how the options say that an annotation file is read, as :func:`vtg_core.load_annotations` takes it."""
    names = ("video_root", "video_name", "clip", "format")
    return {name: getattr(options, name) for name in names}


def tell_format(rows: "VideoTemporalSFTDataset | LoadedAnnotations | FileRows") -> None:
    """Say which format a file was read in, unless it is our own, and which of its videos are missing."""
    if rows.format != OWN.name:
        tell(f"note: {plain(rows.why)}")
    if rows.videos:
        tell(f"note: {plain(rows.videos)}")


NEVER = "never"


def add_fail_on_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says how bad a finding must be to fail."""
    parser.add_argument(
        "--fail-on", choices=[str(Severity.ERROR), str(Severity.WARNING), NEVER], default=str(Severity.ERROR),
        help="exit with 1 at a finding this bad (default: error)",
    )  # fmt: skip


def add_frame_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose frames."""
    parser.add_argument(
        "--num-frames", type=int, metavar="N", help="frames over the whole video (default: 32)"
    )
    parser.add_argument("--fps", type=float, metavar="F", help="frames a second, instead of --num-frames")
    parser.add_argument(
        "--max-pixels", type=int, metavar="P", help="most pixels a frame; larger ones are scaled down"
    )
    parser.add_argument(
        "--max-memory", type=float, metavar="GB", default=MAX_SAMPLED_BYTES / 1e9,
        help="most memory that the frames of a video may take (default: 0.9)",
    )  # fmt: skip
    parser.add_argument(
        "--decoder", choices=[*map(str, VideoBackend)],
        help="who decodes the frames (default: the first of them that is installed and proves to be right)",
    )  # fmt: skip


def frame_policy(options: argparse.Namespace) -> FramePolicy:
    """Return the frames that the options ask for.

    Raises:
        VideoError: they contradict each other or are out of range.
    """
    return FramePolicy(
        num_frames=options.num_frames,
        fps=options.fps,
        max_pixels=options.max_pixels,
        max_bytes=_bytes_of(options.max_memory),
        backend=None if options.decoder is None else VideoBackend(options.decoder),
    )


def _bytes_of(gigabytes: float) -> int:
    if not (math.isfinite(gigabytes) and gigabytes > 0):
        raise VideoError(f"--max-memory must be a number of gigabytes above 0, got {gigabytes:g}")
    return max(1, int(gigabytes * 1e9))


def tell(sentence: str) -> None:
    """Say something on stderr, if anybody listens there."""
    with suppress(OSError, ValueError):
        print(sentence, file=sys.stderr, flush=True)


def note_added_tokens(added: Sequence[str]) -> None:
    """Say that a tokenizer was given temporal tokens, if it was: what they cost tells nothing yet."""
    if added:
        tell(
            f"note: the tokenizer lacks {len(added):,} temporal tokens; they were added in memory, untrained"
        )


def settled(out: str | None) -> str | None:
    """Return where a file is written, whatever folder the process changes to later."""
    return out if out is None or out == "-" else os.path.abspath(out)


def positive(text: str) -> int:
    """Return an option's value as a whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    return _whole(text, at_least=1)


def natural(text: str) -> int:
    """Return an option's value as a whole number of at least 0.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    return _whole(text, at_least=0)


def _whole(text: str, *, at_least: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < at_least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {at_least}, got {text!r}")
    return int(text)


@contextmanager
def terminable() -> Iterator[None]:
    """Let a request to end (SIGTERM) be what Ctrl-C is."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with _handling({signal.SIGTERM: stop}):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no interrupt come between: a person who is impatient presses Ctrl-C twice."""
    with _handling({signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_IGN}):
        yield


@contextmanager
def _handling(handlers: dict[signal.Signals, Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def plain(text: str) -> str:
    """Return a text that cannot write to the terminal anything but text."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def counted(number: int, noun: str, *, of: int | None = None) -> str:
    """Return ``1 row``, ``2 rows`` and so on; ``2 of 3 rows`` where they are not all of them."""
    if of is not None and of != number:
        return f"{number:,} of {counted(of, noun)}"
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def write_all(outputs: Iterable[Callable[[], object]]) -> None:
    """Write one output after the other; where one cannot be written, the others are all the same.

    Raises:
        VTGError: a file could not be written; the first such error, when all have had their turn.
        OSError: stdout could not.
    """
    failed: Exception | None = None
    for output in outputs:
        try:
            output()
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough, and the status tells the rest
            silence_stdout()
        except (VTGError, OSError) as error:
            failed = failed or error
    if failed is not None:
        raise failed


def write_json(out: str, value: Any) -> None:
    """Write JSON to the file ``out``, or to stdout where it is ``-``.

    Raises:
        VTGError: the file cannot be written.
    """
    takes_all = out != "-" or sys.stdout.encoding.lower().replace("-", "") == "utf8"
    write_text("--json", out, json.dumps(value, ensure_ascii=not takes_all, allow_nan=False) + "\n")


def write_text(option: str, out: str, text: str) -> None:
    """Write what an option asks for to the file ``out``, or to stdout where it is ``-``.

    Raises:
        VTGError: the file cannot be written; the old one is as it was.
    """
    if out == "-":
        sys.stdout.write(text)
    else:
        write_output(option, out, text)


def print_video(header: Mapping[str, Any]) -> None:
    """Print what a command was given: the ``"video"`` with its frames, the ``"query"`` and the ``"windows"``."""
    video = header["video"]
    stamps = video["timestamps"]
    windows = ", ".join(f"{start:g} to {end:g} s" for start, end in header["windows"])
    print(
        f"video: {video['duration']:.1f} s at {video['fps']:g} fps, {len(stamps)} frames from {stamps[0]:.1f} to "
        f"{stamps[-1]:.1f} s, decoded by {video['decoder']}"
    )
    print(f"query: {header['query']!r}, {windows}")


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
