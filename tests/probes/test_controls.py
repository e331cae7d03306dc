import math
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from vtg_core.collator import SFTCollator
from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.dataset import Sample
from vtg_core.errors import LossCancelledError, LossError, NotFiniteError
from vtg_core.loss.forward_pass import num_layers
from vtg_core.loss.score import score
from vtg_core.loss.shared_pass import as_batch
from vtg_core.probes.altered_samples import (
    with_blank_video,
    with_other_query,
    with_reversed_frames,
    with_shifted_windows,
)
from vtg_core.probes.controls import Control, run_controls
from vtg_core.templates import templates_for
from vtg_core.windows import Window

from .. import families

DEMOS = ["demo", "demo-qwen2.5-vl"]
OTHER = "a green triangle appears"
ONE, SEVERAL = ((8, 14),), ((8, 14), (20, 21.5))


def sample_of(video, windows=ONE, mode=AnswerMode.STANDARD):
    windows = tuple(Window(*window) for window in windows)
    return Sample(video, "a red circle appears", windows, templates_for(mode)[0], ANSWER_FORMATS[mode])


@pytest.fixture(scope="module")
def sharp(untrained_by_name):
    return families.sharpened(untrained_by_name["demo"])


@pytest.fixture(scope="module")
def report(sharp, processor, video):
    return run_controls(sharp, sample_of(video), processor, other_query=OTHER)


def altered(sample, control):
    alter = {
        Control.BLANK: with_blank_video,
        Control.REVERSED: with_reversed_frames,
        Control.OTHER_QUERY: lambda sample: with_other_query(sample, OTHER),
        Control.SHIFTED_WINDOW: with_shifted_windows,
    }
    return sample if control is Control.REAL else alter[control](sample).sample


def check_exact(model, sample, processor):
    """Hold every control against a plain pass over its own sample, encoded for itself."""
    report = run_controls(model, sample, processor, other_query=OTHER)
    collator = SFTCollator(processor)
    for result in report.results:
        encoded = collator.encode(altered(sample, result.control))
        (plain,) = score(model, as_batch(encoded), processor.tokenizer)
        assert [token.id for token in result.loss.tokens] == [token.id for token in plain.tokens]
        nll = [token.nll for token in plain.tokens]
        assert [token.nll for token in result.loss.tokens] == pytest.approx(nll, abs=1e-4)
        assert result.total.sum_nll == pytest.approx(plain.sum_nll, abs=1e-4 * len(nll))
    return report


@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.parametrize("mode", AnswerMode)
@pytest.mark.parametrize("windows", [ONE, SEVERAL], ids=["one", "several"])
def test_every_control_costs_what_a_plain_pass_over_its_sample_says(
    untrained_by_name, processors_by_name, video, name, mode, windows
):
    model, sample = families.sharpened(untrained_by_name[name]), sample_of(video, windows, mode)
    report = check_exact(model, sample, processors_by_name[name])
    assert [result.control for result in report.results] == list(Control)
    assert (report.num_passes, report.plain_because) == (3, "")
    sums = {result.total.sum_nll for result in report.results}
    assert len(sums) == len(Control)  # each shows the model something else


@pytest.mark.parametrize("windows", [ONE, SEVERAL], ids=["one", "several"])
def test_a_model_that_cannot_be_continued_gets_a_pass_for_each(model, processor, video, windows):
    report = check_exact(families.qwen3_5(model), sample_of(video, windows), processor)
    assert report.num_passes == 5
    assert report.plain_because == "not all of its layers keep the keys and values of every token"


def test_sliding_windows_get_a_pass_for_each(models_by_name, processors_by_name, video):
    model = families.qwen2_5_vl_with_sliding_windows(models_by_name["demo-qwen2.5-vl"])
    assert check_exact(model, sample_of(video), processors_by_name["demo-qwen2.5-vl"]).num_passes == 5


def test_a_change_is_the_difference_of_sums_or_of_means(report):
    for result in report.results:
        own, real = result.total, report.real.total
        assert report.delta(result.control) == own.sum_nll - real.sum_nll
        assert report.mean_delta(result.control) == own.mean_nll - real.mean_nll
        own, real = result.times, report.real.times
        assert report.times_delta(result.control) == own.sum_nll - real.sum_nll
        assert report.times_mean_delta(result.control) == own.mean_nll - real.mean_nll
    assert report.delta(Control.REAL) == 0


def test_the_report_says_what_was_put_in_and_how_it_was_run(report, sharp, processor):
    details = {result.control: result.detail for result in report.results if result.detail}
    assert details == {Control.OTHER_QUERY: OTHER, Control.SHIFTED_WINDOW: "[19.0, 25.0]"}
    assert (report.of(Control.REVERSED).overlap, report.of(Control.SHIFTED_WINDOW).overlap) == (0, 0)
    assert report.uniform_nll == pytest.approx(math.log(sharp.get_input_embeddings().num_embeddings))
    assert (report.device, report.dtype) == ("cpu", "float32")
    assert 0 < report.seconds < 60


def test_the_three_that_show_the_same_video_run_it_once(report, processor, video):
    length = len(SFTCollator(processor).encode(sample_of(video)))
    assert 3 * length < report.num_tokens < 4 * length


