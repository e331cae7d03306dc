"""The measures of a model that decide what a pass costs, read from its config; no weight is loaded."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel


def dtype_of(model: "PreTrainedModel") -> str:
    """Return the floating point type of a model, as a word: ``float32``, ``bfloat16``."""
    return str(model.dtype).removeprefix("torch.")


@dataclass(frozen=True)
class ModelShape:
    """What a model is made of, and where and in which type it runs.

    Attributes:
        name: of the checkpoint: the folder or hub id that it is loaded from.
        device, dtype: in PyTorch's words, ``cuda:0`` and ``bfloat16``.
        is_loaded: the weights are on the device already.
        is_spread: it lies on more than the one device, on as many as it needs.
        num_params: all of them.
        text_params: those that every token of the text model runs through, embeddings and logits left out; of
            experts, those that are taken.
        vision_params: those that every patch runs through.
        text_layers, hidden, intermediate, kv_width: of the text model; ``kv_width`` is the number of key heads times
            their size.
        vision_layers, vision_hidden, vision_intermediate: of the vision tower; 0 where there is none.
        vocab_size: how many logits each position has.
        is_in_4bit: the weights are in four bits, those of embeddings and logits left out.
    """

    name: str
    device: str
    dtype: str
    is_loaded: bool
    is_spread: bool
    num_params: int
    text_params: int
    vision_params: int
    text_layers: int
    hidden: int
    intermediate: int
    kv_width: int
    vision_layers: int
    vision_hidden: int
    vision_intermediate: int
    vocab_size: int
    is_in_4bit: bool = False

    @classmethod
    def of(cls, model: "PreTrainedModel") -> "ModelShape":
        """Return the shape of a model that is loaded."""
        device, dtype = next(model.parameters()).device, dtype_of(model)
        is_spread = len(set(getattr(model, "hf_device_map", {}).values())) > 1
        is_in_4bit = bool(getattr(model, "is_loaded_in_4bit", False))
        return _shape(model, str(device), dtype, is_loaded=True, is_spread=is_spread, is_in_4bit=is_in_4bit)

    @classmethod
    def of_config(
        cls,
        config: "PreTrainedConfig",
        *,
        device: str,
        dtype: str,
        is_spread: bool = False,
        is_in_4bit: bool = False,
    ) -> "ModelShape":
        """Return the shape of a model that is not loaded yet; its modules are built without weights.

        Args:
            config: of an image-text-to-text model.
            device, dtype: where it would run, in PyTorch's words.
            is_spread: a device map would spread it over all devices, from ``device`` on.
            is_in_4bit: its weights would be brought into four bits.
        """
        model = _without_weights(config)
        return _shape(model, device, dtype, is_loaded=False, is_spread=is_spread, is_in_4bit=is_in_4bit)

    @property
    def itemsize(self) -> int:
        """Bytes a number."""
        return {"float64": 8, "float32": 4}.get(self.dtype, 2)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights; of four bits with a factor for each 64 of them, and whole embeddings and logits at most."""
        if not self.is_in_4bit:
            return self.num_params * self.itemsize
        whole = min(self.num_params, 2 * self.vocab_size * self.hidden)
        return whole * self.itemsize + (self.num_params - whole) * 9 // 16

    @property
    def num_layers(self) -> int:
        """Text model and vision tower together."""
        return self.text_layers + self.vision_layers


def _without_weights(config: "PreTrainedConfig") -> "PreTrainedModel":
    import torch
    from transformers import AutoModelForImageTextToText

    with torch.device("meta"):
        return AutoModelForImageTextToText.from_config(config)


def _shape(
    model: "PreTrainedModel",
    device: str,
    dtype: str,
    *,
    is_loaded: bool,
    is_spread: bool,
    is_in_4bit: bool,
) -> ModelShape:
    config: Any = model.config
    text = config.get_text_config(decoder=True)
    vision = getattr(config, "vision_config", None)
    heads = text.num_attention_heads
    head_size = getattr(text, "head_dim", None) or text.hidden_size // heads
    counts = _count_params(model, _taken_experts(text))
    return ModelShape(
        name=str(config._name_or_path or type(model).__name__),
        device=device,
        dtype=dtype,
        is_loaded=is_loaded,
        is_spread=is_spread,
        num_params=sum(map(_num_weights, model.parameters())),
        text_params=counts[0],
        vision_params=counts[1],
        text_layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        intermediate=_first(text, "intermediate_size"),
        kv_width=(getattr(text, "num_key_value_heads", None) or heads) * head_size,
        vision_layers=_first(vision, "depth", "num_hidden_layers"),
        vision_hidden=_first(vision, "hidden_size", "embed_dim"),
        vision_intermediate=_first(vision, "intermediate_size"),
        vocab_size=model.get_input_embeddings().num_embeddings,
        is_in_4bit=is_in_4bit,
    )


def _num_weights(parameter: "Tensor") -> int:
    """Return how many weights a parameter holds; bitsandbytes packs two into a byte, and remembers their shape."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else int(state.shape.numel())


def _first(config: object, *names: str) -> int:
    """Return the first of several names that a config knows; families name the same measure differently."""
    return next((int(value) for name in names if (value := getattr(config, name, None))), 0)


def _taken_experts(text: object) -> float:
    """Return which part of its experts each token runs through."""
    taken, there = _first(text, "num_experts_per_tok"), _first(text, "num_experts", "num_local_experts")
    return taken / there if taken and there else 1.0


def _count_params(model: "PreTrainedModel", taken_experts: float) -> tuple[int, int]:
    ends = {id(end.weight) for end in (model.get_input_embeddings(), model.get_output_embeddings()) if end}
    text = vision = 0.0
    for name, parameter in model.named_parameters():
        if "visual" in name or "vision" in name:
            vision += _num_weights(parameter)
        elif id(parameter) not in ends:
            text += _num_weights(parameter) * (taken_experts if ".experts." in name else 1.0)
    return int(text), int(vision)
