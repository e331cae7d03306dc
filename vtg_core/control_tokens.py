"""Control tokens: the strings that a tokenizer reads as one id of its own, wherever they stand.

A person's text may hold such a string (``<|im_end|>``, ``<|video_pad|>``, ``<12>``). It must then reach the
model as the characters it is made of, never as the control token.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from vtg_core.errors import CheckpointError, MaskingError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class ControlTokens:
    """The control tokens of one tokenizer.

    Attributes:
        ids: from string to id; every added token except white space, which templates write as ordinary text, and
            single bytes (``<0xE2>``), which tokenizers make of characters that they do not know.
        pattern: matches any of them, the longest first, as the tokenizer does.
    """

    ids: dict[str, int]
    pattern: re.Pattern[str]

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where control tokens stand in ``text``, as half-open ranges of characters."""
        return (match.span() for match in self.pattern.finditer(text))

    def first_in(self, text: str) -> int | None:
        """Return where the control token ends that ``text`` begins with, white space aside; None without one."""
        skipped = len(text) - len(text.lstrip())
        match = self.pattern.match(text, skipped)
        return match.end() if match else None


def control_tokens(tokenizer: "PreTrainedTokenizerBase") -> ControlTokens:
    """Return the tokenizer's control tokens; computed once for as long as its vocabulary stays the same."""
    return _cached(_CONTROL_TOKENS, tokenizer, _read_control_tokens)


def encode_as_text(
    tokenizer: "PreTrainedTokenizerBase", text: str
) -> tuple[list[int], list[tuple[int, int]]]:
    """Encode ``text`` as plain text, no control token recognised in it.

    Returns:
        The ids, and for each the half-open range of characters of ``text`` it stands for.

    Raises:
        MaskingError: the tokenizer makes a control token even of plain text.
    """
    encoding = _cached(_PLAIN_TOKENIZERS, tokenizer, _without_added_tokens).encode(
        text, add_special_tokens=False
    )
    if made := set(control_tokens(tokenizer).ids.values()).intersection(encoding.ids):
        raise MaskingError(
            f"a control token in a person's text must be encodable as plain text, and this tokenizer makes "
            f"{tokenizer.convert_ids_to_tokens(min(made))!r} of it; remove it from the text"
        )
    return encoding.ids, encoding.offsets


_Cache = WeakKeyDictionary["PreTrainedTokenizerBase", tuple[int, Any]]
_CONTROL_TOKENS: _Cache = WeakKeyDictionary()
_PLAIN_TOKENIZERS: _Cache = WeakKeyDictionary()


def _cached(cache: _Cache, tokenizer: "PreTrainedTokenizerBase", compute: Callable[[Any], Any]) -> Any:
    """Compute once per tokenizer and size of its vocabulary: tokens may be added to it later."""
    size = len(tokenizer)
    if tokenizer not in cache or cache[tokenizer][0] != size:
        cache[tokenizer] = (size, compute(tokenizer))
    return cache[tokenizer][1]


_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")


def _read_control_tokens(tokenizer: "PreTrainedTokenizerBase") -> ControlTokens:
    ids = {
        token: index
        for token, index in tokenizer.added_tokens_encoder.items()
        if token and not token.isspace() and not _BYTE.fullmatch(token)
    }
    longest_first = sorted(ids, key=len, reverse=True)
    return ControlTokens(ids, re.compile("|".join(map(re.escape, longest_first)) or "(?!)"))


def _without_added_tokens(tokenizer: "PreTrainedTokenizerBase") -> "Tokenizer":
    from tokenizers import Tokenizer

    if not tokenizer.is_fast:
        raise CheckpointError(
            "the checkpoint must have a fast tokenizer, got a slow one; convert it to tokenizer.json"
        )
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"].isspace()]
    state["post_processor"] = state["truncation"] = state["padding"] = None
    return Tokenizer.from_str(json.dumps(state))
