"""Tokens as text: a run of them as it stands in a longer one, and a single one as a person can read it."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from vtg_core.bounded_cache import kept_with

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def decode_run(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> str:
    """Return the text of a run of tokens from anywhere in a sequence, control tokens by their names.

    Llama's decoder drops the space that a text begins with; a run from the middle of one keeps it.

    Args:
        tokenizer: a fast one.
        ids: each below ``len(tokenizer)``.
    """
    anchor = _anchor(tokenizer)
    run = ids if anchor is None else [anchor, *ids]
    text: str = tokenizer.decode(run, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return text if anchor is None else text.removeprefix(tokenizer.convert_ids_to_tokens(anchor))


def encode_run(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    """Return the ids of a text as it stands behind a control token: Llama's tokenizer puts a space before a first word."""
    anchor = _anchor(tokenizer)
    if anchor is None:
        return list(tokenizer.encode(text, add_special_tokens=False))
    before = tokenizer.convert_ids_to_tokens(anchor)
    return list(tokenizer.encode(before + text, add_special_tokens=False))[1:]


@kept_with
def _anchor(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """Return a control token to put before a run, where the decoder drops a space at the start of what it decodes."""
    decoder = tokenizer.backend_tokenizer.decoder
    state = json.loads(decoder.__getstate__()) if decoder is not None else {}
    steps = state.get("decoders", [state])
    strips = any(step.get("type") == "Strip" and step.get("start", 0) for step in steps)
    return tokenizer.eos_token_id if strips else None


def token_text(tokenizer: "PreTrainedTokenizerBase", token_id: int) -> str:
    """Return the text of one token decoded alone, whatever its id.

    Args:
        tokenizer: a fast one.
        token_id: any whole number: labels are written by anyone, and a model may have more logits than its tokenizer
            has tokens.

    Returns:
        The text; bytes in hexadecimal, ``⟨E2 96⟩``, where the token is not whole characters; the id, ``⟨151700⟩``,
        where the tokenizer has no such token.
    """
    token: str | None = tokenizer.convert_ids_to_tokens(token_id) if 0 <= token_id < 2**32 else None
    if token is None:
        return f"⟨{token_id}⟩"
    text = decode_run(tokenizer, [token_id])
    if "\N{REPLACEMENT CHARACTER}" not in text:
        return text
    characters = _byte_characters()
    if not all(character in characters for character in token):
        return token
    return f"⟨{' '.join(f'{characters[character]:02X}' for character in token)}⟩"


@lru_cache(maxsize=1)
def _byte_characters() -> dict[str, int]:
    """Return which byte each character of a byte-level BPE token stands for.

    Source: GPT-2's byte-level BPE: printable Latin-1 characters stand for themselves, and the other bytes, in
    order, for the characters from U+0100 on.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}
