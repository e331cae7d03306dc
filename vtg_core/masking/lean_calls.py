"""A processor's call on frames that fill the memory: no copy of them all, and no more than one made smaller at a time.

Processors copy frames into another layout, stack them, make all of them smaller at once, and turn all of them into
floats and then into patches, in steps that each hold several times what the frames take. Each frame goes through the same
functions here, one after the other, and gets the very same pixels.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass
from typing import Any

LARGE_BYTES = 30_000_000
"""Frames that take less are processed as ever: 32 of 480p do."""


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


def group_by_group(video_processor: Any) -> Any:
    """Return a copy of a video processor that makes floats and patches of the frames of one patch after the other.

    All of them are there once then, as the patches that are returned. One that does it in other steps is returned as it is.
    """
    if not all(hasattr(video_processor, name) for name in ("rescale_and_normalize", "patchify")):
        return video_processor

    def rescale_and_normalize(videos: Any, *given: Any, **named: Any) -> _Unscaled:
        return _Unscaled(videos, lambda some: video_processor.rescale_and_normalize(some, *given, **named))

    def patchify(videos: _Unscaled, **sizes: Any) -> tuple[Any, ...]:
        return videos.patches(
            lambda some: video_processor.patchify(some, **sizes), sizes["temporal_patch_size"]
        )

    lean = copy(video_processor)
    lean.rescale_and_normalize, lean.patchify = rescale_and_normalize, patchify
    return lean


@dataclass(frozen=True, eq=False)
class _Unscaled:
    """Videos, uint8 (B, T, C, H, W), that are made floats when they are asked for."""

    videos: Any
    scaled: Callable[[Any], Any]

    def __len__(self) -> int:
        return len(self.videos)

    def patches(self, patchify: Callable[[Any], Any], frames_a_patch: int) -> tuple[Any, ...]:
        """Return the patches, float32 (B, num_patches, values), and the grid: patches in time, height and width."""
        patches = None
        starts = range(0, self.videos.shape[1], frames_a_patch)
        for group, start in enumerate(starts):
            some, *grid = patchify(self.scaled(self.videos[:, start : start + frames_a_patch]))
            if patches is None:
                patches = some.new_empty(len(some), len(starts) * some.shape[1], some.shape[2])
            patches[:, group * some.shape[1] : (group + 1) * some.shape[1]] = some
        return patches, len(starts), *grid[1:]
