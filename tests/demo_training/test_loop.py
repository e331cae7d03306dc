import re
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from vtg_core.checkpoints.loading import load_checkpoint, load_model
from vtg_core.collator import SFTCollator
from vtg_core.demo_training.evaluation import FreshClips, times_nll
from vtg_core.demo_training.lessons import LESSONS, Ask, Conversations
from vtg_core.demo_training.loop import MaskedBatches, train
from vtg_core.demo_training.loop import _loss as step_loss
from vtg_core.demo_training.practice import COLORS, write_practice
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import IGNORE_INDEX, MaskPolicy, TokenWeights
from vtg_core.video.plan import FramePolicy


@pytest.fixture(scope="module")
def checkpoint(user_cache):
    return load_checkpoint("demo-untrained")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_practice(tmp_path_factory.mktemp("films"), 2, seed=1)


def short(lesson, num_steps=1, batch_size=2):
    frames = tuple(replace(frames, num_frames=2) for frames in lesson.frames)
    return replace(lesson, num_steps=num_steps, batch_size=batch_size, frames=frames)


def asked_and_said(conversation):
    """Return the video, the question and the answer of a conversation in chat form."""
    (video, question), (answer,) = (message["content"] for message in conversation["messages"])
    return video["video"], question["text"], answer["text"]


def conversation_of(ask, films, seed=1):
    lesson = next(lesson for lesson in LESSONS if ask in lesson.asks)
    return Conversations(replace(short(lesson), asks=(ask,)), films, seed)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_every_lesson_can_be_encoded(lesson, films, checkpoint):
    conversations = Conversations(short(lesson, batch_size=4), films, seed=3)
    encoded = [SFTCollator(checkpoint.processor).encode(conversations[number]) for number in range(4)]
    assert {len(sample.answer_starts) for sample in encoded} == {1}
    assert len(conversations) == 4


@pytest.mark.parametrize("ask", Ask)
def test_a_conversation_is_the_same_each_time_and_differs_by_seed(films, checkpoint, ask):
    encode = SFTCollator(checkpoint.processor).encode
    ids = [[*map(int, encode(conversation_of(ask, films, seed)[1]).input_ids)] for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


def test_a_step_shows_all_its_clips_in_one_size(films):
    lesson = replace(LESSONS[2], num_steps=8, batch_size=3)
    conversations = Conversations(lesson, films, seed=1)
    sizes = [asked_and_said(conversations[number])[0].frames.shape for number in range(24)]
    assert all(len(set(sizes[step : step + 3])) == 1 for step in range(0, 24, 3))
    assert 1 < len(set(sizes)) <= len(lesson.frames)


def test_a_glimpse_shows_what_its_answer_names(films):
    conversations = Conversations(replace(LESSONS[0], frames=(FramePolicy(num_frames=2),)), films, seed=1)
    for number in range(8):
        video, _, said = asked_and_said(conversations[number])
        color = COLORS[said.split()[1]]
        assert (np.abs(video.frames.astype(int) - color).max(axis=3) < 50).sum(axis=(1, 2)).min() > 200, said


def test_an_account_names_what_there_is_to_see_and_when(films):
    conversations = conversation_of(Ask.ACCOUNT, films)
    thing = r"a (red|blue|green|yellow) (circle|square|triangle|star)"
    when = {"In seconds": r"\[[\d.]+, [\d.]+\]", "In tokens": r"<\|box_start\|>(<\d+>){2}<\|box_end\|>"}
    for number in range(8):
        _, question, said = asked_and_said(conversations[number])
        time = next(pattern for start, pattern in when.items() if question.startswith(start))
        assert re.fullmatch(f"{thing} {time}(, {thing} {time})?", said), said


def test_with_a_recipe_only_the_labels_differ(films, checkpoint):
    lesson = LESSONS[-1]
    conversations = Conversations(short(lesson), films, seed=1)
    samples = [conversations[0], conversations[1]]
    ours = MaskedBatches(checkpoint.processor)(samples)
    theirs = MaskedBatches(checkpoint.processor, Recipe.TEXT_PREFIX)(samples)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours if name != "labels")
    trained = [(batch["labels"] != IGNORE_INDEX).sum() for batch in (ours, theirs)]
    assert trained[0] < trained[1]


def test_weights_on_the_times_make_them_count_more(films, checkpoint):
    conversations = conversation_of(Ask.ACCOUNT, films)
    samples = [conversations[0], conversations[1]]
    model = load_model("demo-untrained", device="cpu", dtype="float32")
    plain = MaskedBatches(checkpoint.processor)(samples)
    weighted = MaskedBatches(checkpoint.processor, policy=MaskPolicy(weights=TokenWeights(time=3.0)))(samples)
    weights, trained = weighted["loss_weights"][:, 1:], plain["labels"][:, 1:] != IGNORE_INDEX
    assert set(weights[trained].tolist()) == {1.0, 3.0}  # of both answer forms
    with torch.inference_mode():
        logits = model(**{name: value for name, value in plain.items() if name != "labels"}).logits
        nll = torch.nn.functional.cross_entropy(
            logits[:, :-1].flatten(0, 1), plain["labels"][:, 1:].flatten(), reduction="none"
        ).view_as(weights)
        assert float(step_loss(model, plain)) == pytest.approx(float(nll[trained].mean()), abs=1e-5)
        by_hand = float((nll * weights)[trained].sum() / weights[trained].sum())
        assert float(step_loss(model, weighted)) == pytest.approx(by_hand, abs=1e-5)


def test_steps_change_every_weight_and_bring_the_loss_down(films, checkpoint):
    model = deepcopy(load_model("demo-untrained", device="cpu", dtype="float32"))
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    lesson = replace(LESSONS[0], num_steps=30, batch_size=4)
    losses = list(
        train(model, checkpoint.processor, films, seed=1, lessons=[lesson, short(LESSONS[-1])], num_workers=0)
    )
    assert len(losses) == 31
    assert losses[29] < losses[0] - 2.0
    assert not model.training
    assert [name for name, weight in model.named_parameters() if torch.equal(weight, before[name])] == []


def test_the_same_seed_gives_the_same_weights(films, checkpoint):
    def trained(seed):
        model = deepcopy(load_model("demo-untrained", device="cpu", dtype="float32"))
        list(
            train(
                model, checkpoint.processor, films, seed=seed, lessons=[short(LESSONS[1], 2)], num_workers=0
            )
        )
        return model.get_input_embeddings().weight

    first, second, other = trained(1), trained(1), trained(2)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_fresh_clips_ask_in_both_formats_and_offer_another_rows_query(tmp_path, checkpoint):
    fresh = FreshClips(tmp_path, 4)
    samples = [fresh[number] for number in range(4)]
    assert len({tuple(sample.video.frames.mean(axis=(1, 2, 3))) for sample in samples}) == 4
    assert [str(sample.answer_format.mode) for sample in samples] == ["standard", "temporal_tokens"] * 2
    assert all(fresh.other_query(number) != sample.query for number, sample in enumerate(samples))
    assert 6.5 < times_nll(load_model("demo-untrained", device="cpu"), checkpoint.processor, samples) < 8.5
