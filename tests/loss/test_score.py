import math
from copy import deepcopy

import pytest
import torch

from vtg_core.collator import SFTCollator
from vtg_core.data.answers import STANDARD_ANSWER
from vtg_core.dataset import Sample
from vtg_core.errors import LossCancelledError, LossError, OutOfMemoryError, VTGError
from vtg_core.loss import score as loss
from vtg_core.loss.forward_pass import num_layers
from vtg_core.loss.score import SHIFT_TOLERANCE, SHIFTS, predicting_positions, score, score_batch
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window

DEMOS = ["demo", "demo-qwen2.5-vl"]


@pytest.fixture(scope="module")
def samples(video, other_video):
    return [
        Sample(video, "a red circle appears", (Window(8, 14),), TEMPLATES[0], STANDARD_ANSWER),
        Sample(other_video, "two things", (Window(5, 9), Window(18, 23)), TEMPLATES[5], STANDARD_ANSWER),
    ]


@pytest.fixture(scope="module")
def batches(processors_by_name, samples):
    return {name: SFTCollator(processor)(samples) for name, processor in processors_by_name.items()}


@pytest.fixture
def batch(batches):
    return dict(batches["demo"])


def row_by_row(model, batch):
    """The loss as plainly as it can be written: every logit, one token after the other."""
    with torch.inference_mode():
        logits = model(**{k: v for k, v in batch.items() if k != "labels"}).logits
    for row, labels in enumerate(batch["labels"].tolist()):
        yield [
            -float(logits[row, column - 1].log_softmax(0)[label])
            for column, label in enumerate(labels)
            if label != -100
        ]


@pytest.mark.parametrize("name", DEMOS)
def test_the_mean_is_the_models_own_loss(models_by_name, processors_by_name, batches, name):
    model = models_by_name[name]
    reports = score(model, batches[name], processors_by_name[name].tokenizer)
    total = math.fsum(r.sum_nll for r in reports) / sum(r.num_supervised for r in reports)
    with torch.inference_mode():
        own = float(model(**batches[name]).loss)
    assert total == pytest.approx(own, abs=1e-5)
    assert reports[0].model_loss == reports[1].model_loss == pytest.approx(own, abs=1e-5)


@pytest.mark.parametrize("name", DEMOS)
def test_every_token_costs_what_a_plain_loop_says(models_by_name, processors_by_name, batches, name):
    reports = score(models_by_name[name], batches[name], processors_by_name[name].tokenizer)
    for report, expected in zip(reports, row_by_row(models_by_name[name], batches[name]), strict=True):
        assert [token.nll for token in report.tokens] == pytest.approx(expected, abs=1e-5)


def test_the_tokens_are_the_answer_and_its_end_of_turn(model, processor, batch):
    first, second = score(model, batch, processor.tokenizer)
    assert "".join(token.text for token in first.tokens) == "[8.0, 14.0]<|im_end|>"
    assert "".join(token.text for token in second.tokens) == "[5.0, 9.0], [18.0, 23.0]<|im_end|>"
    assert [token.id for token in first.tokens] == batch["labels"][0][batch["labels"][0] != -100].tolist()
    assert [batch["input_ids"][0, token.index] for token in first.tokens] == [
        token.id for token in first.tokens
    ]


def test_nll_probability_and_rank_belong_together(model, processor, batch):
    for report in score(model, batch, processor.tokenizer):
        for token in report.tokens:
            assert token.prob == pytest.approx(math.exp(-token.nll))
            assert 1 <= token.rank <= report.vocab_size
            assert token.nll >= math.log(token.rank) - 1e-6
        assert report.mean_nll == pytest.approx(report.sum_nll / report.num_supervised)


def test_the_report_says_where_and_how_it_ran(model, processor, batch):
    report = score(model, batch, processor.tokenizer)[0]
    assert (report.device, report.dtype) == ("cpu", "float32")
    assert report.num_tokens == batch["input_ids"].shape[1]
    assert report.vocab_size == len(processor.tokenizer)
    assert 0 < report.seconds < 60


def with_output(model, weight):
    own = deepcopy(model)
    own.lm_head.weight = torch.nn.Parameter(weight(own.lm_head.weight))
    return own


def test_uniform_logits_cost_the_logarithm_of_the_vocabulary(model, processor, batch):
    for report in score(with_output(model, torch.zeros_like), batch, processor.tokenizer):
        assert report.mean_nll == pytest.approx(math.log(len(processor.tokenizer)), abs=1e-5)
        assert {token.rank for token in report.tokens} == {1}


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_and_batching_change_nothing(model, own_processor, samples, side):
    own_processor.tokenizer.padding_side = side
    collator = SFTCollator(own_processor)
    together = score(model, collator(samples), own_processor.tokenizer)
    for sample, report in zip(samples, together, strict=True):
        (alone,) = score(model, collator([sample]), own_processor.tokenizer)
        assert [t.nll for t in report.tokens] == pytest.approx([t.nll for t in alone.tokens], abs=1e-4)


