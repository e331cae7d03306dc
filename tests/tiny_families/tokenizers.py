"""Tokenizers of each kind, trained on the demo's sentences: byte-level as Qwen's and Llama 3's, and sentencepiece."""

import json
from functools import cache

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import GemmaTokenizer, LlamaTokenizer, PreTrainedTokenizerFast, Qwen2Tokenizer

from vtg_core.demo.corpus import sentences

MAX_LENGTH = 131_072
QWEN = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>",
    "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
QWEN_WORDS = ("<tool_call>", "</tool_call>", "<think>", "</think>")


def qwen(*more, tokens=QWEN, words=QWEN_WORDS, **named):
    """Qwen's: digits stand alone; ``named`` are attributes of the tokenizer, each a token of ``more``."""
    vocab, merges = _qwen_merges()
    given = {"extra_special_tokens": named} if named else {}
    tokenizer = Qwen2Tokenizer(
        vocab=vocab, merges=merges, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=MAX_LENGTH, **given
    )  # fmt: skip
    return _with(tokenizer, (*tokens, *more), words)


def byte_level(tokens, *, eos, pad, bos=None, words=(), adds_bos=False, digits=r"\p{N}{1,3}", **named):
    """Llama 3's, GLM's and SmolLM's: digits in groups, or alone where ``digits`` says so."""
    backend = Tokenizer.from_str(_byte_level_merges(digits))
    if adds_bos:
        backend.add_special_tokens(_special(tokens))
        opened = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, backend.token_to_id(bos))]
        )
        backend.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), opened])
    given = {"extra_special_tokens": named} if named else {}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token=eos, pad_token=pad, bos_token=bos, model_max_length=MAX_LENGTH,
        clean_up_tokenization_spaces=False, **given,
    )  # fmt: skip
    return _with(tokenizer, tokens, words)


def gemma(tokens, **named):
    """Gemma's: a space is a letter, and what is unknown is written byte by byte."""
    vocab, merges = _gemma_merges()
    tokenizer = GemmaTokenizer(
        vocab=vocab, merges=merges, model_max_length=MAX_LENGTH, extra_special_tokens=named
    )
    return _with(tokenizer, (*named.values(), *tokens), ())


def llama(tokens, *, bos="<s>", eos="</s>", pad="<unk>", **named):
    """Llama 2's: a space before each word is a letter of it, and so is one before the first."""
    vocab, merges = _llama_merges(bos, eos)
    tokenizer = LlamaTokenizer(
        vocab=vocab, merges=merges, bos_token=bos, eos_token=eos, pad_token=pad, model_max_length=MAX_LENGTH,
        extra_special_tokens=named, add_bos_token=True,
    )  # fmt: skip
    return _with(tokenizer, (*named.values(), *tokens), ())


def _with(tokenizer, tokens, words):
    tokenizer.add_tokens(_special(tokens))
    tokenizer.add_tokens([AddedToken(word, special=False, normalized=False) for word in words])
    return tokenizer


def _special(tokens):
    return [AddedToken(token, special=True, normalized=False) for token in tokens]


def _corpus():
    """Sentences, and what makes merges of white space and of a colon, as large vocabularies have them."""
    return [
        *sentences(),
        *(["a\n\nb", "\n\n", "x\n\n\ny", "user\n", "Assistant: [8.0", "0.5 seconds", "Frame1: "] * 40),
    ]


@cache
def _qwen_merges():
    backend = Qwen2Tokenizer().backend_tokenizer
    backend.train_from_iterator(_corpus(), _byte_level_trainer())
    return _vocabulary(backend)


@cache
def _byte_level_merges(digits):
    words = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
        + digits
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(_corpus(), _byte_level_trainer())
    return backend.to_str()


def _byte_level_trainer():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return trainers.BpeTrainer(vocab_size=1_200, initial_alphabet=alphabet, show_progress=False)


@cache
def _gemma_merges():
    backend = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend.train_from_iterator(
        _corpus(), trainers.BpeTrainer(vocab_size=1_500, special_tokens=special, show_progress=False)
    )
    return _vocabulary(backend)


@cache
def _llama_merges(bos, eos):
    backend = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    special = ["<unk>", bos, eos, *(f"<0x{byte:02X}>" for byte in range(256))]
    backend.train_from_iterator(
        _corpus(), trainers.BpeTrainer(vocab_size=1_500, special_tokens=special, show_progress=False)
    )
    return _vocabulary(backend)


def _vocabulary(backend):
    model = json.loads(backend.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]
