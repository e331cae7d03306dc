import math

import pytest
import torch

from vtg_core.loss import token_scores
from vtg_core.loss.token_scores import NUM_TOP, TokenScores, score_logits, token_losses


def as_written(logits, targets):
    """The same in float64, one row after the other, with nothing clever."""
    for row, target in zip(logits.double(), targets.tolist(), strict=True):
        probs = row.softmax(0)
        yield (
            -math.log(probs[target]),
            1 + int((row > row[target]).sum()),
            -sum(p * math.log(p) for p in probs.tolist() if p),
        )


@pytest.fixture
def random():
    generator = torch.Generator().manual_seed(0)
    return 5 * torch.randn(40, 300, generator=generator), torch.randint(300, (40,), generator=generator)


def test_nll_rank_and_entropy_are_what_their_definitions_say(random):
    scores = score_logits(*random)
    rows = zip(scores.nll.tolist(), scores.ranks.tolist(), scores.entropy.tolist(), strict=True)
    for found, expected in zip(rows, as_written(*random), strict=True):
        assert found == pytest.approx(expected, abs=1e-5)


def test_the_top_is_the_likeliest_tokens_with_their_probabilities(random):
    logits, targets = random
    scores = score_logits(logits, targets)
    probs, ids = logits.double().softmax(1).sort(descending=True)
    assert torch.equal(scores.top_ids, ids[:, :NUM_TOP])
    assert scores.top_probs == pytest.approx(probs[:, :NUM_TOP].numpy(), abs=1e-6)


def test_a_uniform_distribution_costs_the_logarithm_of_the_vocabulary():
    scores = score_logits(torch.full((3, 1000), 7.5), torch.tensor([0, 500, 999]))
    assert scores.nll.tolist() == pytest.approx([math.log(1000)] * 3, abs=1e-5)
    assert scores.entropy.tolist() == pytest.approx([math.log(1000)] * 3, abs=1e-5)
    assert scores.ranks.tolist() == [1, 1, 1]


def test_a_certain_token_costs_nothing_and_never_less():
    logits = torch.zeros(1, 50)
    logits[0, 7] = 200.0
    scores = score_logits(logits, torch.tensor([7]))
    assert (scores.nll.tolist(), scores.ranks.tolist(), scores.entropy.tolist()) == ([0.0], [1], [0.0])
    assert not scores.nll.signbit().any()
    assert not scores.entropy.signbit().any()


def test_logits_of_minus_infinity_take_no_part():
    logits = torch.full((2, 100), -math.inf)
    logits[:, :4] = 0.0
    scores = score_logits(logits, torch.tensor([2, 50]))
    assert scores.nll.tolist() == pytest.approx([math.log(4), math.inf])
    assert scores.entropy.tolist() == pytest.approx([math.log(4)] * 2)
    assert scores.ranks.tolist() == [1, 5]


def test_a_rank_counts_only_those_that_are_more_likely():
    scores = score_logits(torch.tensor([[3.0, 2.0, 2.0, 2.0, 1.0]]).expand(5, 5), torch.arange(5))
    assert scores.ranks.tolist() == [1, 2, 2, 2, 5]


def test_no_tokens_have_no_scores():
    scores = score_logits(torch.zeros(0, 20), torch.zeros(0, dtype=torch.int64))
    assert len(scores) == 0
    assert scores.top_ids.shape == (0, NUM_TOP)


@pytest.mark.parametrize("num_rows_a_step", [1, 7, 40, 1000])
def test_steps_change_nothing(random, monkeypatch, num_rows_a_step):
    whole = score_logits(*random)
    monkeypatch.setattr(token_scores, "MAX_LOGITS_BYTES", 4 * 300 * num_rows_a_step)
    stepped = score_logits(*random)
    assert torch.equal(stepped.nll, whole.nll)
    assert torch.equal(stepped.ranks, whole.ranks)
    assert torch.equal(stepped.top_ids, whole.top_ids)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_small_types_are_measured_in_float32(random, dtype):
    logits, targets = random[0].to(dtype), random[1]
    scores = score_logits(logits, targets)
    assert scores.nll.dtype == scores.entropy.dtype == torch.float32
    assert scores.nll.tolist() == pytest.approx([nll for nll, _, _ in as_written(logits, targets)], abs=1e-5)


def test_what_all_logits_have_in_common_changes_nothing(random):
    logits, targets = random
    scores, moved = score_logits(logits, targets), score_logits(logits + 2048, targets)
    assert moved.entropy.tolist() == pytest.approx(scores.entropy.tolist(), abs=1e-3)
    assert moved.nll.tolist() == pytest.approx(scores.nll.tolist(), abs=1e-3)


def test_the_logits_are_left_as_they_are(random):
    logits, targets = random
    before = logits.clone()
    score_logits(logits, targets)
    assert torch.equal(logits, before)


def test_a_vocabulary_smaller_than_the_top_is_shown_whole():
    assert score_logits(torch.zeros(2, 3), torch.tensor([0, 1])).top_ids.shape == (2, 3)


def test_lots_are_joined_and_picked_in_the_order_asked_for(random):
    logits, targets = random
    whole = score_logits(logits, targets)
    joined = TokenScores.joined(
        [score_logits(logits[:15], targets[:15]), score_logits(logits[15:], targets[15:])]
    )
    picked = joined.at(torch.tensor([39, 0]))
    assert torch.equal(joined.nll, whole.nll)
    assert picked.nll.tolist() == [whole.nll[39], whole.nll[0]]
    assert picked.top_ids.tolist() == [whole.top_ids[39].tolist(), whole.top_ids[0].tolist()]


def test_alternatives_that_are_no_whole_text_are_bytes_and_those_beyond_the_tokenizer_numbers(processor):
    tokenizer = processor.tokenizer
    [first, *_], padded = tokenizer.encode("█"), len(tokenizer) + 300  # models have more logits than tokens
    logits = torch.zeros(1, padded)
    logits[0, first], logits[0, padded - 1] = 9.0, 8.0
    [loss] = token_losses(
        torch.tensor([4]), torch.tensor([first]), score_logits(logits, torch.tensor([first])), tokenizer
    )
    assert (loss.text, loss.top[0].text, loss.top[1].text) == ("⟨E2⟩", "⟨E2⟩", f"⟨{padded - 1}⟩")


def test_a_loss_carries_the_text_of_its_token_and_of_those_that_were_likelier(processor):
    tokenizer = processor.tokenizer
    ids = torch.tensor(tokenizer.encode("[8.0"))
    logits = torch.zeros(4, len(tokenizer))
    logits[:, tokenizer.encode("9")[0]] = 5.0
    losses = token_losses(torch.arange(10, 14), ids, score_logits(logits, ids), tokenizer)
    assert [loss.text for loss in losses] == ["[", "8", ".", "0"]
    assert [loss.index for loss in losses] == [10, 11, 12, 13]
    assert [loss.top[0].text for loss in losses] == ["9"] * 4
    assert losses[0].top[0].prob == pytest.approx(math.exp(5) / (math.exp(5) + len(tokenizer) - 1), rel=1e-4)
    assert losses[0].prob == pytest.approx(math.exp(-losses[0].nll))
