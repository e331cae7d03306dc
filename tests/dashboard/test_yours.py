"""A person's own collator beside ours, on every tab."""

import json
import sys
import types
from dataclasses import replace

import pytest

from tests.dashboard.test_audit import SETTINGS, audited, inputs, silent
from vtg_core.collator import SFTCollator
from vtg_core.dashboard.masks import AuditSource, Choice, is_of_sample
from vtg_core.dashboard.work.audit import show_audit, show_recipe_losses
from vtg_core.dashboard.work.loss import show_loss
from vtg_core.recipes.masks import text_prefix

YOURS = Choice(AuditSource.COLLATOR)
LEAKING = replace(SETTINGS, collator="vtg_core.recipes:text_prefix")


def with_a_word_before(processor):
    """A collator that masks right, and writes something of its own before our prompt."""
    own = SFTCollator(processor)

    def collate(samples):
        system = {"role": "system", "content": [{"type": "text", "text": "Be brief."}]}
        return own([{**sample, "messages": [system, *sample["messages"]]} for sample in samples])

    return collate


def that_fails(processor):
    def collate(samples):
        raise KeyError("frames")

    return collate


@pytest.fixture(autouse=True)
def module(monkeypatch):
    """The collators of this file, by names that the page can be started with."""
    found = types.ModuleType("their_code")
    found.with_a_word_before, found.that_fails, found.text_prefix = (
        with_a_word_before,
        that_fails,
        text_prefix,
    )
    monkeypatch.setitem(sys.modules, "their_code", found)


def settings_of(name):
    return replace(SETTINGS, collator=f"their_code:{name}")


@pytest.mark.parametrize("choice", [YOURS, Choice(), Choice(AuditSource.RECIPE)])
def test_a_collator_stands_among_the_recipes_whatever_mask_is_shown(user_cache, choice):
    _, _, recipes, _ = audited(choice, LEAKING)
    yours = recipes["yours"]
    assert (yours["name"], yours["num_supervised"], yours["holes"]) == (LEAKING.collator, 287, [])
    assert sum(count for _, count in yours["leaks"]) == 275
    assert next(one["name"] for one in recipes["recipes"]) == "text-prefix"


def test_the_strip_counts_what_a_collator_does_wrong_and_nothing_of_ours(user_cache):
    assert audited(YOURS, LEAKING)[0]["counts"] == [287, 275, 0]
    assert audited(YOURS, settings_of("with_a_word_before"))[0]["counts"] == [12, 0, 0]
    assert audited(Choice(), LEAKING)[0]["counts"] is None


def test_where_no_collator_was_given_none_stands_there(user_cache):
    assert audited()[2]["yours"] is None


def test_a_collator_that_fails_says_why_among_the_recipes(user_cache):
    strip, _, recipes, _ = audited(YOURS, settings_of("that_fails"))
    assert strip["num_errors"] == 1
    assert recipes["yours"]["num_supervised"] is None
    assert "KeyError: 'frames'" in recipes["yours"]["reason"]


def test_its_prompt_stands_beside_ours_and_what_differs_is_marked(user_cache):
    pair = json.loads(show_audit(settings_of("with_a_word_before"), inputs(), YOURS, silent).pair)
    ours, theirs = pair["sides"]
    assert next(part["kind"] for part in theirs["parts"] if part["is_other"]) == "role_header"
    assert "Be brief." in theirs["text"]
    assert "Be brief." not in ours["text"]
    assert theirs["num_supervised"] == ours["num_supervised"] == 12
    assert "part at token" in pair["said"]


def test_a_prompt_that_is_ours_token_by_token_says_so(user_cache):
    pair = json.loads(show_audit(LEAKING, inputs(), YOURS, silent).pair)
    assert "tokens are those of our own row, one by one" in pair["said"]
    assert not any(part["is_other"] for side in pair["sides"] for part in side["parts"])
    ours, theirs = pair["sides"]
    assert ours["text"] == theirs["text"]
    assert {part["fault"] for part in ours["parts"]} == {""}
    leaked = [part for part in theirs["parts"] if part["fault"] == "leak"]
    assert sum(part["num_supervised"] for part in leaked) == sum(part["num_tokens"] for part in leaked) == 275


def test_both_sides_hold_every_token_once(user_cache):
    pair = json.loads(show_audit(settings_of("with_a_word_before"), inputs(), YOURS, silent).pair)
    for side in pair["sides"]:
        assert sum(part["num_tokens"] for part in side["parts"]) == side["num_tokens"]


def test_its_loss_comes_from_our_pass_and_is_the_recipes_own(user_cache):
    scored = show_loss(LEAKING, inputs(), silent, lambda: False)
    loss, recipes = json.loads(scored.loss), json.loads(scored.recipes)
    [recipe] = [one for one in recipes["recipes"] if one["name"] == "text-prefix"]
    assert recipes["yours"]["loss"] == pytest.approx(recipe["loss"], abs=1e-6)
    assert [row["name"] for row in loss["recipes"]][:2] == ["ours", LEAKING.collator]
    assert loss["figures"][1]["value"] == recipes["yours"]["loss"]


def test_a_row_of_its_own_is_scored_in_a_pass_of_its_own(user_cache):
    settings = settings_of("with_a_word_before")
    recipes = json.loads(show_recipe_losses(settings, inputs(), silent, lambda: False))
    assert "a pass of its own" in recipes["yours"]["does"]
    assert recipes["yours"]["loss"] != recipes["our_loss"]
    assert recipes["yours"]["loss"] == pytest.approx(recipes["our_loss"], rel=0.5)


def test_what_is_of_the_sample_on_screen_has_recipes_beside_it():
    masks = ("ours", "collator", "text-prefix", "batch", "header-in", [])
    assert [is_of_sample(mask) for mask in masks] == [True, True, True, False, False, False]