def test_a_supervised_token_is_predicted_by_the_position_before_it():
    labels = torch.tensor([[-100, 5, 6, -100], [7, -100, -100, 8]])
    rows, columns = predicting_positions(labels)
    assert rows.tolist() == [0, 0, 1]
    assert columns.tolist() == [1, 2, 3]


def test_positions_are_asked_for_as_numbers_because_the_last_layer_may_be_on_another_device(model, batch):
    asked = []
    hook = model.register_forward_pre_hook(
        lambda _, args, kwargs: asked.append(kwargs["logits_to_keep"]), with_kwargs=True
    )
    score_batch(model, batch)
    hook.remove()
    assert all(type(position) is int for position in asked[0])


def with_shift(model, shift):
    """Return a copy whose own loss looks for a token's logits ``shift`` positions before it."""
    own = deepcopy(model)

    def loss(logits, labels, **_):
        known = logits[:, : logits.shape[1] - shift].float()
        return torch.nn.functional.cross_entropy(known.flatten(0, 1), labels[:, shift:].flatten())

    own.loss_function = loss
    return own


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.parametrize("shift", SHIFTS)
def test_the_shift_of_a_models_own_loss_is_found_out(
    models_by_name, processors_by_name, batches, name, shift, dtype
):
    model = with_shift(models_by_name[name], shift).to(dtype)
    for report in score(model, batches[name], processors_by_name[name].tokenizer):
        assert report.model_shift == shift
        assert report.shift_losses[shift] == pytest.approx(
            report.model_loss, abs=SHIFT_TOLERANCE[report.dtype]
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", DEMOS)
def test_a_model_of_transformers_shifts_by_one(models_by_name, processors_by_name, batches, name, dtype):
    model = deepcopy(models_by_name[name]).to(dtype)
    report = score(model, batches[name], processors_by_name[name].tokenizer)[0]
    assert report.model_shift == 1


def test_a_loss_that_no_shift_explains_has_none(model, processor, batch):
    own = deepcopy(model)
    own.loss_function = lambda **_: torch.tensor(3.0)
    assert score(own, batch, processor.tokenizer)[0].model_shift is None


def test_where_every_shift_costs_the_same_none_is_named(model, processor, batch):
    report = score(with_output(model, torch.zeros_like), batch, processor.tokenizer)[0]
    assert report.model_loss == pytest.approx(math.log(report.vocab_size), abs=1e-5)
    assert report.model_shift is None


def test_without_the_models_own_loss_no_shift_is_named(model, processor, batch, monkeypatch):
    monkeypatch.setattr(loss, "MAX_CROSS_CHECK_BYTES", 0)
    reports = score(model, batch, processor.tokenizer)
    assert (reports[0].model_loss, reports[0].model_shift) == (None, None)
    of_batch = sum(r.sum_nll for r in reports) / sum(r.num_supervised for r in reports)
    assert reports[0].shift_losses[1] == pytest.approx(of_batch, abs=1e-5)


def test_a_token_near_the_start_has_no_logits_two_before_it(model, batch):
    labels = torch.full_like(batch["labels"], -100)
    labels[:, 1], labels[0, 9] = batch["input_ids"][:, 1], batch["input_ids"][0, 9]
    measured = score_batch(model, {**batch, "labels": labels})
    assert measured.columns.tolist() == [1, 9, 1]
    with torch.inference_mode():
        logits = model(**{k: v for k, v in batch.items() if k != "labels"}).logits
    expected = -logits[0, 7].log_softmax(0)[labels[0, 9]]
    assert measured.shift_losses[2] == pytest.approx(float(expected), abs=1e-5)


def test_entropy_and_top_are_those_of_the_models_distribution(model, processor, batch):
    report = score(model, batch, processor.tokenizer)[0]
    with torch.inference_mode():
        logits = model(**{k: v for k, v in batch.items() if k != "labels"}).logits[0]
    for token in report.tokens:
        distribution = torch.distributions.Categorical(logits=logits[token.index - 1])
        assert token.entropy == pytest.approx(float(distribution.entropy()), abs=1e-4)
        assert [other.id for other in token.top] == distribution.probs.topk(5).indices.tolist()
        assert [other.prob for other in token.top] == pytest.approx(
            distribution.probs.topk(5).values.tolist(), abs=1e-6
        )


def test_both_passes_count_their_layers(model, processor, batch):
    counted = []
    score(model, batch, processor.tokenizer, on_layer=counted.append)
    assert counted == list(range(1, 2 * num_layers(model) + 1))


def test_a_pass_that_is_stopped_leaves_the_model_usable(model, processor, batch):
    def stop(begun):
        if begun == 5:
            raise LossCancelledError("stopped")

    expected = score(model, batch, processor.tokenizer)[0].mean_nll
    with pytest.raises(LossCancelledError, match=r"^stopped$"):
        score(model, batch, processor.tokenizer, on_layer=stop)
    assert score(model, batch, processor.tokenizer)[0].mean_nll == expected


def test_too_little_memory_to_explain_a_broken_loss_is_an_error_like_any_other(model, processor, batch):
    broken, passes = with_output(model, lambda weight: torch.full_like(weight, math.nan)), []

    def refuse(*_):
        passes.append(1)
        if len(passes) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    broken.lm_head.register_forward_hook(refuse)
    with pytest.raises(OutOfMemoryError):
        score(broken, batch, processor.tokenizer)


def test_logits_are_asked_for_only_where_a_supervised_token_is_predicted(model, batch):
    asked = []
    hook = model.lm_head.register_forward_hook(lambda _, inputs, output: asked.append(output.shape[1]))
    measured = score_batch(model, batch)
    hook.remove()
    assert len(asked) == 1
    assert asked[0] <= 3 * len(measured.rows)
    assert len(measured.rows) == len(measured.scores) == len(measured.scores.ranks)
    assert measured.vocab_size == model.get_input_embeddings().num_embeddings


def test_scoring_leaves_the_batch_and_the_model_alone(model, processor, batch):
    before = {name: value.clone() for name, value in batch.items()}
    score(model, batch, processor.tokenizer)
    assert all(torch.equal(batch[name], before[name]) for name in before)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_model_in_training_is_scored_as_if_it_were_not(model, processor, batch):
    training = deepcopy(model).train()
    training.model.language_model.layers[0].self_attn.attention_dropout = 0.5
    expected = score(model, batch, processor.tokenizer)[0].mean_nll
    assert score(training, batch, processor.tokenizer)[0].mean_nll == pytest.approx(expected, abs=1e-5)


def test_a_row_without_a_supervised_token_is_refused(model, processor, batch):
    batch["labels"] = batch["labels"].clone()
    batch["labels"][1] = -100
    with pytest.raises(
        LossError, match="every row must have a supervised token after its first, row 1 has none"
    ):
        score(model, batch, processor.tokenizer)


def test_an_id_outside_the_vocabulary_is_refused(model, processor, batch):
    batch["input_ids"] = batch["input_ids"].clone()
    batch["input_ids"][0, 0] = 50_000
    with pytest.raises(LossError, match=r"in the model's vocabulary of [\d,]+, got 50,000; load processor"):
        score(model, batch, processor.tokenizer)


def test_a_label_outside_the_vocabulary_is_refused(model, processor, batch):
    batch["labels"] = batch["labels"].clone()
    batch["labels"][0, -3] = 50_000
    with pytest.raises(LossError):
        score(model, batch, processor.tokenizer)


def test_a_loss_that_is_not_finite_is_refused(model, processor, batch):
    broken = with_output(model, lambda weight: torch.full_like(weight, math.nan))
    with pytest.raises(
        LossError,
        match=r"the loss must be finite, and is not at token \d+ in float32; its weights are broken; "
        r"the output of lm_head is the first that is not finite",
    ):
        score(broken, batch, processor.tokenizer)


@pytest.mark.parametrize("change", ["fewer pixels", "no grid", "one row's pixels only"])
def test_media_that_do_not_fit_their_tokens_are_a_loss_error(model, processor, batch, change):
    if change == "fewer pixels":
        batch["pixel_values_videos"] = batch["pixel_values_videos"][:100]
    elif change == "no grid":
        del batch["video_grid_thw"]
    else:
        first = int(batch["video_grid_thw"][0].prod())
        batch["pixel_values_videos"] = batch["pixel_values_videos"][:first]
        batch["video_grid_thw"] = batch["video_grid_thw"][:1]
    with pytest.raises(LossError):
        score(model, batch, processor.tokenizer)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB)"),
    ],
    ids=["cuda", "python", "cpu", "cublas", "mps"],
)
def test_running_out_of_memory_says_how_many_tokens_and_what_to_lower(model, processor, batch, error):
    small = deepcopy(model)

    def refuse(*_):
        raise error

    small.lm_head.register_forward_hook(refuse)
    num_tokens = batch["input_ids"].numel()
    with pytest.raises(
        OutOfMemoryError, match=rf"over {num_tokens:,} tokens must fit .*--num-frames, --fps"
    ) as raised:
        score(small, batch, processor.tokenizer)
    assert isinstance(raised.value, VTGError)


def test_too_little_memory_for_the_cross_check_does_not_lose_the_loss(model, processor, batch):
    small, num_positions = deepcopy(model), batch["input_ids"].shape[1]

    def refuse(_, inputs, output):
        if output.shape[1] == num_positions:
            raise torch.OutOfMemoryError("CUDA out of memory")

    small.lm_head.register_forward_hook(refuse)
    report = score(small, batch, processor.tokenizer)[0]
    assert report.model_loss is None
    assert report.mean_nll > 0


def test_after_an_error_the_next_loss_is_right(model, processor, batch):
    expected = score(model, batch, processor.tokenizer)[0].mean_nll
    with pytest.raises(LossError):
        score(
            model, {**batch, "pixel_values_videos": batch["pixel_values_videos"][:100]}, processor.tokenizer
        )
    assert score(model, batch, processor.tokenizer)[0].mean_nll == expected
