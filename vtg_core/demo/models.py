"""The demo checkpoints: genuine processors and tiny models, built on this machine in seconds.

Nothing is downloaded. A byte-level BPE is trained on :mod:`vtg_core.demo.corpus`, the classes are transformers' own,
and the weights (about a million) come from a fixed seed; those of ``demo`` have then been trained by
``python -m vtg_core.demo_training`` and lie in ``assets``. What is built is a checkpoint folder like any other, kept in
the user's cache directory.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.data.answers import TEMPORAL_TOKEN_ANSWER
from vtg_core.demo.corpus import sentences
from vtg_core.errors import CheckpointError
from vtg_core.files.assets import asset_folder

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase, ProcessorMixin

SEED = 20_261
BASE_VOCABULARY = 1_500
"""At most so many byte-level BPE tokens stand before the control tokens; the corpus gives fewer."""

# Names and order as in Qwen's tokenizers, so that a mask seen on the demo reads like one seen on the real thing.
SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
ADDED_TEXT_TOKENS = ("<tool_call>", "</tool_call>", "<think>", "</think>")

_CHAT_TEMPLATE = """
{%- macro write(content) -%}
  {%- if content is string -%}{{- content -}}
  {%- else -%}
    {%- for part in content -%}
      {%- if part.type == 'video' -%}<|vision_start|><|video_pad|><|vision_end|>
      {%- elif part.type == 'image' -%}<|vision_start|><|image_pad|><|vision_end|>
      {%- else -%}{{- part.text -}}{%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}
DEFAULT_SYSTEM
{%- for message in messages -%}
  {{- '<|im_start|>' + message.role + '\\n' + write(message.content) + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""

_DEFAULT_SYSTEM = """
{%- if messages[0].role != 'system' -%}
  {{- '<|im_start|>system\\nYou watch videos and say when something happens.<|im_end|>\\n' -}}
{%- endif -%}
"""


@dataclass(frozen=True)
class DemoModel:
    """One demo checkpoint.

    Attributes:
        name: what ``--checkpoint`` calls it.
        build: writes the checkpoint into an empty folder.
        weights: a safetensors file whose weights take the place of the random ones.
    """

    name: str
    build: Callable[[Path], None]
    weights: Path | None = None


def demo_folder(name: str) -> Path:
    """Return the folder of the demo checkpoint ``name``, building it first where the cache has none.

    The folder's name carries a digest of all that shapes it (this file, the corpus, the trained weights, the
    transformers version), so an outdated one is never read. Two processes may build at once: each writes a folder of
    its own, and the first to finish gives it its name.

    Raises:
        CheckpointError: its trained weights are not there, or belong to another tokenizer.
    """
    import platformdirs

    root = Path(platformdirs.user_cache_dir("vtg-lens"))
    model = DEMO_MODELS[name]
    digest = _digest(model.weights)
    folder = root / f"{name}-{digest}"
    if not folder.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{name}-") as scratch:
            model.build(Path(scratch) / "checkpoint")
            if model.weights is not None:
                _put_weights(model.weights, Path(scratch) / "checkpoint")
            with contextlib.suppress(OSError):  # another process was first
                os.rename(Path(scratch) / "checkpoint", folder)
        for outdated in root.glob(f"{name}-" + "?" * len(digest)):
            if outdated != folder:
                shutil.rmtree(outdated, ignore_errors=True)
    return folder


def _digest(weights: Path | None) -> str:
    from importlib.metadata import version

    parts = [Path(__file__).read_bytes(), "\n".join(sentences()).encode(), version("transformers").encode()]
    if weights is not None:
        parts.append(_digest_of(weights, _check_there(weights).st_mtime_ns).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


@lru_cache(maxsize=4)
def _digest_of(path: Path, _changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_there(weights: Path) -> os.stat_result:
    try:
        return weights.stat()
    except OSError:
        raise CheckpointError(
            f"the demo's trained weights must lie at {weights}, and there is no such file; get it back from the "
            "repository, train it anew (python -m vtg_core.demo_training), or take --checkpoint demo-untrained"
        ) from None


TOKENIZER_KEY = "tokenizer"


def tokenizer_digest(folder: Path) -> str:
    """Return what tells the tokenizer of a checkpoint folder from another: weights belong to one.

    It is made of the tokens and their ids alone: how a tokenizer is written as JSON differs between versions of
    ``tokenizers``, and such a difference must not part the demo from its weights.
    """
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    ids = content["model"]["vocab"] | {token["content"]: token["id"] for token in content["added_tokens"]}
    return hashlib.sha256(json.dumps(sorted(ids.items())).encode()).hexdigest()


def _put_weights(weights: Path, folder: Path) -> None:
    from safetensors import safe_open

    with safe_open(weights, framework="pt") as opened:
        trained_with = (opened.metadata() or {}).get(TOKENIZER_KEY)
    if trained_with != tokenizer_digest(folder):
        raise CheckpointError(
            f"the demo's trained weights ({weights.name}) must belong to the tokenizer that is built here, and belong to "
            "another; train them anew (python -m vtg_core.demo_training), or take --checkpoint demo-untrained"
        )
    shutil.copyfile(weights, folder / "model.safetensors")


def _build_qwen3_vl(folder: Path) -> None:
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    tokenizer = _train_tokenizer()
    processor = Qwen3VLProcessor(
        Qwen2VLImageProcessor(patch_size=16, merge_size=2, temporal_patch_size=2),
        tokenizer,
        Qwen3VLVideoProcessor(
            size={"shortest_edge": 4_096, "longest_edge": 25_165_824}, cap_pixels_per_frame=False
        ),
        chat_template=_CHAT_TEMPLATE.replace("DEFAULT_SYSTEM", "").strip(),
    )
    config = Qwen3VLConfig(
        text_config=_text_config(tokenizer, head_dim=24, mrope_section=[4, 4, 4], mrope_interleaved=True),
        vision_config={
            "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 4, "out_hidden_size": 96,
            "num_position_embeddings": 576, "deepstack_visual_indexes": [0], "patch_size": 16,
        },
        tie_word_embeddings=True,
        **_media_token_ids(tokenizer),
    )  # fmt: skip
    _save(folder, processor, config, Qwen3VLForConditionalGeneration)


def _build_qwen2_5_vl(folder: Path) -> None:
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2_5_VLProcessor,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = _train_tokenizer()
    processor = Qwen2_5_VLProcessor(
        Qwen2VLImageProcessor(),
        tokenizer,
        Qwen2VLVideoProcessor(cap_pixels_per_frame=False),
        chat_template=_CHAT_TEMPLATE.replace("DEFAULT_SYSTEM", _DEFAULT_SYSTEM.strip()).strip(),
    )
    config = Qwen2_5_VLConfig(
        text_config=_text_config(tokenizer, mrope_section=[4, 4, 4]),
        vision_config={
            "depth": 2, "hidden_size": 64, "intermediate_size": 128, "num_heads": 4, "out_hidden_size": 96,
            "fullatt_block_indexes": [1], "tokens_per_second": 2,
        },
        tie_word_embeddings=True,
        **_media_token_ids(tokenizer),
    )  # fmt: skip
    _save(folder, processor, config, Qwen2_5_VLForConditionalGeneration)


def _train_tokenizer() -> "PreTrainedTokenizerBase":
    from tokenizers import AddedToken, trainers
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    untrained = Qwen2Tokenizer()
    backend = untrained.backend_tokenizer  # Qwen's own normalizer and pre-tokenizer: digits stand alone
    trainer = trainers.BpeTrainer(
        vocab_size=BASE_VOCABULARY, initial_alphabet=sorted(ByteLevel.alphabet()), show_progress=False
    )
    backend.train_from_iterator(sentences(), trainer)
    vocab, merges = _vocabulary(backend)
    tokenizer = Qwen2Tokenizer(
        vocab=vocab,
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=131_072,
    )
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in ADDED_TEXT_TOKENS])
    time_tokens = [token for token in TEMPORAL_TOKEN_ANSWER.tokens if token not in SPECIAL_TOKENS]
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in time_tokens])
    return tokenizer


