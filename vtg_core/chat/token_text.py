"""A single token as text that a person can read."""

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


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
    text: str = tokenizer.decode([token_id], skip_special_tokens=False, clean_up_tokenization_spaces=False)
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
