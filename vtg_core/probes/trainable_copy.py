"""A copy of a model that can be trained while the model itself is never written to, so that nothing has to be undone.

The copy has modules, hooks' tables, buffers and a config of its own. Of the weights, :func:`full_copy` takes a copy in
at least float32; :func:`lora_copy` shares them, frozen, and puts LoRA matrices beside the language model's linear
layers. Whatever ends the training, the model is what it was, and others may run it meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING

from vtg_core.errors import LossError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Parameter
    from transformers import PreTrainedModel

LORA_RANK = 8
"""A handful of answer tokens of one sample needs few directions; peft's own default."""

LORA_ALPHA = 2 * LORA_RANK
"""The matrices' product is scaled by alpha / rank: 2, the ratio of most published recipes."""

ADAPTER = "vtg_lens_overfit"
"""A name that no adapter of a person's own has."""


def check_trainable(model: "PreTrainedModel") -> None:
    """Raise ``LossError`` where a model's weights cannot take steps: they are spread, not here, or quantised."""
    devices = {str(parameter.device) for parameter in model.parameters()}
    is_spread = len(devices) > 1 or len(set(getattr(model, "hf_device_map", {}).values())) > 1
    if is_spread or "meta" in devices:
        raise LossError(
            "a model must lie on one device to be trained on a sample, and this one is spread over several by a "
            "device map; load it with --device in the place of --device-map"
        )
    types = {str(parameter.dtype).removeprefix("torch.") for parameter in model.parameters()}
    if getattr(model, "hf_quantizer", None) is not None or types - _TRAINABLE:
        method = getattr(getattr(model, "quantization_method", None), "value", None)
        stored = ", ".join(sorted(types - _TRAINABLE)) or method or "a quantised form"
        raise LossError(
            "a model must have floating point weights to be trained on a sample, and this one is quantised "
            f"({stored}); load the checkpoint that it was made of, without --load-in-4bit"
        )


_TRAINABLE = {"float64", "float32", "bfloat16", "float16"}


def full_copy(model: "PreTrainedModel") -> "PreTrainedModel":
    """Return a copy all of whose weights are its own and trained, tied ones still tied, in evaluation mode.

    Half precision becomes float32: a step of 1e-3 of a weight is less than half of bfloat16's spacing, and would be
    rounded away.
    """
    import torch

    def own(weight: "Parameter") -> "Parameter":
        wanted = torch.promote_types(weight.dtype, torch.float32)
        return torch.nn.Parameter(weight.detach().to(wanted, copy=True), requires_grad=True)

    copy = _copied(model, own)
    for module in copy.modules():  # a buffer in half precision would meet activations in float32
        for name, buffer in module._buffers.items():
            if buffer is not None and buffer.is_floating_point():
                module._buffers[name] = buffer.to(torch.promote_types(buffer.dtype, torch.float32))
    return copy.eval()


def lora_copy(model: "PreTrainedModel") -> "PreTrainedModel":
    """Return a copy that shares all weights, frozen, with LoRA matrices at the language model's linear layers.

    The matrices are in at least float32 whatever the model's type is, so that small steps count. They begin as the same
    random numbers in every run, with a product of zero: before the first step the copy computes what the model does.
    An adapter that the model has already stays in force, and frozen.

    Raises:
        LossError: there are no linear layers to find.
    """
    import torch
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    names = _linear_layers(model)
    if not names:
        raise LossError(
            "LoRA must find linear layers in the language model, and finds none in "
            f"{type(model).__name__}; train all weights instead"
        )
    copy = _copied(model, _shared)
    kinds = (BaseTunerLayer, AuxiliaryTrainingWrapper)
    adapted = [
        (module, list(module.active_adapters)) for module in copy.modules() if isinstance(module, kinds)
    ]
    vars(copy).pop("peft_config", None)  # PEFT warns of those that are there already, which is what is wanted
    config = LoraConfig(r=LORA_RANK, lora_alpha=LORA_ALPHA, target_modules=names)
    torch.default_generator.manual_seed(
        0
    )  # of the CPU, where the matrices are drawn; the caller keeps its state
    inject_adapter_in_model(config, copy, adapter_name=ADAPTER)
    for module, active in adapted:  # injecting has put ours in their place
        module.set_adapter([*active, ADAPTER] if ADAPTER in getattr(module, "lora_A", ()) else active)
    for name, parameter in copy.named_parameters():
        parameter.requires_grad_(is_ours := f".{ADAPTER}." in name)
        if is_ours:
            parameter.data = parameter.data.to(torch.promote_types(parameter.dtype, torch.float32))
    return copy.eval()


def _linear_layers(model: "PreTrainedModel") -> list[str]:
    """Return the names of the language model's linear layers, those with an adapter by the name of the whole."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    inside = {id(module) for module in model.get_decoder().modules()}
    head = model.get_output_embeddings()
    names: list[str] = []
    for name, module in model.named_modules():
        kind = module.get_base_layer() if isinstance(module, BaseTunerLayer) else module
        is_part = any(name.startswith(f"{found}.") for found in names)
        if id(module) in inside and isinstance(kind, torch.nn.Linear) and module is not head and not is_part:
            names.append(name)
    return names


def _copied(model: "PreTrainedModel", weight_of: "Callable[[Parameter], Parameter]") -> "PreTrainedModel":
    """Copy a model's modules and buffers; each weight becomes what ``weight_of`` makes of it, once."""
    memo = {id(weight): weight_of(weight) for weight in model.parameters()}
    return deepcopy(model, memo)


def _shared(weight: "Parameter") -> "Parameter":
    """Return the same numbers in the same memory as a parameter of its own, which is frozen."""
    import torch

    values = weight.detach()
    if values.is_inference():  # autograd cannot save those, and a copy is none
        values = values.clone()
    return torch.nn.Parameter(values, requires_grad=False)


def recompute_layers(copy: "PreTrainedModel", on_layer: Callable[[], None] | None) -> None:
    """Let a copy keep no activations but each layer's input, and compute the others again when gradients need them.

    Args:
        copy: of a model; it is changed.
        on_layer: called where a layer is computed again.
    """
    from functools import partial

    from torch.utils.checkpoint import checkpoint
    from transformers.modeling_layers import GradientCheckpointingLayer

    def computed(forward: Callable[..., "Tensor"], *args: object, **kwargs: object) -> "Tensor":
        if on_layer is not None:
            on_layer()
        return forward(*args, **kwargs)

    for layer in copy.modules():
        if isinstance(layer, GradientCheckpointingLayer):
            layer.forward = partial(checkpoint, partial(computed, layer.forward), use_reentrant=False)


@contextmanager
def random_state_kept(device: "torch.device") -> Iterator[None]:
    """Put the random state of the CPU and of ``device`` back at the end."""
    import torch

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        if device.type != "mps":
            yield
            return
        before = torch.mps.get_rng_state()
        try:
            yield
        finally:
            torch.mps.set_rng_state(before)
