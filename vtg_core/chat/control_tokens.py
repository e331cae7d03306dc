"""Control tokens: the strings that a tokenizer reads as one id of its own, wherever they stand.

A person's text may hold such a string (``<|im_end|>``, ``<|video_pad|>``, ``<12>``). It must then reach the
model as the characters it is made of, never as the control token.
"""

import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from vtg_core.bounded_cache import BoundedCache
from vtg_core.errors import CheckpointError, MaskingError

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase, ProcessorMixin

T = TypeVar("T")
MAX_REMEMBERED = 8_000_000
"""Tokens or characters that are kept in what was made of a tokenizer's control tokens."""


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
    _remembered: BoundedCache[Any] = field(
        default_factory=lambda: BoundedCache(MAX_REMEMBERED, weigh=lambda value: 64 + len(value)),
        repr=False,
        compare=False,
    )

    def is_control(self, ids: np.ndarray) -> np.ndarray:
        """Return which of ``ids`` are control tokens; int64 in, bool of the same shape out."""
        found: np.ndarray = self._is_control_by_id[np.minimum(ids, len(self._is_control_by_id) - 1)]
        return found

    @cached_property
    def _is_control_by_id(self) -> np.ndarray:
        by_id = np.zeros(max(self.ids.values(), default=0) + 2, dtype=bool)
        by_id[list(self.ids.values())] = True
        return by_id

    @cached_property
    def apart(self) -> frozenset[str]:
        """The control tokens that are no part of another: no other one can begin before such a one and swallow it."""
        joined = "\0".join(self.ids)
        return frozenset(token for token in self.ids if joined.count(token) == 1)

    def remember(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return what ``compute`` returned for ``key`` before: these tokens last as long as the vocabulary.

        Values have a length; long ago used ones are forgotten.
        """
        remembered: T = self._remembered.get(key, compute)
        return remembered

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
    controls: ControlTokens = _cached(_CONTROL_TOKENS, tokenizer, _read_control_tokens)
    return controls


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """A tokenizer and its control tokens, as they were when this was made."""

    tokenizer: "PreTrainedTokenizerBase"
    controls: ControlTokens

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase") -> "Vocabulary":
        return cls(tokenizer, control_tokens(tokenizer))


def placeholder_ids(processor: "ProcessorMixin") -> frozenset[int]:
    """Return the ids that stand for pixels and sound: the processor's placeholders of videos, images and sounds.

    They alone may be folded where a sequence is shown: every other token, repeated or not, is something that is read.
    """
    ids = control_tokens(processor.tokenizer).ids
    names = (getattr(processor, f"{medium}_token", None) for medium in ("video", "image", "audio"))
    found = {ids[name] for name in names if name in ids}
    if ids.get(MOLMO_PATCH) in (getattr(processor, "image_token_ids", None) or ()):
        found.add(ids[MOLMO_PATCH])
    return frozenset(found)


MOLMO_PATCH = "<im_patch>"
"""What Molmo's processor writes in the place of a video; the token that it names is in the chat template alone."""


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
    return ControlTokens(ids, re.compile(_any_of(ids) or "(?!)"))


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern for the longest of ``words`` that stands somewhere; it reads no character for each of them anew."""
    branches = []
    for _, group in groupby(sorted(words), key=itemgetter(0)):
        alike = list(group)
        shared = _shared_start(alike[0], alike[-1])
        longer = [word[len(shared) :] for word in alike if word != shared]
        rest = f"(?:{_any_of(longer)})" if longer else ""
        branches.append(re.escape(shared) + rest + ("?" if rest and shared in alike else ""))
    return "|".join(branches)


def _shared_start(first: str, last: str) -> str:
    """Return what both begin with; for the first and the last of sorted words, what all of them begin with."""
    return first[: next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def _without_added_tokens(tokenizer: "PreTrainedTokenizerBase") -> "Tokenizer":
    from tokenizers import Tokenizer

    if not tokenizer.is_fast:
        raise CheckpointError(
            "the checkpoint must have a fast tokenizer, got a slow one; convert it to tokenizer.json"
        )
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"].isspace()]
    state["post_processor"] = state["truncation"] = state["padding"] = None
    words = state["pre_tokenizer"] or {}
    if (
        words.get("prepend_scheme") == "first"
    ):  # such a text stands behind a control token, and is not the first
        words["prepend_scheme"] = "never"
    return Tokenizer.from_str(json.dumps(state))
