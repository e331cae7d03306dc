"""Where a checkpoint lies: in a demo's folder, a person's own or on the Hub; in which state a folder is; what a load says."""

import hashlib
import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from vtg_core.demo.models import DEMO_MODELS, demo_folder
from vtg_core.errors import CheckpointError, first_line

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
    if folder := folder_of(name):
        return str(folder)
    if not is_hub_id(name):
        raise CheckpointError(
            f"checkpoint {name!r} must be a folder that exists, a hub id such as 'Qwen/Qwen3-VL-2B-Instruct', "
            f"or one of {', '.join(DEMO_MODELS)}; there is no such folder"
        )
    return name


def folder_of(name: str) -> Path | None:
    """Return the folder of that name, a home folder's ``~`` expanded; None where there is none."""
    path = Path(os.path.expanduser(name))  # Path's own raises where there is no such user
    return path if name.strip() and path.is_dir() else None


def is_hub_id(name: str) -> bool:
    """Say whether a name has the form of a hub id and is no folder that exists."""
    has_form = (
        name.count("/") <= 1
        and not name.startswith((".", "/", "~"))
        and os.sep not in name.replace("/", "", 1)
    )
    return bool(name.strip()) and has_form and folder_of(name) is None


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


def hub_is_needed_and_there(source: str) -> bool:
    """Ask once whether the Hub answers: transformers would ask for each file, six times each, for minutes.

    Without it, what is in the local cache is still loaded.
    """
    if Path(source).is_dir():
        return False
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        httpx.head(constants.ENDPOINT, timeout=HUB_TIMEOUT_SECONDS)
    except httpx.TransportError:
        return False
    return True


HUB_TIMEOUT_SECONDS = 10.0


def why_not_loaded(name: str, source: str, part: str, error: Exception) -> CheckpointError:
    """Return in one sentence why transformers gave no ``part`` ("model", "processor") of a checkpoint."""
    if Path(source).is_dir():
        return CheckpointError(
            f"folder {name!r} must hold a {part} that transformers can load: {first_sentence(error)}"
        )
    if is_unreachable(error):
        return CheckpointError(
            f"there is no folder {name!r} here, and the Hub cannot be reached to look for it there; "
            f"connect to the network, or use a local folder or one of {', '.join(DEMO_MODELS)}"
        )
    return CheckpointError(
        f"there is no folder {name!r} here, and the Hub gave no {part} of that name: {first_sentence(error)}"
    )


def is_unreachable(error: BaseException | None) -> bool:
    """Say whether a connection that could not be made is anywhere among the causes of ``error``."""
    import httpx
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(
            error, LocalEntryNotFoundError | OfflineModeIsEnabled | httpx.TransportError | ConnectionError
        ):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def first_sentence(error: BaseException) -> str:
    """Return what transformers says first; what follows is advice for its own callers."""
    return re.split(r"\.\s", first_line(error), maxsplit=1)[0].rstrip(".")
