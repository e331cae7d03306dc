import math
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from vtg_core.comparison.on_video import TemplateComparison
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import LossCancelledError, LossError
from vtg_core.inspection import inspect_templates
from vtg_core.loss.score import score
from vtg_core.loss.shared_pass import as_batch
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window

from .. import families

DEMOS = ["demo", "demo-qwen2.5-vl"]
WINDOWS = (Window(8, 14), Window(20, 21.5))


def inspect(processor, video, templates=TEMPLATES, policy=None):
    found = inspect_templates(
        video, "a red circle appears", WINDOWS, processor=processor, templates=templates, policy=policy
    )
    return list(found)


@pytest.fixture(scope="module")
def inspections(processor, video):
    return inspect(processor, video)


def compare(model, inspections, processor, **options):
    comparison = TemplateComparison(model, inspections, processor.tokenizer, **options)
    return {(loss.template, loss.mode): loss for loss in comparison}, comparison


@pytest.mark.parametrize("name", DEMOS)
def test_every_token_of_every_template_is_the_one_that_a_pass_alone_reports(
    untrained_by_name, processors_by_name, video, name
):
    model, processor = families.sharpened(untrained_by_name[name]), processors_by_name[name]
    inspections = inspect(processor, video)
    losses, _ = compare(model, inspections, processor)
    assert len(losses) == 16
    for inspection in inspections:
        template = inspection.sample.template
        (report,) = score(model, as_batch(inspection.encoded), processor.tokenizer)
        tokens = losses[template.name, template.mode].loss.tokens
        for own, expected in zip(tokens, report.tokens, strict=True):
            assert (own.index, own.id, own.text) == (expected.index, expected.id, expected.text)
            assert own.rank == pytest.approx(expected.rank, abs=1)
            assert own.nll == pytest.approx(expected.nll, abs=1e-4)
            assert own.entropy == pytest.approx(expected.entropy, abs=1e-4)
            probs = [other.prob for other in expected.top]
            assert [other.prob for other in own.top] == pytest.approx(probs, abs=1e-4)


def test_times_words_and_end_are_the_whole(model, inspections, processor):
    for loss in compare(model, inspections, processor)[0].values():
        parts = (loss.times, loss.words, loss.end_of_turn)
        assert sum(part.num_tokens for part in parts) == loss.total.num_tokens
        assert math.fsum(part.sum_nll for part in parts) == pytest.approx(loss.total.sum_nll)
        is_standard = loss.mode is AnswerMode.STANDARD
        assert loss.times.num_tokens == (11 if is_standard else 4)
        assert loss.times.uniform_nll == pytest.approx(math.log(10**11 if is_standard else 1000**4))
        assert loss.end_of_turn.num_tokens == 1


def test_a_loss_says_what_is_taught_and_how_long_the_sequence_is(model, inspections, processor):
    losses, _ = compare(model, inspections, processor)
    for inspection in inspections:
        loss = losses[inspection.sample.template.name, inspection.sample.template.mode]
        assert loss.answer == inspection.sample.answer
        assert loss.num_tokens == len(inspection.encoded)
        assert 0 < loss.num_video < loss.num_tokens
        ids = [token.id for token in loss.loss.tokens]
        assert processor.tokenizer.decode(ids) == loss.answer + "<|im_end|>"


def test_the_run_is_told_when_it_is_over(model, inspections, processor):
    comparison = TemplateComparison(model, inspections, processor.tokenizer)
    assert comparison.run is None
    losses = iter(comparison)
    next(losses)
    assert comparison.run is None
    list(losses)
    run = comparison.run
    assert (run.device, run.dtype, run.vocab_size) == ("cpu", "float32", len(processor.tokenizer))
    assert run.uniform_nll == pytest.approx(math.log(run.vocab_size))
    assert run.plan is comparison.plan
    assert 0 < run.seconds < 60
    assert run.peak_memory_bytes is None or run.peak_memory_bytes > 2**20


def test_a_comparison_may_be_run_again(model, inspections, processor):
    comparison = TemplateComparison(model, inspections[:3], processor.tokenizer)
    assert list(comparison) == list(comparison)


def test_a_comparison_that_is_stopped_has_no_run_and_the_next_is_right(model, inspections, processor):
    def stop(begun, total):
        if begun == total:
            raise LossCancelledError("stopped")

    with pytest.raises(LossCancelledError):
        compare(model, inspections, processor, on_layer=stop)
    assert len(compare(model, inspections, processor)[0]) == 16


def test_breaking_off_leaves_the_model_as_it_was(model, inspections, processor):
    training = deepcopy(model).train()
    for _ in TemplateComparison(training, inspections, processor.tokenizer):
        break
    assert training.training
    assert all(not module._forward_pre_hooks for module in training.modules())


def test_thinking_and_the_newline_are_in_the_total_and_in_no_part(model, processor, video):
    inspections = inspect(processor, video, TEMPLATES[:2], MaskPolicy(newline=True))
    for loss in compare(model, inspections, processor)[0].values():
        parts = (loss.times, loss.words, loss.end_of_turn)
        assert loss.total.num_tokens == sum(part.num_tokens for part in parts) + 1
        assert loss.total.uniform_nll is None


def test_there_must_be_a_template(model, processor):
    with pytest.raises(LossError, match="must have at least one template, got none"):
        TemplateComparison(model, [], processor.tokenizer)


def test_a_loss_that_is_not_finite_ends_the_comparison(model, inspections, processor):
    broken = deepcopy(model)
    with torch.no_grad():
        broken.lm_head.weight.fill_(math.nan)
    with pytest.raises(LossError, match="the loss must be finite"):
        compare(broken, inspections, processor)


def test_a_sample_without_anything_supervised_is_refused(model, inspections, processor):
    encoded = inspections[0].encoded
    empty = replace(inspections[0], encoded=replace(encoded, labels=torch.full_like(encoded.labels, -100)))
    with pytest.raises(LossError, match="every row must have a supervised token"):
        compare(model, [inspections[1], empty], processor)