def _vocabulary(backend: Any) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the trained vocabulary and merges, without the tokens that were added to it."""
    import json

    model = json.loads(backend.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def _text_config(tokenizer: "PreTrainedTokenizerBase", **rope_and_head: Any) -> dict[str, Any]:
    head = {key: rope_and_head.pop(key) for key in ("head_dim",) if key in rope_and_head}
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 96,
        "intermediate_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 131_072,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": tokenizer.convert_tokens_to_ids("<|im_end|>"),
        "pad_token_id": tokenizer.pad_token_id,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5_000_000.0, **rope_and_head},
        **head,
    }


def _media_token_ids(tokenizer: "PreTrainedTokenizerBase") -> dict[str, int]:
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    return {key: tokenizer.convert_tokens_to_ids(token) for key, token in names.items()}


def _save(folder: Path, processor: "ProcessorMixin", config: "PreTrainedConfig", model_class: type) -> None:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = model_class(config)
    model.generation_config.eos_token_id = [
        processor.tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "<|endoftext|>")
    ]
    model.generation_config.pad_token_id = processor.tokenizer.pad_token_id
    processor.save_pretrained(folder)
    model.save_pretrained(folder)


TRAINED_WEIGHTS = asset_folder() / "demo.safetensors"

DEMO_MODELS = {
    model.name: model
    for model in (
        DemoModel("demo", _build_qwen3_vl, TRAINED_WEIGHTS),
        DemoModel("demo-untrained", _build_qwen3_vl),
        DemoModel("demo-qwen2.5-vl", _build_qwen2_5_vl),
    )
}
