"""Families whose processors are further from Qwen's: roles as words, media tokens of their own, times in the pictures."""

import transformers as tf

from tests.tiny_families import chat_templates, tokenizers
from tests.tiny_families.folders import (
    _QWEN_VISION,
    _SQUARE,
    _STOPS,
    _VISION,
    BUILDERS,
    SIZE,
    _ids,
    _text,
)

_CLIP = _VISION | {"model_type": "clip_vision_model", "image_size": SIZE, "patch_size": 14}
_MEDIA = {"image_token": "<image>", "video_token": "<video>"}


def _llava_next_video():
    tokenizer = tokenizers.llama((), **_MEDIA)
    processor = tf.LlavaNextVideoProcessor(
        video_processor=tf.LlavaNextVideoVideoProcessor(size={"shortest_edge": SIZE}, crop_size=_SQUARE),
        image_processor=tf.LlavaNextImageProcessor(size={"shortest_edge": SIZE}, crop_size=_SQUARE),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_templates.VICUNA,
    )
    config = tf.LlavaNextVideoConfig(
        text_config=_text(tokenizer, model_type="llama"),
        vision_config=_CLIP,
        image_grid_pinpoints=[[SIZE, 2 * SIZE], [2 * SIZE, SIZE]],
        **_ids(tokenizer, image_token_index="<image>", video_token_index="<video>"),
    )
    return processor, config, tf.LlavaNextVideoForConditionalGeneration, ["</s>"]


def _video_llava():
    tokenizer = tokenizers.llama((), **_MEDIA)
    processor = tf.VideoLlavaProcessor(
        image_processor=tf.VideoLlavaImageProcessor(size={"shortest_edge": SIZE}, crop_size=_SQUARE),
        video_processor=tf.VideoLlavaVideoProcessor(size={"shortest_edge": SIZE}, crop_size=_SQUARE),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_templates.VICUNA,
    )
    config = tf.VideoLlavaConfig(
        text_config=_text(tokenizer, model_type="llama"),
        vision_config=_CLIP,
        **_ids(tokenizer, image_token_index="<image>", video_token_index="<video>"),
    )
    return processor, config, tf.VideoLlavaForConditionalGeneration, ["</s>"]


_MOLMO2_MEDIA = (
    "<im_start>", "<im_end>", "<im_patch>", "<im_col>", "<low_res_im_start>", "<frame_start>", "<frame_end>", "<im_low>",
    "<|image|>", "<|video|>",
)  # fmt: skip


def _molmo2():
    tokenizer = tokenizers.qwen(*_MOLMO2_MEDIA, tokens=("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    tokenizer.bos_token = "<|im_end|>"
    processor = tf.Molmo2Processor(
        image_processor=tf.Molmo2ImageProcessor(size=_SQUARE),
        video_processor=tf.Molmo2VideoProcessor(size=_SQUARE, patch_size=14, pooling_size=[2, 2]),
        tokenizer=tokenizer,
        chat_template=chat_templates.MOLMO2,
    )
    heads = {"num_key_value_heads": 2, "head_dim": 16}
    vision = _VISION | heads | {"image_size": [SIZE, SIZE], "patch_size": 14}
    adapter = {
        "vision_feature_layer": [-1, 0],
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    text = _text(
        tokenizer,
        head_dim=16,
        additional_vocab_size=0,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
    )
    media = _ids(
        tokenizer, image_start_token_id="<im_start>", low_res_image_start_token_id="<low_res_im_start>",
        image_end_token_id="<im_end>", image_patch_id="<im_patch>", frame_start_token_id="<frame_start>",
        frame_end_token_id="<frame_end>",
    )  # fmt: skip
    config = tf.Molmo2Config(
        text_config=text,
        vision_config=vision,
        adapter_config=adapter | heads | {"text_hidden_size": 64},
        **media,
    )
    return processor, config, tf.Molmo2ForConditionalGeneration, _STOPS


def _ernie4_5_vl():
    named = {
        "image_token": "<|IMAGE_PLACEHOLDER|>", "image_start_token": "<|IMAGE_START|>", "image_end_token": "<|IMAGE_END|>",
        "video_token": "<|VIDEO_PLACEHOLDER|>", "video_start_token": "<|VIDEO_START|>", "video_end_token": "<|VIDEO_END|>",
    }  # fmt: skip
    tokenizer = tokenizers.llama((), bos="<|begin_of_sentence|>", eos="<|end_of_sentence|>", **named)
    processor = tf.Ernie4_5_VLMoeProcessor(
        image_processor=tf.Ernie4_5_VLMoeImageProcessor(),
        tokenizer=tokenizer,
        video_processor=tf.Ernie4_5_VLMoeVideoProcessor(
            draw_on_frames=False, font="", size={"shortest_edge": 4_096, "longest_edge": 56 * 56 * 16}
        ),
        chat_template=chat_templates.ERNIE4_5_VL,
    )
    experts = {
        "moe_intermediate_size": [32, 32], "moe_k": 2, "moe_num_experts": 4, "moe_num_shared_experts": 1,
    }  # fmt: skip
    media = _ids(tokenizer, **{f"{name}_id": token for name, token in named.items()})
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [3, 3, 2]}
    config = tf.Ernie4_5_VLMoeConfig(
        text_config=_text(tokenizer, rope_parameters=rope, **experts),
        vision_config={key: value for key, value in _QWEN_VISION.items() if key != "out_hidden_size"},
        **media,
    )
    return processor, config, tf.Ernie4_5_VLMoeForConditionalGeneration, ["<|end_of_sentence|>"]


ALL_BUILDERS = BUILDERS | {
    "llava_next_video": _llava_next_video,
    "video_llava": _video_llava,
    "molmo2": _molmo2,
    "ernie4_5_vl": _ernie4_5_vl,
}
"""By the name of the folder."""
