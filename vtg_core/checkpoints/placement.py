"""Where a model runs and in which number type: device, device map and precision."""

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from vtg_core.errors import CheckpointError

if TYPE_CHECKING:
    pass


class Device(StrEnum):
    """Where the forward pass runs; ``auto`` is CUDA, else MPS, else CPU. ``cuda:1`` and the like are taken too."""

    AUTO = "auto"
    CUDA = "cuda"
    MPS = "mps"
    CPU = "cpu"


class Precision(StrEnum):
    """The model's floating point type; ``auto`` is bfloat16 on CUDA and float32 elsewhere."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


DEVICE_MAPS = ("auto", "balanced", "balanced_low_0", "sequential")
"""How accelerate may spread a model that is larger than one card."""


def check_device_map(device_map: str, *, device: Device | str) -> str:
    """Return a device map, if it is one and the only one to say where a model lies; empty stands for none.

    Raises:
        CheckpointError: it is none of ``DEVICE_MAPS``, or ``device`` is not ``auto``.
    """
    if device_map and device_map not in DEVICE_MAPS:
        raise CheckpointError(f"device_map must be one of {', '.join(DEVICE_MAPS)}, got {device_map!r}")
    if device_map and device != Device.AUTO:
        raise CheckpointError(
            f"device and device_map must not both say where the model lies, got device={str(device)!r} and "
            f"device_map={device_map!r}; leave one of them out"
        )
    return device_map


def resolve_device(device: Device | str = Device.AUTO) -> str:
    """Return the device's name in PyTorch.

    Raises:
        CheckpointError: this machine has no such device.
    """
    import torch

    device = check_device(device)
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == Device.AUTO:
        return next(kind for kind, is_there in found.items() if is_there)
    kind, _, index = device.partition(":")
    if not found[kind] or (index and int(index) >= torch.cuda.device_count()):
        there = ", ".join(kind for kind, is_there in found.items() if is_there)
        raise CheckpointError(f"device {device!r} must be on this machine, which has {there}")
    return device


def devices_here() -> list[str]:
    """Return the devices of this machine, as :func:`resolve_device` takes them: each CUDA card, MPS, and the CPU; ``auto`` is the first."""
    import torch

    num_cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cards = [f"{Device.CUDA}:{card}" for card in range(num_cards)]
    return [*cards, *([str(Device.MPS)] if torch.backends.mps.is_available() else []), str(Device.CPU)]


def check_device(device: Device | str) -> str:
    """Return the name of a device, if it is one; whether this machine has it is another question.

    Raises:
        CheckpointError: it is no :class:`Device` and no ``cuda:N``.
    """
    if device not in tuple(Device) and not re.fullmatch(r"cuda:[0-9]{1,3}", device):
        raise CheckpointError(f"device must be one of {', '.join(Device)} or cuda:N, got {device!r}")
    return str(device)


def resolve_precision(dtype: Precision | str, device: str) -> str:
    """Return the name of the floating point type for ``device``, in PyTorch's words.

    Raises:
        CheckpointError: ``dtype`` is no :class:`Precision`.
    """
    try:
        dtype = Precision(dtype)
    except ValueError:
        raise CheckpointError(f"dtype must be one of {', '.join(Precision)}, got {dtype!r}") from None
    if dtype is Precision.AUTO:
        return str(Precision.BFLOAT16 if device.startswith("cuda") else Precision.FLOAT32)
    return str(dtype)
