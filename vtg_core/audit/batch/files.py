"""Saved batches: read from safetensors or torch.save, with nothing in them trusted."""

import pickle
import stat
import warnings
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.errors import VTGError, first_line
from vtg_core.video.timeline import shown_name

if TYPE_CHECKING:
    from torch import Tensor


MAX_BATCH_BYTES = 8 * 10**9


def load_batch(path: str | PathLike[str]) -> dict[str, "Tensor"]:
    """Read a batch from a ``.safetensors`` file, or from one that ``torch.save`` wrote; no code in it is run.

    Returns:
        Its tensors by name, on the CPU.

    Raises:
        VTGError: there is no such file, it is too large, or it holds something else than a mapping of tensors.
    """
    file = _checked_file(Path(path))
    name = shown_name(file)
    content = _read_safetensors(file, name) if file.suffix == ".safetensors" else _read_torch(file, name)
    if not isinstance(content, Mapping) or not content:
        raise VTGError(
            f"{name} must hold a mapping from names to tensors, and holds {type(content).__name__}; "
            "save the collator's batch with torch.save(dict(batch), path)"
        )
    for key, value in content.items():
        _check_tensor(name, key, value)
    num_bytes = sum(tensor.numel() * tensor.element_size() for tensor in content.values())
    if num_bytes > MAX_BATCH_BYTES:  # a tensor may claim more elements than its file holds
        raise VTGError(_too_large(name, num_bytes))
    return {str(key): tensor.detach() for key, tensor in content.items()}


def _checked_file(path: Path) -> Path:
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a possible file name"
        raise VTGError(f"{shown_name(path)} cannot be opened ({reason}); check the path") from None
    if not stat.S_ISREG(found.st_mode):
        raise VTGError(f"{shown_name(path)} must be a file, and is a folder, a pipe or a device")
    if found.st_size > MAX_BATCH_BYTES:
        raise VTGError(_too_large(shown_name(path), found.st_size))
    return path


def _too_large(name: str, num_bytes: int) -> str:
    return (
        f"a saved batch must take at most {MAX_BATCH_BYTES / 1e9:g} GB, and {name} takes {num_bytes / 1e9:.1f} GB; "
        "save fewer rows, or leave pixel_values_videos out: masks need none"
    )


def _read_safetensors(file: Path, name: str) -> Any:
    from safetensors.torch import load_file

    try:
        return load_file(file, device="cpu")
    except Exception as error:  # the library raises many types
        raise VTGError(f"{name} must be a file of safetensors, and is not: {first_line(error)}") from error


def _read_torch(file: Path, name: str) -> Any:
    import torch

    if (num_bytes := _unpacked_size(file)) > MAX_BATCH_BYTES:
        raise VTGError(_too_large(name, num_bytes))
    try:
        with warnings.catch_warnings(action="ignore"):
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises many types
        if isinstance(error, pickle.UnpicklingError) and "nsupported" in str(error):
            raise VTGError(
                f"{name} must hold nothing but tensors, and holds Python objects that only running its code would "
                "rebuild; save the batch with torch.save(dict(batch), path), every value a tensor"
            ) from None
        raise VTGError(
            f"{name} must be a .safetensors file or one that torch.save wrote, and cannot be read as such; "
            "save the batch again with torch.save(dict(batch), path)"
        ) from error


def _unpacked_size(file: Path) -> int:
    """Return how many bytes an archive's entries take in memory; 0 where the file is no archive, or a broken one."""
    try:
        with zipfile.ZipFile(file) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return 0


def _check_tensor(name: str, key: Any, value: Any) -> None:
    import torch

    if not isinstance(key, str) or not isinstance(value, torch.Tensor):
        raise VTGError(
            f"every entry of {name} must be a tensor with a name, and {str(key)[:40]!r} is {type(value).__name__}; "
            "leave out what is no tensor"
        )
    is_plain = value.layout is torch.strided and value.device.type == "cpu"
    if not is_plain or value.is_quantized or value.is_nested:
        raise VTGError(
            f"tensor {key[:40]!r} of {name} must be a dense one; save it with .to_dense() or the like"
        )
