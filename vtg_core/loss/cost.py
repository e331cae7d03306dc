"""What a forward pass will cost, before anything is run: tokens, seconds, memory.

Seconds follow from the floating point operations of text and vision and a rate: first that of a short matrix product
on the device, then that of the last pass that was measured there (:func:`remember`). Memory follows from what lives at
the same time: weights not loaded yet, pixels, one layer's activations, keys and values, mask, logits. On the demo
checkpoints and on one of 50 million random parameters, on a CPU, the first estimate was within a factor of 2 of the
seconds that were measured and the next within 1.1; memory was within a factor of 3, and mostly above.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from vtg_core.errors import OutOfMemoryError
from vtg_core.loss.free_memory import free_memory
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.score import MAX_CROSS_CHECK_BYTES, SHIFTS
from vtg_core.loss.shared_pass import MAX_MASK_BYTES, needed_ids
from vtg_core.loss.token_scores import MAX_LOGITS_BYTES
from vtg_core.loss.token_tree import TokenTree, grow_tree
from vtg_core.masking.encoding import EncodedSample
from vtg_core.regions import IGNORE_INDEX, RegionKind

SHARE_OF_RATE = 0.4
"""Which part of the rate of a large matrix product a whole pass reaches, as measured on a CPU."""


CLEARLY_OVER = 1.5
"""An estimate must be over what is free by more than this factor for a pass to be refused."""


SECONDS_PER_LAYER = 4e-4
"""What a layer costs before it computes anything: its kernels are launched one by one."""


@dataclass(frozen=True)
class PassCost:
    """What a forward pass will cost.

    Attributes:
        num_tokens: how many tokens the model is given; those that templates share are counted once, and a second pass
            over the same ones is not counted.
        seconds: how long the model will run, loading left out.
        memory_bytes: the most that is held beside what is held now; weights that are not loaded yet are counted.
        free_bytes: what the device has left, all devices where the model is spread; None where the system does not
            tell.
        unscaled_seconds: the same time before any pass was measured; :func:`remember` compares with it.
        flops: how many floating point operations of matrix products it takes.
    """

    num_tokens: int
    seconds: float
    memory_bytes: int
    free_bytes: int | None
    unscaled_seconds: float
    flops: float


def estimate_pass(shape: ModelShape, sample: EncodedSample) -> PassCost:
    """Estimate what :func:`vtg_core.recipes.losses.score_with_recipes` takes for one sample: two passes.

    The second cross-checks the loss; where the logits of every position are too large for that, it measures the tokens
    that other masks train, a few at a time.
    """
    media, length = _Media.of(sample), len(sample)
    num_logits = _num_logits(sample)
    has_own_loss = length * shape.vocab_size * 4 <= MAX_CROSS_CHECK_BYTES
    ours = _flops(shape, media, length * length / 2, length, num_logits)
    second = _flops(shape, media, length * length / 2, length, length)
    logits = _logits_bytes(shape, num_logits)
    if has_own_loss:  # the logits of all positions, once more in float32, and their log-probabilities
        logits = max(logits, length * shape.vocab_size * (8 + (shape.itemsize if shape.itemsize < 4 else 0)))
    memory = _common_bytes(shape, media, length) + max(_activations(shape, media, length), logits)
    return _cost(shape, length, ours + second, 2 * shape.num_layers, memory)


def estimate_shared_pass(
    shape: ModelShape, samples: Sequence[EncodedSample], *, tree: TokenTree | None = None
) -> PassCost:
    """Estimate what :func:`vtg_core.loss.shared_pass.run_plan` takes where samples about one video share a pass.

    Args:
        shape: of the model.
        samples: at least one.
        tree: of the plan, if there is one already.
    """
    tree = tree if tree is not None else grow_tree([needed_ids(sample) for sample in samples])
    media, trunk, branches = _Media.of(samples[0]), tree.num_shared, len(tree)
    width = trunk + branches
    num_logits = sum(int((sample.labels != IGNORE_INDEX).sum()) for sample in samples)
    pairs = trunk * trunk / 2 + branches * width
    step = max(1, min(branches, MAX_MASK_BYTES // (width * shape.itemsize)))
    cache = 2 * shape.text_layers * shape.kv_width * width * shape.itemsize
    mask = step * width * shape.itemsize
    largest = max(_activations(shape, media, trunk), _activations(shape, _Media(), step) + mask)
    memory = (
        _common_bytes(shape, media, trunk) + cache + max(largest, _logits_bytes(shape, num_logits) + mask)
    )
    num_layers = shape.num_layers + shape.text_layers * -(-branches // step)
    return _cost(shape, width, _flops(shape, media, pairs, width, num_logits), num_layers, memory)


def estimate_plain_passes(shape: ModelShape, samples: Sequence[EncodedSample]) -> PassCost:
    """Estimate what samples take that get a plain pass each, without a cross-check."""
    flops = memory = 0.0
    for sample in samples:
        media, length, num_logits = _Media.of(sample), len(sample), _num_logits(sample)
        flops += _flops(shape, media, length * length / 2, length, num_logits)
        largest = max(_activations(shape, media, length), _logits_bytes(shape, num_logits))
        memory = max(memory, _common_bytes(shape, media, length) + largest)
    return _cost(shape, sum(map(len, samples)), flops, shape.num_layers * len(samples), memory)


def remember(shape: ModelShape, cost: PassCost, seconds: float) -> None:
    """Keep how long a pass took that was estimated, so that the next estimate on this model and device is nearer."""
    if seconds > 0:
        _SCALES[shape.name, shape.device, shape.dtype] = seconds / cost.unscaled_seconds


_SCALES: dict[tuple[str, str, str], float] = {}


def check_fits(cost: PassCost, device: str) -> None:
    """Refuse a pass that clearly does not fit.

    Raises:
        OutOfMemoryError: it needs more than ``CLEARLY_OVER`` times what ``device`` has left.
    """
    if cost.free_bytes is not None and cost.memory_bytes > CLEARLY_OVER * cost.free_bytes:
        raise OutOfMemoryError(
            f"{cost.num_tokens:,} tokens must fit in the memory of {device}: they would take about "
            f"{in_words(cost.memory_bytes)}, which is {cost.memory_bytes / max(cost.free_bytes, 1):,.1f} times the "
            f"{in_words(cost.free_bytes)} that is free; take fewer frames (--num-frames, --fps), smaller ones, or a "
            "smaller --dtype"
        )


def in_words(num_bytes: int) -> str:
    """Return a size as people say it: ``23 MB``, ``1.4 GB``."""
    return f"{num_bytes / 1e6:,.0f} MB" if num_bytes < 1e9 else f"{num_bytes / 1e9:,.1f} GB"


def _free_memory_of(shape: ModelShape) -> int | None:
    """Return what is left to a model: on its device, or on all cards and the CPU, where it may be spread over them."""
    if not shape.is_spread:
        return free_memory(shape.device)
    import torch

    devices = [*(f"cuda:{number}" for number in range(torch.cuda.device_count())), "cpu"]
    return sum(free_memory(device) or 0 for device in devices)


@dataclass(frozen=True)
class _Media:
    """What the vision tower is given.

    Attributes:
        num_patches: of all frames.
        pairs: how many pairs of patches attend to each other: those of one frame.
        num_tokens: how many tokens they become.
        num_bytes: of the pixels.
    """

    num_patches: int = 0
    pairs: float = 0.0
    num_tokens: int = 0
    num_bytes: int = 0

    @classmethod
    def of(cls, sample: EncodedSample) -> "_Media":
        num_tokens = sum(len(region) for region in sample.regions if region.kind is RegionKind.VIDEO)
        grids = [np.asarray(value) for name, value in sample.media.items() if name.endswith("grid_thw")]
        frames = [(int(t), int(h * w)) for grid in grids for t, h, w in grid.reshape(-1, 3)]
        pixels = [
            np.asarray(value) for name, value in sample.media.items() if name.startswith("pixel_values")
        ]
        return cls(
            num_patches=sum(t * size for t, size in frames) if frames else num_tokens,
            pairs=float(sum(t * size * size for t, size in frames)),
            num_tokens=num_tokens,
            num_bytes=sum(values.nbytes for values in pixels),
        )


def _num_logits(sample: EncodedSample) -> int:
    return min(len(sample), len(SHIFTS) * int((sample.labels != IGNORE_INDEX).sum()))


def _flops(shape: ModelShape, media: _Media, pairs: float, num_tokens: int, num_logits: int) -> float:
    """Return the operations of a pass: two a parameter, four a pair of positions and hidden unit."""
    text = 2.0 * shape.text_params * num_tokens + 4.0 * pairs * shape.hidden * shape.text_layers
    vision = 2.0 * shape.vision_params * media.num_patches
    vision += 4.0 * media.pairs * shape.vision_hidden * shape.vision_layers
    return text + vision + 2.0 * shape.hidden * shape.vocab_size * num_logits


def _activations(shape: ModelShape, media: _Media, num_tokens: int) -> float:
    """Return the bytes of the widest layer: its input, queries, keys, values and gated values at once."""
    text = num_tokens * (6 * shape.hidden + 3 * shape.intermediate)
    vision = media.num_patches * (6 * shape.vision_hidden + 3 * shape.vision_intermediate)
    return max(text, vision) * shape.itemsize


def _common_bytes(shape: ModelShape, media: _Media, num_tokens: int) -> float:
    """Return the bytes that live through a pass: pixels, embeddings, what the vision tower hands over, weights."""
    weights = 0 if shape.is_loaded else shape.weight_bytes
    states = (num_tokens + 4 * media.num_tokens) * shape.hidden * shape.itemsize
    return weights + 2 * media.num_bytes + states


def _logits_bytes(shape: ModelShape, num_logits: int) -> float:
    """Return the bytes of logits as the model gives them, and of the few that are in float32 at a time."""
    step = min(MAX_LOGITS_BYTES, 4 * num_logits * shape.vocab_size)
    return num_logits * shape.vocab_size * shape.itemsize + 4 * step


def _cost(shape: ModelShape, num_tokens: int, flops: float, num_layers: int, memory: float) -> PassCost:
    unscaled = (
        flops / (SHARE_OF_RATE * _probed_rate(shape.device, shape.dtype)) + SECONDS_PER_LAYER * num_layers
    )
    scale = _SCALES.get((shape.name, shape.device, shape.dtype), 1.0)
    return PassCost(num_tokens, unscaled * scale, int(memory), _free_memory_of(shape), unscaled, flops)


@lru_cache(maxsize=16)
def _probed_rate(device: str, dtype: str) -> float:
    """Return how many operations a second a matrix product reaches; it takes less than a tenth of a second."""
    import torch

    size, best, took = 128, 0.0, 0.0
    while 8 * took < 0.02 and size <= 8192:
        square = torch.ones(size, size, dtype=getattr(torch, dtype), device=device)
        for _ in range(2):  # the first one also loads kernels
            started = time.perf_counter()
            float((square @ square)[0, 0])  # waits for the device
            took = time.perf_counter() - started
            best = max(best, 2.0 * size**3 / took)
        size *= 2
    return best