def test_without_another_query_the_others_are_run(sharp, processor, video, report):
    found = run_controls(sharp, sample_of(video), processor)
    missing = found.of(Control.OTHER_QUERY)
    assert missing.reason == "another query must be given to ask for something else, and there is none"
    assert (missing.loss, missing.total, missing.times) == (None, None, None)
    assert found.delta(Control.OTHER_QUERY) is found.times_mean_delta(Control.OTHER_QUERY) is None
    for control in set(Control) - {Control.OTHER_QUERY}:
        assert found.of(control).total.sum_nll == pytest.approx(report.of(control).total.sum_nll, abs=1e-3)


def test_what_cannot_be_altered_has_its_reason(sharp, processor, video):
    one_color = replace(video, frames=np.full_like(video.frames, 200))
    calls = []
    found = run_controls(
        sharp, sample_of(one_color, [(0, 30)]), processor, on_layer=lambda *c: calls.append(c)
    )
    reasons = {result.control: result.reason for result in found.results if result.reason}
    assert set(reasons) == set(Control) - {Control.REAL}
    assert "are of one colour already" in reasons[Control.BLANK]
    assert "are the same from behind" in reasons[Control.REVERSED]
    assert reasons[Control.SHIFTED_WINDOW].endswith("and fill it")
    assert (found.num_passes, found.plain_because) == (1, "")
    assert len(calls) == num_layers(sharp)
    assert found.reading.startswith("None of the controls could be run")


# Progress and cancelling


@pytest.mark.parametrize("make", [lambda model: model, families.qwen3_5], ids=["shared", "plain"])
def test_layers_are_counted_over_all_passes(model, processor, video, make):
    calls, model = [], make(model)
    run_controls(model, sample_of(video), processor, other_query=OTHER, on_layer=lambda *c: calls.append(c))
    total = calls[0][1]
    assert calls == [(number, total) for number in range(1, total + 1)]
    assert 3 * num_layers(model) < total <= 5 * num_layers(model)


@pytest.mark.parametrize("error", [LossCancelledError("stopped"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 12, 20])
def test_what_on_layer_raises_ends_the_run_and_leaves_the_model_as_it_was(model, processor, video, error, at):
    own, begun = deepcopy(model).train(), []

    def stop(number, total):
        begun.append(number)
        if number == at:
            raise error

    with pytest.raises(type(error)):
        run_controls(own, sample_of(video), processor, other_query=OTHER, on_layer=stop)
    assert begun[-1] == at
    assert own.training
    assert all(not module._forward_pre_hooks for module in own.modules())


# What cannot be run


def blind_to(model, token_id):
    """Return a copy that is no number wherever it reads one token."""
    own = deepcopy(model)

    def spoil(module, given, output):
        return output.masked_fill((given[0] == token_id)[..., None], math.nan)

    own.get_input_embeddings().register_forward_hook(spoil)
    return own


def token_of(processor, video, query):
    """An id that stands in one query and not in the other."""
    collator, sample = SFTCollator(processor), sample_of(video)
    own, other = (
        set(collator.encode(replace(sample, query=one)).input_ids.tolist()) for one in (query, sample.query)
    )
    return min(own - other)


def test_a_control_that_cannot_be_run_does_not_end_the_others(model, processor, video):
    broken = blind_to(model, token_of(processor, video, OTHER))
    found = run_controls(broken, sample_of(video), processor, other_query=OTHER)
    assert "the loss must be finite" in found.of(Control.OTHER_QUERY).reason
    assert found.of(Control.OTHER_QUERY).detail == OTHER
    assert found.num_passes == 4  # the shared one failed, as did the other query's
    assert "the loss must be finite" in found.plain_because
    whole = run_controls(model, sample_of(video), processor)
    for control in set(Control) - {Control.OTHER_QUERY}:
        expected = whole.of(control).total.sum_nll
        assert found.of(control).total.sum_nll == pytest.approx(expected, abs=1e-3)


def test_a_sample_that_cannot_be_run_itself_is_an_error(model, processor, video):
    broken = deepcopy(model)
    with torch.no_grad():
        broken.lm_head.weight.fill_(math.nan)
    with pytest.raises(NotFiniteError, match="the loss must be finite"):
        run_controls(broken, sample_of(video), processor, other_query=OTHER)


def test_processor_and_model_of_two_checkpoints_are_an_error(model, processor, video):
    small = deepcopy(model)
    small.resize_token_embeddings(100)
    with pytest.raises(LossError, match="load processor and model from the same checkpoint"):
        run_controls(small, sample_of(video), processor, other_query=OTHER)


# What random weights say


@pytest.mark.parametrize("mode", AnswerMode)
@pytest.mark.parametrize("windows", [ONE, SEVERAL], ids=["one", "several"])
def test_random_weights_are_read_as_knowing_nothing(model, processor, video, mode, windows):
    untrained = families.qwen3_vl_moe(model)
    reading = run_controls(untrained, sample_of(video, windows, mode), processor, other_query=OTHER).reading
    assert reading.startswith("Whatever it is shown, the times cost ")
    assert "as much as guessing among all" in reading
    assert "this model knows nothing yet" in reading
