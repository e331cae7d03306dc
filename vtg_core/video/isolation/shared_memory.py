"""An array that two processes have at once: one writes frames into it, and the other need not copy them."""

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MAX_COPIED_BYTES = 1 << 25
"""What is smaller is copied: memory that is shared takes one of the descriptors of this process for as long as it lives."""


class SharedArray:
    """uint8 of a shape, of no file; whoever has its descriptor cannot make it shorter than this process believes."""

    def __init__(self, shape: Sequence[int]) -> None:
        self._shape = tuple(shape)
        self._num_bytes = math.prod(shape)
        self.descriptor = -1

    def __enter__(self) -> "SharedArray":
        import fcntl

        self.descriptor = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.descriptor, self._num_bytes)
        fcntl.fcntl(
            self.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        )
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def write(self, values: "np.ndarray") -> None:
        """Write all of it."""
        self._mapped(is_shared=True)[...] = values

    def taken(self) -> "np.ndarray":
        """Return what was written, to keep and to change: nobody else sees that."""
        shared = self._mapped(is_shared=False)
        return shared.copy() if self._num_bytes <= MAX_COPIED_BYTES else shared

    def _mapped(self, *, is_shared: bool) -> "np.ndarray":
        import mmap

        import numpy as np

        kind = mmap.MAP_SHARED if is_shared else mmap.MAP_PRIVATE
        memory = mmap.mmap(self.descriptor, self._num_bytes, flags=kind)
        return np.frombuffer(memory, dtype=np.uint8).reshape(self._shape)
