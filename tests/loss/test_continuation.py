import warnings
from copy import deepcopy
from inspect import Parameter, Signature

import pytest
import torch

from tests import families
from vtg_core.errors import LossError, OutOfMemoryError
from vtg_core.loss import continuation
from vtg_core.loss.continuation import cache_argument, why_not_continued

DEMOS = ["demo", "demo-qwen2.5-vl"]
OTHER_LOGITS = "continued at a tree of tokens, it gives other logits than in a plain pass"


def given_less(model, **changed):
    """Return a copy whose forward pass changes or drops some of what it is given."""
    own = deepcopy(model)
    forward = own.forward

    def deaf(**inputs):
        for name, change in changed.items():
            if inputs.get(name) is not None:
                inputs[name] = change(inputs[name])
        return forward(**{name: value for name, value in inputs.items() if value is not None})

    own.forward = deaf
    return own


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", DEMOS)
@pytest.mark.parametrize("factor", [1, 3, 10])
def test_the_demos_can_be_continued_however_decisive_they_are(models_by_name, name, dtype, factor):
    assert why_not_continued(families.sharpened(models_by_name[name], factor).to(dtype)) == ""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", DEMOS)
def test_a_model_that_heeds_no_mask_is_found_out(models_by_name, name, dtype):
    def all_seen(mask):
        return mask.tril() * 0 if mask.ndim == 4 else mask

    model = given_less(models_by_name[name].float(), attention_mask=all_seen)
    assert why_not_continued(model.to(dtype)) == OTHER_LOGITS


@pytest.mark.parametrize("name", DEMOS)
def test_a_model_that_heeds_no_positions_is_found_out(models_by_name, name):
    def one_after_the_other(positions):
        return positions.min() + torch.arange(positions.shape[-1])[None]

    model = given_less(models_by_name[name], position_ids=one_after_the_other)
    assert why_not_continued(model) == OTHER_LOGITS


def test_a_model_that_refuses_is_asked_for_its_reason(models_by_name):
    def refuse(_mask):
        raise AssertionError("no mask of four dimensions, please")

    model = given_less(models_by_name["demo"], attention_mask=refuse)
    assert why_not_continued(model) == "it cannot be continued (no mask of four dimensions, please)"


def test_a_model_without_logits_to_keep_is_continued_all_the_same(models_by_name):
    model = given_less(models_by_name["demo"], logits_to_keep=lambda _: 0)  # every position's
    assert why_not_continued(model) == ""


def test_too_little_memory_is_an_error_and_no_answer(models_by_name):
    def refuse(_cache):
        raise torch.OutOfMemoryError("CUDA out of memory")

    model = given_less(models_by_name["demo"], **dict.fromkeys(("cache", "past_key_values"), refuse))
    with pytest.raises(OutOfMemoryError):
        why_not_continued(model)
    del model.forward
    assert why_not_continued(model) == ""


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_a_cache_is_given_by_the_name_that_the_signature_has(models_by_name, name):
    model = deepcopy(models_by_name["demo"])
    own, given = model.forward, []

    def forward(input_ids=None, **inputs):
        given.append({"cache", "past_key_values"} & set(inputs))
        inputs[cache_argument(models_by_name["demo"])] = inputs.pop(name, None)
        return own(input_ids=input_ids, **inputs)

    forward.__signature__ = Signature([Parameter(n, Parameter.KEYWORD_ONLY) for n in ("input_ids", name)])
    model.forward = forward
    assert why_not_continued(model) == ""
    assert given[:2] == [{name}, {name}]


def test_a_model_that_names_no_cache_says_what_it_takes():
    class Other(torch.nn.Module):
        def forward(self, input_ids, state=None):
            return input_ids, state

    with pytest.raises(
        LossError, match="must take a cache as cache or past_key_values, and takes self, input_ids"
    ):
        cache_argument(Other())


def test_a_librarys_warning_is_no_reason_why_a_model_cannot(models_by_name):
    def warn(ids):
        warnings.warn("input_ids will be called ids", FutureWarning, stacklevel=2)
        return ids

    model = given_less(models_by_name["demo"], input_ids=warn)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FutureWarning):
            why_not_continued(model)
    with pytest.warns(FutureWarning):
        assert why_not_continued(model) == ""


def test_attention_without_masks_is_named(models_by_name):
    model = deepcopy(models_by_name["demo"])
    model.config.get_text_config()._attn_implementation = "flash_attention_2"
    assert why_not_continued(model) == "its attention (flash_attention_2) takes no mask of our own"


def test_a_model_is_asked_once_for_each_type_it_takes(models_by_name, monkeypatch):
    asked, ask = [], continuation._continues_exactly

    def counted(model, texts):
        asked.append(model.dtype)
        return ask(model, texts)

    monkeypatch.setattr(continuation, "_continues_exactly", counted)
    model = deepcopy(models_by_name["demo"])
    for dtype in (torch.float32, torch.float32, torch.bfloat16, torch.float32):
        assert why_not_continued(model.to(dtype)) == ""
    assert asked == [torch.float32, torch.bfloat16]


def test_a_model_in_training_is_asked_in_evaluation_mode_and_put_back(models_by_name):
    model = deepcopy(models_by_name["demo"]).train()
    model.model.language_model.layers[0].self_attn.attention_dropout = 0.5
    assert why_not_continued(model) == ""
    assert model.training


@pytest.mark.parametrize("name", DEMOS)
def test_no_special_id_is_asked(models_by_name, name):
    model, seen = models_by_name[name], []
    given = given_less(model, input_ids=lambda ids: seen.extend(ids.flatten().tolist()) or ids)
    why_not_continued(given)
    config = model.config
    assert len(set(seen)) == 49
    assert not {config.video_token_id, config.image_token_id, config.text_config.eos_token_id} & set(seen)


def test_special_ids_in_the_middle_of_a_vocabulary_are_stepped_over(models_by_name):
    model = deepcopy(models_by_name["demo"])
    middle = model.get_input_embeddings().num_embeddings // 2
    model.config.video_token_id, model.config.text_config.eos_token_id = middle, [middle + 1, middle + 2]
    ids = {int(i) for text in continuation._texts(model) for i in text}
    assert not {middle, middle + 1, middle + 2} & ids
    assert why_not_continued(model) == ""
