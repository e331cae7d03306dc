"""Tiny models with random weights: the demos made decisive, and families that have no demo."""

from copy import deepcopy

import torch
import transformers


def sharpened(model, factor=10.0):
    """Return a copy that is far from uniform and leans on attention, so that a wrong mask or position costs nats."""
    own = deepcopy(model)
    with torch.no_grad():
        own.get_input_embeddings().weight.mul_(factor)
        for layer in own.get_decoder().layers:
            attention = layer.self_attn
            getattr(attention, "q_norm", attention.q_proj).weight.mul_(factor)
            attention.o_proj.weight.mul_(factor)
    return own


def qwen2_vl(demo):
    """Qwen2-VL's own classes, for the processor of ``demo-qwen2.5-vl``."""
    vision = {"depth": 2, "embed_dim": 64, "hidden_size": 96, "num_heads": 4, "mlp_ratio": 2}
    return _built("Qwen2VL", demo, text={}, vision=vision)


def qwen2_5_vl_with_sliding_windows(demo):
    """Qwen2.5-VL, its last two layers with a window of 64 tokens, for the processor of ``demo-qwen2.5-vl``."""
    text = {"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 2}
    vision = {"fullatt_block_indexes": [1], "tokens_per_second": 2}
    return _built("Qwen2_5_VL", demo, text=text, vision=_VISION | vision)


def qwen3_vl_moe(demo):
    """Qwen3-VL with experts, for the processor of ``demo``."""
    text = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 64}
    vision = _VISION | _VISION_3 | {"deepstack_visual_indexes": [0]}
    return _built("Qwen3VLMoe", demo, text=text, vision=vision)


def qwen3_5(demo):
    """Qwen3.5, every other layer with linear attention, for the processor of ``demo``."""
    heads = {"linear_num_key_heads": 2, "linear_num_value_heads": 4}
    sizes = {"linear_key_head_dim": 24, "linear_value_head_dim": 24}
    layers = {"layer_types": ["linear_attention", "full_attention"] * 2}
    return _built("Qwen3_5", demo, text=heads | sizes | layers, vision=_VISION | _VISION_3)


def text_model(name, vocabulary, **text):
    """A language model without eyes: ``name`` is the family's, as its classes write it."""
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "head_dim": 16}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": vocabulary}
    config = getattr(transformers, f"{name}Config")(**sizes, **heads, **text)
    return _seeded(getattr(transformers, f"{name}ForCausalLM"), config)


_VISION = {"depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 4, "out_hidden_size": 96}
_VISION_3 = {"num_position_embeddings": 576, "patch_size": 16}
_TEXT = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "max_position_embeddings", "rope_parameters", "pad_token_id", "eos_token_id", "bos_token_id",
)  # fmt: skip
_MEDIA = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")


def _built(name, demo, *, text, vision):
    """Build a family's model with the measures and the media tokens of a demo's."""
    own = demo.config.text_config
    like_demo = {key: getattr(own, key) for key in _TEXT}
    if getattr(own, "head_dim", None):
        like_demo["head_dim"] = own.head_dim
    config = getattr(transformers, f"{name}Config")(
        text_config=like_demo | text,
        vision_config=vision,
        tie_word_embeddings=True,
        **{key: getattr(demo.config, key) for key in _MEDIA},
    )
    return _seeded(getattr(transformers, f"{name}ForConditionalGeneration"), config)


def _seeded(model_class, config, dtype=None):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        before = torch.get_default_dtype()
        torch.set_default_dtype(dtype or torch.float32)
        try:
            return model_class(config).eval()
        finally:
            torch.set_default_dtype(before)


def qwen3_vl_2b(processor, *, num_layers=28, vocab_size=151_936, width=2048, has_small_vision=False, **where):
    """Qwen3-VL-2B's own measures with random weights, or a slice of it, for the processor of ``demo``.

    Args:
        processor: names its media tokens.
        num_layers, vocab_size, width: what may be cut; heads keep their number and size.
        has_small_vision: give it the demo's vision tower in the place of 24 layers of width 1,024.
        **where: ``device`` and ``dtype``, a PyTorch type; the CPU and float32 unless given.

    Source: config.json of Qwen/Qwen3-VL-2B-Instruct.
    """
    tokenizer = processor.tokenizer
    names = ("<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>")
    media = dict(zip(_MEDIA, tokenizer.convert_tokens_to_ids(names), strict=True))
    rope = {
        "rope_type": "default",
        "rope_theta": 5e6,
        "mrope_section": [24, 20, 20],
        "mrope_interleaved": True,
    }
    text = {
        "vocab_size": vocab_size, "hidden_size": width, "intermediate_size": 3 * width, "head_dim": 128,
        "num_hidden_layers": num_layers, "num_attention_heads": 16, "num_key_value_heads": 8,
        "max_position_embeddings": 262_144, "rope_parameters": rope, "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    vision = {
        "depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "patch_size": 16,
        "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17],
    }  # fmt: skip
    if has_small_vision:
        vision = _VISION | _VISION_3 | {"deepstack_visual_indexes": [0]}
    config = transformers.Qwen3VLConfig(
        text_config=text, vision_config=vision | {"out_hidden_size": width}, tie_word_embeddings=True, **media
    )
    with torch.device(where.get("device", "cpu")):
        return _seeded(transformers.Qwen3VLForConditionalGeneration, config, where.get("dtype"))
