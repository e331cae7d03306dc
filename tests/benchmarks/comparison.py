"""What sixteen templates on one video cost in one shared pass, in units of one plain forward pass.

The model is a slice of Qwen3-VL-2B with random weights: one of its 28 decoder layers in full size (width 2,048,
16 heads of 128, 8 of them for keys and values, 6,144 within), and a vocabulary cut by the same factor, so that the
logits' share of a pass is as in the whole. Its vision tower is the demo's tiny one, which counts against us: both ways
run it in every pass. The unit is a plain pass of our own, with logits at the supervised positions alone. Reading and
processing the video, which sixteen templates share too, is left out of both. One core.
"""

import tempfile
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from time import perf_counter
from typing import Any

from vtg_core.checkpoints.loading import load_model, load_processor
from vtg_core.comparison.on_video import TemplateComparison
from vtg_core.inspection import Inspection, inspect_templates
from vtg_core.loss.score import score_batch
from vtg_core.loss.shared_pass import as_batch
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames
from vtg_core.windows import Window

from ..families import qwen3_vl_2b, sharpened
from .audit import write_clip

NUM_LAYERS, VOCABULARY = 28, 151_936


@dataclass(frozen=True)
class Length:
    """A video of about so many tokens.

    Attributes:
        name: in the figures' names.
        num_frames: how many are taken.
        plain: which templates get a plain pass, by length; all unless given.
        num_rounds: how often the shared pass is run.
    """

    name: str
    num_frames: int
    plain: tuple[int, ...]
    num_rounds: int


LENGTHS = (Length("5k", 32, tuple(range(16)), 4), Length("20k", 128, (0, 8, 15), 2))


def run() -> dict[str, float]:
    processor = deepcopy(load_processor("demo"))
    processor.video_processor.size = {"shortest_edge": 4_096, "longest_edge": 10**9}  # frames keep their size
    model = qwen3_vl_2b(processor, num_layers=1, vocab_size=VOCABULARY // NUM_LAYERS, has_small_vision=True)
    deep = sharpened(load_model("demo-untrained", device="cpu", dtype="float32"), 3)
    figures: dict[str, float] = {}
    differences: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        clip = write_clip(Path(scratch) / "clip.mp4")
        for length in LENGTHS:
            inspections = _inspections(clip, length, processor)
            if length is LENGTHS[0]:
                differences.append(_largest_difference(deep, inspections, processor))
                print(f"  largest difference with four narrow layers: {differences[0]:.1e} nats", flush=True)
            figures |= _measure(length, model, inspections, processor, differences)
    return figures | {"compare_max_abs_diff": max(differences)}


def _inspections(clip: Path, length: Length, processor: Any) -> list[Inspection]:
    video = sample_frames(clip, FramePolicy(num_frames=length.num_frames))
    inspections = inspect_templates(
        video, "a red circle appears", [Window(8, 14)], processor=processor, templates=TEMPLATES
    )
    return sorted(inspections, key=lambda inspection: len(inspection.encoded))


def _measure(
    length: Length, model: Any, inspections: Sequence[Inspection], processor: Any, differences: list[float]
) -> dict[str, float]:
    """Time both ways in turn: after each few plain passes a shared one, so that a slow minute meets both."""
    _, nll = _shared(model, inspections, processor)  # the first of each kind finds memory and kernels cold
    _plain(model, inspections[0])
    plain, shared = [], []
    for done, index in enumerate(length.plain, 1):
        seconds, own = _plain(model, inspections[index])
        plain.append(seconds)
        differences.append(max(abs(a - b) for a, b in zip(own, nll[index], strict=True)))
        if done * length.num_rounds // len(length.plain) > len(shared):
            shared.append(_shared(model, inspections, processor)[0])
    forwards, speedup = median(shared) / median(plain), len(inspections) * mean(plain) / median(shared)
    plan = TemplateComparison(model, inspections, processor.tokenizer).plan
    stand_for = "all are run" if len(plain) == len(inspections) else f"{len(plain)} stand for all"
    print(
        f"  {plan.tree.num_shared:,} tokens shared, {len(plan.tree)} behind them: {len(inspections)} templates in "
        f"{median(shared):.2f} s, a plain pass in {median(plain):.2f} s: {forwards:.3f} passes; "
        f"{speedup:.1f} times faster than {len(inspections)} plain passes ({stand_for}); "
        f"largest difference {max(differences):.1e} nats",
        flush=True,
    )
    return {f"compare_forwards_{length.name}": forwards, f"compare_speedup_{length.name}": speedup}


def _shared(model: Any, inspections: Sequence[Inspection], processor: Any) -> tuple[float, list[list[float]]]:
    """Return the seconds of a comparison, and each template's NLLs in the templates' order."""
    started = perf_counter()
    found = {
        (loss.template, loss.mode): [token.nll for token in loss.loss.tokens]
        for loss in TemplateComparison(model, inspections, processor.tokenizer)
    }
    seconds = perf_counter() - started
    templates = [inspection.sample.template for inspection in inspections]
    return seconds, [found[template.name, template.mode] for template in templates]


def _plain(model: Any, inspection: Inspection) -> tuple[float, list[float]]:
    started = perf_counter()
    nll = score_batch(model, as_batch(inspection.encoded)).scores.nll.tolist()
    return perf_counter() - started, nll


def _largest_difference(model: Any, inspections: Sequence[Inspection], processor: Any) -> float:
    _, nll = _shared(model, inspections, processor)
    plain = [_plain(model, inspection)[1] for inspection in inspections]
    return max(
        abs(a - b) for own, other in zip(nll, plain, strict=True) for a, b in zip(own, other, strict=True)
    )
