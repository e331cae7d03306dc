"""Which languages are chosen among, and how often each."""

import hashlib
import math
import random
from collections.abc import Mapping, Sequence

from vtg_core.data.wording.languages import LANGUAGES
from vtg_core.errors import TemplateError

Languages = str | Sequence[str] | Mapping[str, float]
"""A language's code, several of them, or from each to its weight; a text may say so too: ``en,zh`` or ``en=3,zh=1``."""


def language_weights(given: Languages) -> dict[str, float]:
    """Return the languages with their weights, which sum to 1.

    Raises:
        TemplateError: there is none, one stands twice, or a weight is no number above 0.
    """
    if isinstance(given, str):
        given = [part.strip() for part in given.split(",")]
    pairs = list(given.items()) if isinstance(given, Mapping) else [_weighted(str(part)) for part in given]
    weights: dict[str, float] = {}
    for code, weight in pairs:
        if code in weights or not code:
            raise TemplateError(
                f"languages must be codes such as en,zh, each once, got {code!r:.40}; say en=3,zh=1 for weights"
            )
        if not 0 < weight < math.inf:
            raise TemplateError(
                f"the weight of language {code!r:.40} must be a number above 0, got {weight!r:.40}"
            )
        weights[code] = float(weight)
    if not weights:
        raise TemplateError(f"there must be at least one language, such as {', '.join(LANGUAGES)}, got none")
    total = math.fsum(weights.values())
    return {code: weight / total for code, weight in weights.items()}


def choose_language(weights: Mapping[str, float], seed: int | None, sample_idx: int) -> str:
    """Return the language of a sample: by (seed, sample index) alone where there is a seed, else at random."""
    if seed is None:
        place = random.random()
    else:
        digest = hashlib.sha256(f"{seed}:{sample_idx}:language".encode()).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
    for code, weight in weights.items():
        place -= weight
        if place < 0:
            return code
    return next(reversed(list(weights)))  # what rounding leaves


def _weighted(part: str) -> tuple[str, float]:
    code, equals, weight = part.partition("=")
    try:
        return code.strip(), float(weight) if equals else 1.0
    except ValueError:
        return code.strip(), math.nan
