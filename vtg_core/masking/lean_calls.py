"""A processor's call on frames that fill the memory: no copy of them all, and no more than one made smaller at a time.

Processors copy frames into another layout, stack them and make all of them smaller at once, in steps that each hold
several times what the frames take. Each frame goes through the same functions here, one after the other, and gets
the very same pixels.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

LARGE_BYTES = 100_000_000
"""Frames that take less are processed as ever: 32 of 720p do."""


def is_large(videos: Iterable[Any]) -> bool:
    """Say whether the arrays of some videos fill the memory; one without pixels (on the meta device) does not."""
    import numpy as np

    return sum(frames.nbytes for frames in videos if isinstance(frames, np.ndarray)) > LARGE_BYTES


def frame_by_frame() -> AbstractContextManager[Any]:
    """Return a context in which PyTorch spares the copies of large tensors, and interpolates their frames one by one."""
    import torch
    from torch.overrides import TorchFunctionMode

    def fills(value: Any) -> bool:
        return (
            isinstance(value, torch.Tensor) and value.device.type == "cpu" and value.nbytes > LARGE_BYTES // 2
        )

    class FrameByFrame(TorchFunctionMode):
        def __torch_function__(
            self,
            func: Callable[..., Any],
            types: Sequence[type],
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
        ) -> Any:
            kwargs = kwargs or {}
            if func is torch.Tensor.contiguous and not kwargs and len(args) == 1 and fills(args[0]):
                return args[0]  # what needs another layout gets it frame by frame
            if func in (torch.stack, torch.cat) and len(args[0]) == 1 and fills(args[0][0]):
                return args[0][0].unsqueeze(0) if func is torch.stack else args[0][0]
            if func is torch.nn.functional.interpolate and args and fills(args[0]):
                return torch.cat([func(one.contiguous(), *args[1:], **kwargs) for one in args[0].split(1)])
            return func(*args, **kwargs)

    return FrameByFrame()
