"""What is measured where there is a GPU, as functions of a model, so that a small one runs them anywhere."""

import platform
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
import transformers

from vtg_core.comparison.on_video import TemplateComparison
from vtg_core.loss.forward_pass import input_device, peak_memory, reset_peak_memory
from vtg_core.loss.score import score_batch
from vtg_core.loss.shared_pass import as_batch


@dataclass(frozen=True)
class Measured:
    """A comparison beside plain passes.

    Attributes:
        num_tokens: of the longest sequence.
        plain_because: why nothing was shared; empty where it was.
        shared_seconds, plain_seconds: medians of the whole comparison, and of one plain pass.
        shared_bytes, plain_bytes: the most memory that each held.
        largest_difference: in nats, of a token's NLL between the two ways.
    """

    num_tokens: int
    plain_because: str
    shared_seconds: float
    plain_seconds: float
    shared_bytes: int | None
    plain_bytes: int | None
    largest_difference: float

    @property
    def forwards(self) -> float:
        """The comparison in units of one plain pass."""
        return self.shared_seconds / self.plain_seconds


def measure(model, inspections, tokenizer, *, num_rounds=3) -> Measured:
    """Run the comparison and a plain pass of every template in turn; the first round warms up and is not counted."""
    device = input_device(model)
    shared_seconds, plain_seconds = [], []
    for _ in range(num_rounds + 1):
        comparison = TemplateComparison(model, inspections, tokenizer)
        started = perf_counter()
        losses = {(loss.template, loss.mode): loss for loss in comparison}
        shared_seconds.append(perf_counter() - started)
        reset_peak_memory(device)
        difference, of_round = 0.0, []
        for inspection in inspections:
            started = perf_counter()
            batch = {name: value.to(device) for name, value in as_batch(inspection.encoded).items()}
            nll = score_batch(model, batch).scores.nll.tolist()
            of_round.append(perf_counter() - started)
            template = inspection.sample.template
            own = [token.nll for token in losses[template.name, template.mode].loss.tokens]
            difference = max(difference, *(abs(a - b) for a, b in zip(own, nll, strict=True)))
        plain_seconds.append(median(of_round))
        plain_bytes = peak_memory(device)
    return Measured(
        num_tokens=max(len(inspection.encoded) for inspection in inspections),
        plain_because=comparison.plan.plain_because,
        shared_seconds=median(shared_seconds[1:]),
        plain_seconds=median(plain_seconds[1:]),
        shared_bytes=comparison.run.peak_memory_bytes,
        plain_bytes=plain_bytes,
        largest_difference=difference,
    )


def in_words(measured, model) -> str:
    """Return the figures with all that they depend on, in one line."""
    device = input_device(model)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    held = [
        f"{size / 2**30:.1f} GB" if size else "?" for size in (measured.shared_bytes, measured.plain_bytes)
    ]
    return (
        f"{name}, {str(model.dtype).removeprefix('torch.')}, torch {torch.__version__}, transformers "
        f"{transformers.__version__}, {model.num_parameters() / 1e9:.2f} billion weights, {measured.num_tokens:,} tokens: "
        f"16 templates in {measured.shared_seconds:.2f} s and {held[0]}, a plain pass in {measured.plain_seconds:.2f} s "
        f"and {held[1]}: {measured.forwards:.3f} passes, "
        f"{16 * measured.plain_seconds / measured.shared_seconds:.1f} times faster; largest difference "
        f"{measured.largest_difference:.1e} nats"
    )
