"""Models trained on several sets of templates, and asked in the words of each other."""

from dataclasses import replace
from itertools import product

import pytest
import torch

from vtg_core.checkpoints.loading import load_checkpoint, load_model
from vtg_core.dataset import Sample
from vtg_core.demo_training.evaluation import FreshClips
from vtg_core.demo_training.lessons import LESSONS, Conversations
from vtg_core.demo_training.loop import MaskedBatches
from vtg_core.demo_training.matrix import draw
from vtg_core.demo_training.practice import write_practice
from vtg_core.demo_training.wordings import AskedAlike, BatchOfEach, Outcome, ask, train_each, wordings
from vtg_core.templates import TEMPLATES, load_templates

from ..conftest import ASSETS


@pytest.fixture(scope="module")
def sets():
    return wordings(load_templates(ASSETS / "grown_templates.yaml"))


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    return write_practice(tmp_path_factory.mktemp("films"), 2, seed=1)


@pytest.fixture(scope="module")
def asked(sets, films, user_cache):
    return AskedAlike(Conversations(LESSONS[3], films, seed=1), sets)


def test_no_grown_template_is_a_built_in_one_and_each_set_asks_in_both_formats(sets):
    assert {own.text for own in sets["grown"]}.isdisjoint(own.text for own in TEMPLATES)
    assert [len({str(own.mode) for own in own_set}) for own_set in sets.values()] == [2, 2, 2]
    assert [len(own_set) for own_set in sets.values()] == [2, 16, 22]


def test_the_sets_differ_in_the_words_around_a_question_and_in_nothing_else(asked, sets):
    found = [asked[number] for number in range(12)]
    others = [
        each for each in found if not isinstance(each["one"], Sample) or each["one"].template.name == "custom"
    ]
    assert others
    assert all(each["one"] is each["grown"] for each in others)
    asked_in_words = [each for each in found if each not in others]
    assert asked_in_words
    for each in asked_in_words:
        assert all(own.template in sets[name] for name, own in each.items())
        assert len({(own.query, own.answer, id(own.video)) for own in each.values()}) == 1


def test_the_batches_are_those_that_each_set_has_alone(asked, user_cache):
    processor = load_checkpoint("demo-untrained").processor
    step = [asked[number] for number in range(4)]
    for name, batch in BatchOfEach(processor)(step).items():
        alone = MaskedBatches(processor)([each[name] for each in step])
        assert batch.keys() == alone.keys()
        assert all(torch.equal(batch[key], alone[key]) for key in batch)


def test_the_models_are_one_until_a_template_is_asked_and_then_go_their_own_ways(films, sets, user_cache):
    checkpoint = load_checkpoint("demo-untrained")
    model = load_model("demo-untrained", device="cpu", dtype="float32")
    before = model.get_input_embeddings().weight.clone()
    frames = tuple(replace(own, num_frames=2) for own in LESSONS[3].frames)
    lessons = [replace(LESSONS[n], num_steps=2, batch_size=2, frames=frames) for n in (1, 4)]
    steps = train_each(model, checkpoint.processor, films, sets=sets, seed=1, lessons=lessons, num_workers=0)
    trained = [[own.get_input_embeddings().weight.clone() for own in step.values()] for step in steps]
    are_alike = [all(torch.equal(own, others[0]) for own in others) for others in trained]
    assert are_alike == [True, True, False, False]
    assert not torch.equal(trained[0][0], before)
    assert torch.equal(model.get_input_embeddings().weight, before)


def test_a_model_is_asked_in_the_words_of_a_set(sets, tmp_path, user_cache):
    checkpoint = load_checkpoint("demo")
    model = load_model("demo", device="cpu", dtype="float32")
    found = ask(
        model, checkpoint.processor, checkpoint.stop_ids, clips=FreshClips(tmp_path, 2), templates=sets["one"]
    )
    assert 0 < found.times_nll < 6
    assert 0 <= found.median_iou <= 1
    assert found.readable_share > 0


def test_the_picture_holds_every_figure(tmp_path):
    cells = list(product(("one", "sixteen", "grown"), repeat=2))
    outcomes = {cell: Outcome(1.11 + n, 0.91 - n / 100, 1.0) for n, cell in enumerate(cells)}
    draw(outcomes, tmp_path / "picture.svg")
    picture = (tmp_path / "picture.svg").read_text()
    assert all(f">{own.times_nll:.2f}<" in picture for own in outcomes.values())
    assert all(f">{own.median_iou:.2f}<" in picture for own in outcomes.values())
