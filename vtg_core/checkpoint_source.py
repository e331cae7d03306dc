"""Where a checkpoint lies: in a demo's folder, a person's own or on the Hub; and in which state a folder is."""

import hashlib
import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from vtg_core.demo.models import DEMO_MODELS, demo_folder
from vtg_core.errors import CheckpointError

LOADED_SUFFIXES = (".safetensors", ".json", ".jinja", ".model", ".txt")
"""The files of a folder that a processor or a model is loaded from: weights, configs, chat template, vocabulary."""

LOADED_NAMES = (
    "*.safetensors*", "*.bin*", "*.model", "*.jinja", "*.py", "*config*.json", "*token*.json", "vocab*", "merges.txt",
    "chat_template*",
)  # fmt: skip
"""What those files are called; the other texts and JSONs of a folder are a person's own, results of ours among them."""


def source_of(name: str) -> str:
    """Return the folder or the hub id that the name of a checkpoint stands for.

    Raises:
        CheckpointError: it is neither a folder that exists nor the form of a hub id.
    """
    if name in DEMO_MODELS:
        return str(demo_folder(name))
    path = Path(os.path.expanduser(name))  # Path's own raises where there is no such user
    if name.strip() and path.is_dir():
        return str(path)
    is_hub_id = (
        name.count("/") <= 1
        and not name.startswith((".", "/", "~"))
        and os.sep not in name.replace("/", "", 1)
    )
    if not name.strip() or not is_hub_id:
        raise CheckpointError(
            f"checkpoint {name!r} must be a folder that exists, a hub id such as 'Qwen/Qwen3-VL-2B-Instruct', "
            f"or one of {', '.join(DEMO_MODELS)}; there is no such folder"
        )
    return name


def folder_state(source: str) -> str:
    """Return what changes when a checkpoint's folder is written anew: a digest of names, sizes and times of change.

    No file is opened, so it costs nothing beside gigabytes of weights. Empty where ``source`` is no folder.
    """
    folder = Path(source)
    if not folder.is_dir():
        return ""
    files = sorted(path for path in folder.iterdir() if path.suffix in LOADED_SUFFIXES and path.is_file())
    states = [(path.name, status.st_size, status.st_mtime_ns) for path in files for status in [path.stat()]]
    return hashlib.sha256(repr(states).encode()).hexdigest()[:12]


def loaded_files(name: str) -> Iterator[Path]:
    """Yield the files that a processor or a model of a checkpoint is loaded from; none for a hub id.

    Args:
        name: a demo, a folder, or anything else, of which nothing is yielded.
    """
    folder = demo_folder(name) if name in DEMO_MODELS else Path(os.path.expanduser(name))
    for path in folder.iterdir() if name.strip() and folder.is_dir() else ():
        if any(fnmatch(path.name, pattern) for pattern in LOADED_NAMES):
            yield path
