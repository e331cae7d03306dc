"""Tiny checkpoint folders of the families whose processors take video: transformers' own classes, random weights.

Each is a megabyte or two and is built in a second or two. What a family's processor writes for a video is its own
code's; the chat templates are ours, in its form.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as tf

from tests.tiny_families import chat_templates, tokenizers

SIZE = 112
"""Pixels along each side of a frame, where a family wants squares of one size."""


def write_folder(build: Callable[[], tuple[Any, Any, type, list[str]]], folder: Path) -> Path:
    """Write a family's checkpoint into ``folder``, far from uniform: a wrong mask or position costs nats.

    Args:
        build: returns its processor, config, model class and the tokens at which it stops.
        folder: is there.
    """
    processor, config, model_class, stops = build()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = model_class(config)
        model.get_input_embeddings().weight.mul_(10)
        for name, weight in model.named_parameters():
            if "vision" not in name and name.endswith(("o_proj.weight", "q_norm.weight")):
                weight.mul_(10)
    tokenizer = processor.tokenizer
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(stops)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    processor.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


_STOPS = ["<|im_end|>", "<|endoftext|>"]
_ROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]}
_QWEN_VISION = {
    "depth": 2,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_heads": 4,
    "out_hidden_size": 64,
}
_QWEN3_VISION = _QWEN_VISION | {"num_position_embeddings": 576, "patch_size": 16}
_VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
_AUDIO = {
    "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32, "d_model": 32, "output_dim": 64
}  # fmt: skip
_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
_SQUARE = {"height": SIZE, "width": SIZE}


def _text(tokenizer, **more):
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")}
    return {
        "vocab_size": len(tokenizer),
        "num_key_value_heads": 2,
        "max_position_embeddings": tokenizers.MAX_LENGTH,
        **sizes,
        **ids,
        **more,
    }


def _ids(tokenizer, **tokens):
    return {name: tokenizer.convert_tokens_to_ids(token) for name, token in tokens.items()}


def _qwen_media(tokenizer):
    return _ids(
        tokenizer,
        image_token_id="<|image_pad|>",
        video_token_id="<|video_pad|>",
        vision_start_token_id="<|vision_start|>",
        vision_end_token_id="<|vision_end|>",
    )


def _qwen2_processor(processor_class, tokenizer):
    return processor_class(
        tf.Qwen2VLImageProcessor(),
        tokenizer,
        tf.Qwen2VLVideoProcessor(),
        chat_template=chat_templates.QWEN2_VL,
    )


def _qwen2_vl():
    tokenizer = tokenizers.qwen()
    vision = {"depth": 2, "embed_dim": 64, "hidden_size": 64, "num_heads": 4, "mlp_ratio": 2}
    text = _text(tokenizer, rope_parameters=_ROPE)
    config = tf.Qwen2VLConfig(text_config=text, vision_config=vision, **_qwen_media(tokenizer))
    processor = _qwen2_processor(tf.Qwen2VLProcessor, tokenizer)
    return processor, config, tf.Qwen2VLForConditionalGeneration, _STOPS


def _qwen2_5_vl():
    tokenizer = tokenizers.qwen()
    vision = _QWEN_VISION | {"fullatt_block_indexes": [1], "tokens_per_second": 2}
    text = _text(tokenizer, rope_parameters=_ROPE)
    config = tf.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **_qwen_media(tokenizer))
    processor = _qwen2_processor(tf.Qwen2_5_VLProcessor, tokenizer)
    return processor, config, tf.Qwen2_5_VLForConditionalGeneration, _STOPS


def _qwen3_processor(tokenizer, chat_template):
    images = tf.Qwen2VLImageProcessor(patch_size=16)
    return tf.Qwen3VLProcessor(images, tokenizer, tf.Qwen3VLVideoProcessor(), chat_template=chat_template)


def _qwen3_text(tokenizer, **more):
    return _text(tokenizer, head_dim=16, rope_parameters=_ROPE | {"mrope_interleaved": True}, **more)


def qwen3_vl(tokenizer=None):
    """Qwen3-VL, of a tokenizer that has its tokens; of :func:`tokenizers.qwen` unless given."""
    tokenizer = tokenizer or tokenizers.qwen()
    config = tf.Qwen3VLConfig(
        text_config=_qwen3_text(tokenizer),
        vision_config=_QWEN3_VISION | {"deepstack_visual_indexes": [0]},
        **_qwen_media(tokenizer),
    )
    processor = _qwen3_processor(tokenizer, chat_templates.QWEN3_VL)
    return processor, config, tf.Qwen3VLForConditionalGeneration, _STOPS


def _qwen3_5(chat_template):
    tokenizer = tokenizers.qwen()
    linear = {
        "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16,
        "linear_value_head_dim": 16, "layer_types": ["linear_attention", "full_attention"],
    }  # fmt: skip
    config = tf.Qwen3_5Config(
        text_config=_qwen3_text(tokenizer, **linear), vision_config=_QWEN3_VISION, **_qwen_media(tokenizer)
    )
    return _qwen3_processor(tokenizer, chat_template), config, tf.Qwen3_5ForConditionalGeneration, _STOPS


def _internvl():
    named = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = tokenizers.qwen(*named.values(), **named)
    processor = tf.InternVLProcessor(
        tf.GotOcr2ImageProcessor(size=_SQUARE),
        tokenizer,
        tf.InternVLVideoProcessor(size=_SQUARE),
        image_seq_length=16,
        chat_template=chat_templates.INTERNVL,
    )
    config = tf.InternVLConfig(
        text_config=_text(tokenizer, model_type="qwen2"),
        vision_config=_VISION | {"image_size": (SIZE, SIZE), "patch_size": (14, 14)},
        image_seq_length=16,
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
    )
    return processor, config, tf.InternVLForConditionalGeneration, _STOPS


def _llava_onevision():
    tokens = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>", "<video>")
    tokenizer = tokenizers.qwen(tokens=tokens, words=())
    processor = tf.LlavaOnevisionProcessor(
        image_processor=tf.LlavaOnevisionImageProcessor(size=_SQUARE),
        tokenizer=tokenizer,
        video_processor=tf.LlavaOnevisionVideoProcessor(size=_SQUARE),
        num_image_tokens=64,
        vision_feature_select_strategy="full",
        chat_template=chat_templates.LLAVA_ONEVISION,
    )
    siglip = {
        "model_type": "siglip_vision_model",
        "image_size": SIZE,
        "patch_size": 14,
        "vision_use_head": False,
    }
    config = tf.LlavaOnevisionConfig(
        text_config=_text(tokenizer, model_type="qwen2"),
        vision_config=_VISION | siglip,
        **_ids(tokenizer, image_token_index="<image>", video_token_index="<video>"),
    )
    return processor, config, tf.LlavaOnevisionForConditionalGeneration, _STOPS


def _smolvlm():
    named = {
        "image_token": "<image>",
        "fake_image_token": "<fake_token_around_image>",
        "global_image_token": "<global-img>",
        "end_of_utterance_token": "<end_of_utterance>",
    }
    tokenizer = tokenizers.byte_level(
        ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *named.values()),
        eos="<end_of_utterance>", pad="<|im_end|>", bos="<|im_start|>", digits=r"\p{N}", **named,
    )  # fmt: skip
    size = {"size": {"longest_edge": SIZE}, "max_image_size": {"longest_edge": SIZE}}
    processor = tf.SmolVLMProcessor(
        image_processor=tf.SmolVLMImageProcessor(**size),
        tokenizer=tokenizer,
        video_processor=tf.SmolVLMVideoProcessor(**size),
        image_seq_len=16,
        chat_template=chat_templates.SMOLVLM,
    )
    config = tf.SmolVLMConfig(
        text_config=_text(tokenizer, model_type="llama"),
        vision_config=_VISION | {"image_size": SIZE, "patch_size": 14},
        scale_factor=2,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return processor, config, tf.SmolVLMForConditionalGeneration, ["<end_of_utterance>"]


def _gemma4():
    named = {
        "image_token": "<|image|>", "boi_token": "<|image>", "eoi_token": "<image|>", "audio_token": "<|audio|>",
        "boa_token": "<|audio>", "eoa_token": "<audio|>", "sot_token": "<|turn>", "eot_token": "<turn|>",
    }  # fmt: skip
    tokenizer = tokenizers.gemma(("<|video|>", "<|channel>", "<channel|>", "<|think|>"), **named)
    processor = tf.Gemma4Processor(
        feature_extractor=tf.Gemma4AudioFeatureExtractor(),
        image_processor=tf.Gemma4ImageProcessor(),
        tokenizer=tokenizer,
        video_processor=tf.Gemma4VideoProcessor(),
        chat_template=chat_templates.GEMMA4,
    )
    text = _text(
        tokenizer, head_dim=16, global_head_dim=16, layer_types=["sliding_attention", "full_attention"],
        sliding_window=32, vocab_size_per_layer_input=len(tokenizer), hidden_size_per_layer_input=16,
    )  # fmt: skip
    media = _ids(
        tokenizer, boi_token_id="<|image>", eoi_token_id="<image|>", image_token_id="<|image|>",
        video_token_id="<|video|>", audio_token_id="<|audio|>", boa_token_id="<|audio>", eoa_token_index="<audio|>",
    )  # fmt: skip
    vision = _VISION | {"num_key_value_heads": 2, "head_dim": 16}
    config = tf.Gemma4Config(text_config=text, vision_config=vision, audio_config=None, **media)
    return processor, config, tf.Gemma4ForConditionalGeneration, ["<eos>", "<turn|>"]


def _perception_lm():
    tokens = (
        "<|begin_of_text|>", "<|end_of_text|>", "<|image|>", "<|video|>", "<|start_header_id|>", "<|end_header_id|>",
        "<|eot_id|>",
    )  # fmt: skip
    tokenizer = tokenizers.byte_level(
        tokens, eos="<|eot_id|>", pad="<|end_of_text|>", bos="<|begin_of_text|>", adds_bos=True,
        image_token="<|image|>", video_token="<|video|>",
    )  # fmt: skip
    processor = tf.PerceptionLMProcessor(
        video_processor=tf.PerceptionLMVideoProcessor(size=_SQUARE),
        image_processor=tf.PerceptionLMImageProcessor(tile_size=SIZE),
        tokenizer=tokenizer,
        patch_size=14,
        pooling_ratio=2,
        chat_template=chat_templates.PERCEPTION_LM,
    )
    # Its own vision tower comes from timm; any other that has a class token takes its place.
    vision = _VISION | {"model_type": "clip_vision_model", "image_size": SIZE, "patch_size": 14}
    config = tf.PerceptionLMConfig(
        text_config=_text(tokenizer, model_type="llama"),
        vision_config=vision | {"embed_dim": 32, "model_args": {"embed_dim": 32}},
        projector_pooling_ratio=2,
        **_ids(tokenizer, image_token_id="<|image|>", video_token_id="<|video|>"),
    )
    return processor, config, tf.PerceptionLMForConditionalGeneration, ["<|eot_id|>", "<|end_of_text|>"]


def _video_llama_3():
    tokenizer = tokenizers.qwen(image_token="<|image_pad|>", video_token="<|video_pad|>")
    size = {"shortest_edge": 4_096, "longest_edge": 56 * 56 * 64}
    processor = tf.VideoLlama3Processor(
        image_processor=tf.VideoLlama3ImageProcessor(),
        tokenizer=tokenizer,
        video_processor=tf.VideoLlama3VideoProcessor(size=size),
        chat_template=chat_templates.VIDEO_LLAMA_3,
    )
    config = tf.VideoLlama3Config(
        text_config=_text(tokenizer, model_type="qwen2"),
        vision_config=_VISION | {"patch_size": 14},
        **_ids(tokenizer, image_token_id="<|image_pad|>", video_token_id="<|video_pad|>"),
    )
    return processor, config, tf.VideoLlama3ForConditionalGeneration, _STOPS


def _qwen3_omni():
    named = {
        "image_token": "<|image_pad|>", "audio_token": "<|audio_pad|>", "video_token": "<|video_pad|>",
        "vision_bos_token": "<|vision_start|>", "vision_eos_token": "<|vision_end|>",
        "audio_bos_token": "<|audio_start|>", "audio_eos_token": "<|audio_end|>",
    }  # fmt: skip
    tokenizer = tokenizers.qwen("<|audio_start|>", "<|audio_end|>", "<|audio_pad|>", **named)
    processor = tf.Qwen3OmniMoeProcessor(
        tf.Qwen2VLImageProcessor(patch_size=16),
        tf.Qwen2VLVideoProcessor(patch_size=16),
        tf.WhisperFeatureExtractor(feature_size=128),
        tokenizer,
        chat_template=chat_templates.QWEN3_VL,
    )
    audio = _AUDIO | {"downsample_hidden_size": 16}
    config = tf.Qwen3OmniMoeThinkerConfig(
        text_config=_qwen3_text(tokenizer, **_EXPERTS),
        vision_config=_QWEN3_VISION | {"deepstack_visual_indexes": [0]},
        audio_config=audio,
        **_qwen_media(tokenizer),
        **_ids(tokenizer, audio_token_id="<|audio_pad|>", audio_start_token_id="<|audio_start|>"),
    )
    return processor, config, tf.Qwen3OmniMoeThinkerForConditionalGeneration, _STOPS


def _qwen2_5_omni():
    named = {
        "image_token": "<|IMAGE|>", "audio_token": "<|AUDIO|>", "video_token": "<|VIDEO|>",
        "vision_bos_token": "<|vision_bos|>", "vision_eos_token": "<|vision_eos|>",
        "audio_bos_token": "<|audio_bos|>", "audio_eos_token": "<|audio_eos|>",
    }  # fmt: skip
    tokenizer = tokenizers.qwen(*named.values(), **named)
    processor = tf.Qwen2_5OmniProcessor(
        tf.Qwen2VLImageProcessor(),
        tf.Qwen2VLVideoProcessor(),
        tf.WhisperFeatureExtractor(feature_size=128),
        tokenizer,
        chat_template=chat_templates.QWEN2_5_OMNI,
    )
    media = _ids(
        tokenizer, image_token_index="<|IMAGE|>", video_token_index="<|VIDEO|>", audio_token_index="<|AUDIO|>",
        audio_start_token_id="<|audio_bos|>", audio_end_token_id="<|audio_eos|>", vision_start_token_id="<|vision_bos|>",
    )  # fmt: skip
    config = tf.Qwen2_5OmniThinkerConfig(
        text_config=_text(tokenizer, rope_parameters=_ROPE),
        vision_config=_QWEN_VISION | {"fullatt_block_indexes": [1]},
        audio_config=_AUDIO,
        **media,
    )
    return processor, config, tf.Qwen2_5OmniThinkerForConditionalGeneration, _STOPS


def _glm4_5v():
    tokens = (
        "<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>", "<|assistant|>",
        "<|observation|>", "<|begin_of_image|>", "<|end_of_image|>", "<|begin_of_video|>", "<|end_of_video|>",
        "<|image|>", "<|video|>", "/nothink",
    )  # fmt: skip
    tokenizer = tokenizers.byte_level(
        tokens, eos="<|endoftext|>", pad="<|endoftext|>", words=("<think>", "</think>")
    )
    processor = tf.Glm4vProcessor(
        image_processor=tf.Glm4vImageProcessor(),
        tokenizer=tokenizer,
        video_processor=tf.Glm4vVideoProcessor(),
        chat_template=chat_templates.GLM4_5V,
    )
    experts = {
        "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_shared_experts": 1,
        "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
    }  # fmt: skip
    rope = _ROPE | {"partial_rotary_factor": 1.0}
    media = _ids(
        tokenizer, image_token_id="<|image|>", video_token_id="<|video|>", image_start_token_id="<|begin_of_image|>",
        image_end_token_id="<|end_of_image|>", video_start_token_id="<|begin_of_video|>",
        video_end_token_id="<|end_of_video|>",
    )  # fmt: skip
    config = tf.Glm4vMoeConfig(
        text_config=_text(tokenizer, head_dim=16, rope_parameters=rope, **experts),
        vision_config=_QWEN_VISION | {"image_size": SIZE},
        **media,
    )
    stops = ["<|endoftext|>", "<|user|>", "<|observation|>"]
    return processor, config, tf.Glm4vMoeForConditionalGeneration, stops


BUILDERS = {
    "qwen2_vl": _qwen2_vl,
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
    "qwen3_5": lambda: _qwen3_5(chat_templates.QWEN3_5_THINKING),
    "qwen3_5_without": lambda: _qwen3_5(chat_templates.QWEN3_5_WITHOUT),
    "internvl": _internvl,
    "llava_onevision": _llava_onevision,
    "smolvlm": _smolvlm,
    "gemma4": _gemma4,
    "perception_lm": _perception_lm,
    "video_llama_3": _video_llama_3,
    "qwen2_5_omni": _qwen2_5_omni,
    "qwen3_omni": _qwen3_omni,
    "glm4_5v": _glm4_5v,
}
"""By the name of the folder."""
