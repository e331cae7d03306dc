"""Logits → what each token costs: likelihood, rank, entropy and the likeliest alternatives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from vtg_core.chat.token_text import token_text

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

NUM_TOP = 5
"""How many of the likeliest tokens are kept for each position."""

MAX_LOGITS_BYTES = 2**25
"""How much memory the float32 logits of one step take, at most."""


@dataclass(frozen=True, eq=False)
class TokenScores:
    """What N tokens cost.

    Attributes:
        nll: negative log-likelihood in nats, float32, shape (N,).
        ranks: how many tokens were more likely, plus 1; int64, shape (N,).
        entropy: of the whole distribution, in nats, float32, shape (N,).
        top_ids: the likeliest tokens, most likely first; int64, shape (N, K), K at most ``NUM_TOP``.
        top_probs: their probabilities, float32, shape (N, K).
    """

    nll: "Tensor"
    ranks: "Tensor"
    entropy: "Tensor"
    top_ids: "Tensor"
    top_probs: "Tensor"

    def __len__(self) -> int:
        return len(self.nll)

    @classmethod
    def joined(cls, parts: "Sequence[TokenScores]") -> "TokenScores":
        """Return the scores of several lots of tokens, one lot behind the other."""
        import torch

        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def at(self, which: "Tensor") -> "TokenScores":
        """Return the scores of some tokens: indices, int64, shape (M,)."""
        return TokenScores(*(getattr(self, field.name)[which] for field in fields(self)))

    def cpu(self) -> "TokenScores":
        """Return the same on the CPU; this waits for the device."""
        return TokenScores(*(getattr(self, field.name).cpu() for field in fields(self)))


class Alternative(NamedTuple):
    """A token that could have stood there: its id, its text as ``TokenLoss`` has it, and its probability, 0 to 1."""

    id: int
    text: str
    prob: float


@dataclass(frozen=True)
class TokenLoss:
    """What one supervised token costs.

    Attributes:
        index: its position in the row, padding included.
        id: its id.
        text: its text, decoded alone, see :func:`vtg_core.chat.token_text.token_text`.
        nll: negative log-likelihood in nats, at least 0.
        prob: probability the model gave it, from 0 to 1.
        rank: how many tokens were more likely, plus 1.
        entropy: of the model's distribution at this place, in nats: from 0, certain, to ln of the vocabulary's size.
        top: the likeliest tokens, most likely first.
    """

    index: int
    id: int
    text: str
    nll: float
    prob: float
    rank: int
    entropy: float
    top: tuple[Alternative, ...]


def score_logits(logits: "Tensor", targets: "Tensor") -> TokenScores:
    """Measure tokens by the logits that predict them.

    Args:
        logits: any floating point type, shape (N, V); at most ``MAX_LOGITS_BYTES`` of them are in float32 at a time.
        targets: int64, shape (N,), on any device.

    Returns:
        The scores, on the logits' device.
    """
    step = max(1, MAX_LOGITS_BYTES // (4 * logits.shape[1]))
    targets = targets.to(logits.device)
    pairs = zip(logits.split(step), targets.split(step), strict=True)
    return TokenScores.joined([_score_some(some, ids) for some, ids in pairs])


def _score_some(logits: "Tensor", targets: "Tensor") -> TokenScores:
    log_probs = logits.float().log_softmax(1)
    own = log_probs.gather(1, targets[:, None])
    top = log_probs.topk(min(NUM_TOP, log_probs.shape[1]), dim=1)
    surprise = log_probs.clamp_min(LEAST_FLOAT32)  # 0 times minus infinity is no number
    return TokenScores(
        nll=own[:, 0].neg().clamp_min(0).abs(),
        ranks=(logits > logits.gather(1, targets[:, None])).sum(1) + 1,
        entropy=log_probs.exp().mul_(surprise).sum(1).neg().clamp_min(0).abs(),
        top_ids=top.indices,
        top_probs=top.values.exp(),
    )


LEAST_FLOAT32 = -3.4e38


def token_losses(
    indices: "Tensor", ids: "Tensor", scores: TokenScores, tokenizer: "PreTrainedTokenizerBase"
) -> tuple[TokenLoss, ...]:
    """Return the scores of tokens one by one.

    Args:
        indices: where each stands in its row, int64, shape (N,).
        ids: what each is, int64, shape (N,).
        scores: of the same N tokens.
        tokenizer: gives each token its text.
    """
    names = {i: token_text(tokenizer, i) for i in {*ids.tolist(), *scores.top_ids.flatten().tolist()}}
    top_ids, top_probs = scores.top_ids.tolist(), scores.top_probs.tolist()
    columns = (indices, ids, scores.nll, scores.ranks, scores.entropy)
    return tuple(
        TokenLoss(
            index,
            token_id,
            names[token_id],
            nll,
            math.exp(-nll),
            rank,
            entropy,
            tuple(Alternative(i, names[i], p) for i, p in zip(top_ids[n], top_probs[n], strict=True)),
        )
        for n, (index, token_id, nll, rank, entropy) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        )
    )


def is_guessing(tokens: Sequence[TokenLoss], uniform: float) -> bool:
    """Say whether a model spreads its probability nearly evenly, and pays for it about what a blind guess does.

    Args:
        tokens: at least one.
        uniform: ln of the vocabulary's size: nats a token that a blind guess costs.
    """
    entropy, nll = (fmean(getattr(token, figure) for token in tokens) for figure in ("entropy", "nll"))
    return entropy > NEARLY_EVEN * uniform and -CLEARLY_BELOW < nll - uniform < (1 - NEARLY_EVEN) * uniform


CLEARLY_BELOW = 0.25
"""A mean NLL so far below ln V, in nats a token, is no blind guess any more."""

NEARLY_EVEN = 0.9
"""A mean entropy of this share of ln V is that of a model that prefers nothing: random weights of real size reach 0.95."""
