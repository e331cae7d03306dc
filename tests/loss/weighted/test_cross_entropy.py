import math

import pytest
import torch

from vtg_core.errors import LossError
from vtg_core.loss.weighted.cross_entropy import weighted_loss

V = 7
LOGITS = torch.randn(2, 5, V, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([[-100, -100, 3, 1, 6], [-100, 2, 5, -100, -100]])
WEIGHTS = torch.tensor([[0.0, 0.0, 2.0, 0.5, 1.0], [0.0, 3.0, 0.0, 0.0, 0.0]])


def nll(row, label_at):
    """By hand: the token before predicts."""
    logits = LOGITS[row, label_at - 1].tolist()
    return math.log(sum(math.exp(x) for x in logits)) - logits[LABELS[row, label_at]]


def test_the_loss_is_the_weighted_sum_over_the_sum_of_weights():
    total = 2.0 * nll(0, 2) + 0.5 * nll(0, 3) + 1.0 * nll(0, 4) + 3.0 * nll(1, 1)
    assert weighted_loss(LOGITS, LABELS, WEIGHTS).item() == pytest.approx(total / 6.5, rel=1e-6)


def test_without_weights_it_is_the_plain_mean():
    plain = torch.nn.functional.cross_entropy(LOGITS[:, :-1].flatten(0, 1), LABELS[:, 1:].flatten())
    assert weighted_loss(LOGITS, LABELS).item() == pytest.approx(plain.item(), rel=1e-6)


def test_weights_of_masked_tokens_play_no_part():
    dirty = torch.where(LABELS == -100, torch.tensor(9.0), WEIGHTS)
    assert weighted_loss(LOGITS, LABELS, dirty) == weighted_loss(LOGITS, LABELS, WEIGHTS)


def test_a_common_factor_changes_nothing():
    twice = weighted_loss(LOGITS, LABELS, 2 * WEIGHTS)
    assert twice.item() == pytest.approx(weighted_loss(LOGITS, LABELS, WEIGHTS).item(), rel=1e-6)


def test_parts_of_a_step_add_up_to_the_loss_of_all():
    parts = [
        weighted_loss(LOGITS[i : i + 1], LABELS[i : i + 1], WEIGHTS[i : i + 1], sum_of_weights=6.5)
        for i in range(2)
    ]
    assert sum(parts).item() == pytest.approx(weighted_loss(LOGITS, LABELS, WEIGHTS).item(), rel=1e-6)


def test_weights_that_are_all_zero_are_refused():
    with pytest.raises(LossError, match="must sum to more than 0"):
        weighted_loss(LOGITS, LABELS, torch.zeros(2, 5))


def test_weights_of_another_length_are_refused():
    with pytest.raises(LossError, match=r"got \(2, 5\) and \(2, 4\)"):
        weighted_loss(LOGITS, LABELS, WEIGHTS[:, 1:])
