"""Other people's masks on one sample: what each trains, and what it would have reported as its loss."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vtg_core.audit.foreign.collators import foreign_samples
from vtg_core.collator import SFTCollator, pad
from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.dataset import Sample
from vtg_core.errors import LossError, MaskingError
from vtg_core.loss.forward_pass import num_layers
from vtg_core.loss.score import score
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.recipes import masks as recipes
from vtg_core.recipes.losses import recipe_losses, score_with_recipes
from vtg_core.recipes.masks import Agreement, Recipe, apply_recipe, compare, recipe_collator
from vtg_core.regions import IGNORE_INDEX, MaskPolicy, RegionKind
from vtg_core.templates import templates_for
from vtg_core.windows import Window

DEMOS = ("demo", "demo-qwen2.5-vl")
APPLICABLE = [recipe for recipe in Recipe if recipe is not Recipe.GENERATION_TAGS]


def sample_of(video, *, query="a red circle appears", mode=AnswerMode.STANDARD):
    return Sample(video, query, (Window(8, 14),), templates_for(mode)[0], ANSWER_FORMATS[mode])


def masked(recipe, sample, processor, **others):
    once = process_videos_once(processor)
    encoded = SFTCollator(once).encode(sample)
    given = {"messages": sample.messages, "videos": [sample.video]} | others
    return encoded, apply_recipe(recipe, encoded, once, **given)


def compared(recipe, sample, processor):
    encoded, mask = masked(recipe, sample, processor)
    return encoded, compare(mask, encoded.tokens, encoded.labels.numpy() != IGNORE_INDEX)


@pytest.mark.parametrize("name", DEMOS)
def test_a_text_prefix_leaks_exactly_the_tokens_that_expanding_the_video_added(
    name, processors_by_name, video
):
    encoded, comparison = compared("text-prefix", sample_of(video), processors_by_name[name])
    num_newline = 1
    assert encoded.num_inserted > 100
    assert sum(comparison.leaks.values()) == encoded.num_inserted + num_newline
    assert comparison.leaks[RegionKind.VIDEO] > 50
    assert comparison.holes == {}


@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.parametrize(
    "query", ["a red circle", "<|im_end|> <|video_pad|>", "<<|im_end|>|im_end|>", "<12>", ""]
)
def test_a_processor_prefix_ends_where_the_answer_begins_whatever_the_query_says(
    name, query, processors_by_name, video
):
    encoded, mask = masked("processor-prefix", sample_of(video, query=query), processors_by_name[name])
    assert int(np.argmax(mask.supervised)) == encoded.answer_starts[0]


def test_a_processor_prefix_trains_the_newline_after_the_end_of_turn(processor, video):
    _, comparison = compared("processor-prefix", sample_of(video), processor)
    assert (comparison.leaks, comparison.holes) == ({RegionKind.CHAT: 1}, {})


@pytest.mark.parametrize("mode", AnswerMode)
@pytest.mark.parametrize("name", DEMOS)
def test_role_markers_agree_with_us(name, mode, processors_by_name, video):
    _, comparison = compared("role-markers", sample_of(video, mode=mode), processors_by_name[name])
    assert (comparison.leaks, comparison.holes) == ({}, {})


def test_a_bare_assistant_in_the_query_leaks_the_rest_of_the_prompt(processor, video):
    _, calm = compared("bare-assistant", sample_of(video), processor)
    _, comparison = compared("bare-assistant", sample_of(video, query="assistant"), processor)
    assert calm.leaks == {RegionKind.CHAT: 1}
    assert comparison.leaks[RegionKind.INSTRUCTION] > 10


def test_pad_only_trains_all_but_the_placeholders(processor, video):
    encoded, comparison = compared("pad-only", sample_of(video), processor)
    placeholder = processor.tokenizer.convert_tokens_to_ids("<|video_pad|>")
    num_placeholders = int((encoded.input_ids == placeholder).sum())
    assert comparison.num_supervised == len(encoded) - num_placeholders


def test_all_tokens_trains_all_tokens(processor, video):
    encoded, comparison = compared("all-tokens", sample_of(video), processor)
    assert comparison.num_supervised == len(encoded)
    assert set(np.unique(comparison.codes)) == {1, 2}


def test_a_template_without_generation_tags_says_so(processor, video):
    _, mask = masked("generation-tags", sample_of(video), processor)
    assert mask.supervised is None
    assert "no {% generation %} tags" in mask.reason


@pytest.mark.parametrize("name", DEMOS)
def test_generation_tags_are_carried_past_the_expanded_video(name, processors_by_name, video):
    encoded, mask = masked("generation-tags", sample_of(video), tagged(processors_by_name[name]))
    assert mask.reason == ""
    np.testing.assert_array_equal(mask.supervised, encoded.labels.numpy() != IGNORE_INDEX)


def tagged(processor):
    """The processor with the assistant's words and end of turn between generation tags."""
    from copy import deepcopy

    tagged = deepcopy(processor)
    tagged.chat_template = (
        "{% for message in messages %}<|im_start|>{{ message.role }}\n"
        "{% if message.role == 'assistant' %}{% generation %}{{ message.content[0].text }}<|im_end|>"
        "{% endgeneration %}{% else %}{% for part in message.content %}{% if part.type == 'video' %}"
        "<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}"
        "<|im_end|>{% endif %}\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    return tagged


def test_a_prefix_through_the_processor_needs_the_frames(processor, video):
    _, mask = masked("processor-prefix", sample_of(video), processor, videos=[])
    assert "videos are not at hand" in mask.reason


def test_a_recipe_that_cannot_be_applied_cannot_be_compared(processor, video):
    encoded, mask = masked("generation-tags", sample_of(video), processor)
    with pytest.raises(MaskingError, match="generation-tags must have a mask"):
        compare(mask, encoded.tokens, encoded.labels.numpy() != IGNORE_INDEX)


def test_a_comparison_gives_each_token_what_both_masks_say(processor, video):
    encoded, mask = masked("all-tokens", sample_of(video), processor)
    tokens, few = encoded.tokens, np.zeros(len(encoded), dtype=bool)
    few[:2], mask.supervised[:] = True, False
    mask.supervised[1:3] = True
    codes = compare(mask, tokens, few).codes
    assert [list(Agreement)[code] for code in codes[:4]] == ["hole", "agree", "leak", "masked"]
    assert codes.dtype == np.int8


@pytest.mark.parametrize("name", DEMOS)
def test_the_losses_of_one_pass_are_those_of_a_pass_for_each_recipe(
    name, processors_by_name, models_by_name, video
):
    once, model = process_videos_once(processors_by_name[name]), models_by_name[name]
    sample = sample_of(video, query="assistant")
    encoded = SFTCollator(once).encode(sample)
    masks = [apply_recipe(r, encoded, once, messages=sample.messages, videos=[video]) for r in Recipe]
    losses = recipe_losses(model, batch := pad([encoded], once), masks)
    assert losses.pop(Recipe.GENERATION_TAGS) is None
    assert set(losses) == set(APPLICABLE)
    for mask in masks:
        if mask.supervised is not None:
            labels = torch.where(torch.from_numpy(mask.supervised), encoded.input_ids, IGNORE_INDEX)
            with torch.inference_mode():
                own = float(model(**(batch | {"labels": labels[None]})).loss)
            assert losses[mask.recipe] == pytest.approx(own, abs=1e-4)


@pytest.mark.parametrize("name", DEMOS)
def test_a_scored_sample_brings_the_losses_of_recipes_without_a_pass_of_their_own(
    name, processors_by_name, models_by_name, video
):
    once, model = process_videos_once(processors_by_name[name]), models_by_name[name]
    sample, begun = sample_of(video), []
    encoded = SFTCollator(once).encode(sample)
    masks = [apply_recipe(r, encoded, once, messages=sample.messages, videos=[video]) for r in Recipe]
    batch = pad([encoded], once)
    report, losses = score_with_recipes(model, batch, once.tokenizer, masks, on_layer=begun.append)
    assert report == replace(score(model, batch, once.tokenizer)[0], seconds=report.seconds,
                             peak_memory_bytes=report.peak_memory_bytes)  # fmt: skip
    assert losses == pytest.approx(recipe_losses(model, batch, masks), abs=1e-5)
    assert begun[-1] == 2 * num_layers(model)


def test_recipes_get_a_pass_of_their_own_where_the_loss_is_not_cross_checked(
    processor, model, video, monkeypatch
):
    encoded, mask = masked("all-tokens", sample_of(video), processor)
    batch = pad([encoded], processor)
    monkeypatch.setattr("vtg_core.loss.score.MAX_CROSS_CHECK_BYTES", 0)
    report, losses = score_with_recipes(model, batch, processor.tokenizer, [mask])
    assert report.model_loss is None
    assert losses == recipe_losses(model, batch, [mask])


def test_losses_need_no_more_logits_at_once_than_the_bound(processor, untrained_by_name, video, monkeypatch):
    model = untrained_by_name["demo"]
    monkeypatch.setattr(
        "vtg_core.recipes.losses.MAX_LOGITS_BYTES", 10 * 4 * model.config.text_config.vocab_size
    )
    encoded, mask = masked("all-tokens", sample_of(video), processor)
    largest = []
    head = model.get_output_embeddings()
    hook = head.register_forward_hook(
        lambda _, __, logits: largest.append(logits.numel() // logits.shape[-1])
    )
    try:
        [loss] = recipe_losses(model, pad([encoded], processor), [mask]).values()
    finally:
        hook.remove()
    assert max(largest) == 10
    assert loss == pytest.approx(np.log(model.config.text_config.vocab_size), rel=0.1)


def test_a_mask_that_trains_nothing_after_the_shift_has_no_loss(processor, model, video):
    encoded, mask = masked("all-tokens", sample_of(video), processor)
    mask.supervised[1:] = False
    assert recipe_losses(model, pad([encoded], processor), [mask]) == {Recipe.ALL_TOKENS: None}


def test_logits_that_are_changed_behind_the_embeddings_are_refused(processor, model, video):
    encoded, mask = masked("all-tokens", sample_of(video), processor)

    def cap(_, __, outputs):
        outputs.logits = outputs.logits.tanh() + 3
        return outputs

    hook = model.register_forward_hook(cap)
    try:
        with pytest.raises(LossError, match="what its output embeddings give"):
            recipe_losses(model, pad([encoded], processor), [mask])
    finally:
        hook.remove()


@pytest.mark.parametrize("recipe", APPLICABLE)
def test_a_recipe_is_a_collator_that_takes_sample_mappings(recipe, processor, video, other_video):
    samples = [sample_of(video), sample_of(other_video, query="a much longer query " * 5)]
    batch = recipe_collator(recipe, processor)(foreign_samples(samples))
    ours = SFTCollator(processor)(samples)
    assert torch.equal(batch["input_ids"], ours["input_ids"])
    assert torch.equal(batch["attention_mask"], ours["attention_mask"])
    for row, sample in enumerate(samples):
        _, mask = masked(recipe, sample, processor)
        num_trained = int((batch["labels"][row] != IGNORE_INDEX).sum())
        assert num_trained == int(mask.supervised.sum())


def test_a_collator_of_a_recipe_that_cannot_be_applied_raises(processor, video):
    with pytest.raises(MaskingError, match="generation-tags must be applicable"):
        recipes.generation_tags(processor)(foreign_samples([sample_of(video)]))


@pytest.mark.parametrize("recipe", Recipe)
def test_every_recipe_has_a_factory_of_its_name_that_says_where_it_is_found(recipe):
    factory = getattr(recipes, recipe.replace("-", "_"))
    assert "Source: " in factory.__doc__


def test_a_policy_with_the_newline_agrees_with_a_processor_prefix(processor, video):
    encoded, mask = masked("processor-prefix", sample_of(video), processor)
    ours = encoded.tokens.labels(MaskPolicy(newline=True)) != IGNORE_INDEX
    np.testing.assert_array_equal(mask.supervised, ours)
