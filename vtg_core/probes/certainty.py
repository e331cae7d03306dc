"""How sure a model was of the times that it wrote: read from the logits that it wrote them with."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.data.answers import AnswerFormat

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

    from vtg_core.data.answers import TimeText


@dataclass(frozen=True)
class TimeCertainty:
    """One time of an answer.

    Attributes:
        text: the time as it was written, such as ``8.0`` or ``<12>``.
        probability: of all its tokens, each after those before it; 0 to 1.
        bins: the probability (0 to 1) of each of the format's bins in its place, over the length of the video, where one
            token writes a time; else empty. What is missing to 1 went to tokens that are no time.
    """

    text: str
    probability: float
    bins: tuple[float, ...] = ()


def certainties(
    texts: Sequence[str], ids: Sequence[int], logits: "Tensor", *,
    tokenizer: "PreTrainedTokenizerBase", answer_format: AnswerFormat,
) -> tuple[TimeCertainty, ...]:  # fmt: skip
    """Return how sure a model was of each time that it wrote, in order; none where no time can be told from the rest.

    Args:
        texts: what each written token adds to the answer.
        ids: of the same tokens.
        logits: that each was chosen from, float of shape (len(ids), V).
        tokenizer: of the model's checkpoint.
        answer_format: how the answer should be written.
    """
    import torch

    spans = list(_spans(texts))
    logs = torch.log_softmax(logits.float(), dim=-1)
    bin_ids = _bin_ids(answer_format, tokenizer)
    found, answer = [], "".join(texts)
    for start, end in _times(answer_format.times(answer)):
        own = [i for i, (begins, ends) in enumerate(spans) if begins < end and start < ends]
        chance = math.exp(sum(float(logs[i, ids[i]]) for i in own))
        is_bin = len(own) == 1 and ids[own[0]] in bin_ids
        bins = logs[own[0], bin_ids].exp().tolist() if is_bin else ()
        found.append(TimeCertainty(answer[start:end], min(chance, 1.0), tuple(bins)))
    return tuple(found)


def _spans(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield which characters of the answer each token writes, half-open."""
    at = 0
    for text in texts:
        yield at, at + len(text)
        at += len(text)


def _times(parts: "Sequence[TimeText]") -> list[tuple[int, int]]:
    """Return the times that are written in parts, such as the digits around a decimal point or a colon, half-open."""
    whole: list[tuple[int, int]] = []
    for part in parts:
        if whole and part.start - whole[-1][1] == 1:
            whole[-1] = (whole[-1][0], part.end)
        else:
            whole.append((part.start, part.end))
    return whole


def _bin_ids(answer_format: AnswerFormat, tokenizer: "PreTrainedTokenizerBase") -> list[int]:
    """Return the ids of the format's bins, in order; none where it has no bins, or the tokenizer lacks one."""
    if answer_format.unit != "bins":
        return []
    names = [token for token in answer_format.tokens if any(map(str.isdigit, token))]
    ids = [tokenizer.convert_tokens_to_ids(name) for name in names]
    return ids if None not in ids and len(set(ids)) == len(ids) else []
