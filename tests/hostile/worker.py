"""Gives one file after the other to what reads it, and says what came of it: ``python -m tests.hostile.worker``.

Each line of the input is ``{"kind", "path"}``, and of the output what :func:`read` returns.
"""

import json
import os
import sys
import time
import traceback
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
    return found | {"seconds": time.perf_counter() - began, "peak_mb": _peak_mb()}


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1_000


def main() -> None:
    load_processor("demo")
    with bounded_templates():
        for line in sys.stdin:
            print(json.dumps(read(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
