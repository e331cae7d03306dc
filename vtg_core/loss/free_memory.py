"""How much memory a pass may take: of the GPU, the machine, or the container it runs in."""

from pathlib import Path


def free_memory(device: str) -> int | None:
    """Return how many bytes a device has left for us: on a GPU what CUDA tells, else what system or container can give."""
    import torch

    kind = torch.device(device).type
    if kind == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + held
    if kind not in ("cpu", "mps"):
        return None
    import psutil

    available = int(psutil.virtual_memory().available)
    limit = _left_to_the_container()
    return available if limit is None else min(available, limit)


def _left_to_the_container() -> int | None:
    """Return how many bytes the control group (v2) that we run in may still take; None where it has no limit.

    A container sees the whole machine's memory, and is ended when it takes more than its own share.
    """
    try:
        limit, taken = (int((CONTROL_GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        counters = dict(line.split() for line in (CONTROL_GROUP / "memory.stat").read_text().splitlines())
        return max(0, limit - taken + int(counters["inactive_file"]))  # given back as soon as it is needed
    except (OSError, ValueError, KeyError):  # no control group, or "max"
        return None


CONTROL_GROUP = Path("/sys/fs/cgroup")
"""Where a container finds its own control group."""
