"""Gives one file after the other to what reads it, and says what came of it: ``python -m tests.hostile.worker``.

Each line of the input is ``{"kind", "path"}``, and of the output what :func:`read` returns.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

from vtg_core.chat.bounded_rendering import bounded_templates
from vtg_core.chat.rendering import render
from vtg_core.checkpoints.loading import load_processor
from vtg_core.data.annotations import OnError, load_annotations
from vtg_core.errors import VTGError, first_line
from vtg_core.inspection import inspect_templates
from vtg_core.templates import TEMPLATES
from vtg_core.video.isolation.client import isolated_decoding
from vtg_core.video.sampling import sample_frames
from vtg_core.windows import Window

CHAT = [
    {"role": "user", "content": [{"type": "text", "text": "Which seconds?"}]},
    {"role": "assistant", "content": [{"type": "text", "text": "[8.0, 14.0]"}]},
]


def read_video(path: Path) -> str:
    """Decode a video at the defaults, and encode a sample of it."""
    video = sample_frames(path)
    window = [Window(0, video.info.duration / 2)]
    [inspection] = inspect_templates(
        video, "a circle", window, processor=load_processor("demo"), templates=TEMPLATES[:1]
    )
    return f"{len(video.frames)} frames, {len(inspection.encoded)} tokens"


def read_rows(path: Path) -> str:
    """Read an annotation file; every row of it must be there, read or told."""
    loaded = load_annotations(path, on_error=OnError.SKIP)
    return f"{len(loaded.annotations)} + {len(loaded.unreadable)} rows"


def read_batch(path: Path) -> str:
    """Load a saved batch."""
    from vtg_core.audit.batch.files import load_batch

    return f"{sorted(load_batch(path))}"


def read_template(path: Path) -> str:
    """Render a conversation with a chat template of a file."""
    processor = deepcopy(load_processor("demo"))
    processor.chat_template = path.read_text(encoding="utf-8")
    return f"{len(render(CHAT, processor).text)} characters"


READERS = {"video": read_video, "rows": read_rows, "batch": read_batch, "template": read_template}


def read(kind: str, path: str) -> dict[str, object]:
    """Return what came of a file: ``said``, and whether it was ``read``, refused in a sentence, or a ``fault`` of ours."""
    Path("/proc/self/clear_refs").write_text("5")  # from now on VmHWM is the peak of this file alone
    began, found = time.perf_counter(), {"read": False, "fault": ""}
    watch = _Watch()
    try:
        found |= {"said": READERS[kind](Path(path)), "read": True}
    except VTGError as error:
        found["said"] = str(error)
        if "\n" in str(error) or len(str(error)) > 700:
            found["fault"] = "more than a sentence"
    except BaseException as error:
        found |= {
            "said": f"{first_line(error)} {traceback.format_exc(limit=-2)}",
            "fault": type(error).__name__,
        }
    return found | {"seconds": time.perf_counter() - began, "peak_mb": watch.peak_mb()}


class _Watch:
    """Looks every few milliseconds at what this process and those that decode for it hold together."""

    def __init__(self) -> None:
        self._peak_kb, self._is_over = 0, threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def peak_mb(self) -> float:
        """Return the most memory until now, MB, and look no longer."""
        self._is_over.set()
        self._thread.join()
        return max(self._peak_kb, _held_kb("self", "VmHWM")) / 1_000

    def _look(self) -> None:
        while not self._is_over.wait(0.005):
            decoding = sum(_held_kb(one, "RssAnon") for one in _decoders(os.getpid()))
            self._peak_kb = max(self._peak_kb, _held_kb("self", "VmRSS") + decoding)


def _decoders(process: int) -> Iterator[int]:
    """Yield what decodes for a process: the one that serves it, and those of its jobs."""
    for child in _children(process):
        with suppress(OSError):
            if b"isolation.server" in Path(f"/proc/{child}/cmdline").read_bytes():
                yield child
                yield from _children(child)


def _children(process: int) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


def _held_kb(process: int | str, name: str) -> int:
    with suppress(OSError):
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
        return next((int(line.split()[1]) for line in status.splitlines() if line.startswith(name)), 0)
    return 0


def main() -> None:
    load_processor("demo")
    with bounded_templates(), isolated_decoding():
        for line in sys.stdin:
            print(json.dumps(read(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
