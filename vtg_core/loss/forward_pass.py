"""What surrounds a forward pass: evaluation mode, layers counted, errors explained, memory measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vtg_core.errors import LossError, OutOfMemoryError, VTGError, first_line

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel


@contextmanager
def evaluating(model: "PreTrainedModel") -> Iterator[None]:
    """Switch dropout and the like off, and back on where they were: a part may have been in evaluation mode already."""
    were_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in were_training:
            module.training = True


# What PyTorch's CPU, MPS and cuBLAS say in errors that have no type of their own.
_OUT_OF_MEMORY = ("can't allocate memory", "out of memory", "ALLOC_FAILED")


@contextmanager
def raising_loss_errors(batch: Mapping[str, "Tensor"], device: "torch.device") -> Iterator[None]:
    """Turn whatever a forward pass raises into one clear error.

    Args:
        batch: what the pass is given; ``input_ids`` is counted.
        device: where it runs.

    Raises:
        OutOfMemoryError: the pass does not fit.
        LossError: it fails otherwise.
        Warning: a library warns, where warnings are errors; that says nothing of what the model can do.
    """
    import torch

    try:
        yield
    except (VTGError, Warning):
        raise
    except Exception as error:  # a model is another project's code and may refuse in any way
        has_type = isinstance(error, torch.OutOfMemoryError | MemoryError)
        is_memory = has_type or any(said in str(error) for said in _OUT_OF_MEMORY)
        if not is_memory:
            raise LossError(
                f"the forward pass must run on {device}, and fails: {first_line(error)}"
            ) from error
        raise OutOfMemoryError(
            f"a forward pass over {batch['input_ids'].numel():,} tokens must fit in the memory of {device}, "
            "and does not; take fewer frames (--num-frames, --fps), smaller ones, or a smaller --dtype"
        ) from None


def input_device(model: "PreTrainedModel") -> "torch.device":
    """Return where a model takes its inputs: of one that is spread over several devices, the first."""
    weights: Iterator[torch.Tensor] = model.parameters()
    return next(weight.device for weight in weights if weight.device.type != "meta")  # offloaded


def num_layers(model: "PreTrainedModel") -> int:
    """Return how many layers one forward pass begins, those of the vision tower included."""
    return len(_layers(model))


def num_text_layers(model: "PreTrainedModel") -> int:
    """Return how many layers a pass begins over text alone."""
    return len(_layers(model.get_decoder()))


def kept_logits(model: "PreTrainedModel", logits: "Tensor", kept: Sequence[int], *, length: int) -> "Tensor":
    """Return a model's logits at the positions that it was asked for, shape (B, len(kept), V).

    Args:
        model: what was run.
        logits: what it returned; those of every position where it does not support ``logits_to_keep``.
        kept: the positions, strictly increasing.
        length: how many it was given.

    Raises:
        LossError: the logits are of other positions.
    """
    if logits.shape[1] == len(kept):
        return logits
    if logits.shape[1] == length:
        return logits[:, list(kept)]
    raise LossError(
        f"{type(model).__name__} must return logits for the {len(kept)} positions asked for or for all {length}, "
        f"got {logits.shape[1]}; its loss cannot be computed here"
    )


def _layers(model: "torch.nn.Module") -> list["torch.nn.Module"]:
    import torch

    return [layer for stack in model.modules() if isinstance(stack, torch.nn.ModuleList) for layer in stack]


@contextmanager
def layers_counted(model: "PreTrainedModel", on_layer: Callable[[int], None] | None) -> Iterator[None]:
    """Call ``on_layer`` with the number of layers begun so far, before each of them; what it raises ends the pass."""
    begun = 0

    def count(*_: object) -> None:
        nonlocal begun
        begun += 1
        if on_layer is not None:
            on_layer(begun)

    hooks = [layer.register_forward_pre_hook(count) for layer in _layers(model)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def first_not_finite(model: "PreTrainedModel", batch: Mapping[str, "Tensor"]) -> str:
    """Run a pass once more, and return in words where its values stop being finite.

    Args:
        model: in evaluation mode.
        batch: what the pass is given, on the model's device; ``labels`` is left out.
    """
    import torch

    found: list[str] = []

    def look(name: str) -> Callable[..., None]:
        def at_output(_module: object, _given: object, output: object) -> None:
            values = output[0] if isinstance(output, tuple) else output
            if (
                found
                or not isinstance(values, torch.Tensor)
                or values.ndim < 2
                or not values.is_floating_point()
            ):
                return
            if not bool(values.isfinite().all()):
                at = (~values.isfinite()).flatten(0, -2).any(-1).nonzero()[0]
                found.append(
                    f"the output of {name} is the first that is not finite, at its position {int(at):,}"
                )

        return at_output

    names = {module: name for name, module in model.named_modules()}
    watched = [model.get_input_embeddings(), *_layers(model), model.get_output_embeddings()]
    hooks = [m.register_forward_hook(look(names[m])) for m in watched if m in names]
    try:
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        with torch.inference_mode():
            model(**inputs, use_cache=False, logits_to_keep=1)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else "every layer's output is finite, so the logits alone are not"


def reset_peak_memory(device: "torch.device") -> None:
    """Begin to measure the memory that PyTorch holds on the GPU; elsewhere there is nothing to begin."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()  # what an earlier pass that did not fit has left in pieces
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: "torch.device") -> int | None:
    """Return the most bytes held: by PyTorch on the GPU since the reset, elsewhere by this process so far.

    None where the system does not tell.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
