"""What the Audit tab shows, and that it belongs to what is on screen."""

import json
from dataclasses import replace

import pytest
import torch

from tests.conftest import ASSETS
from vtg_core.audit.batch.files import load_batch
from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.audit.bugs.table import BUGS
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import audit_saved
from vtg_core.checkpoints.loading import load_checkpoint
from vtg_core.dashboard import Settings, build_dashboard
from vtg_core.dashboard.inputs import END_OF_TURN, NEWLINE, Inputs
from vtg_core.dashboard.masks import AuditSource, Choice, first_mask, mask_choices
from vtg_core.dashboard.tabs.audit import first_strip
from vtg_core.dashboard.work.audit import no_audit, show_audit, show_recipe_losses
from vtg_core.dashboard.work.loss import show_batch_loss
from vtg_core.data.annotations import load_annotations
from vtg_core.errors import LossCancelledError, VTGError
from vtg_core.recipes.rules import Recipe
from vtg_core.video.plan import FramePolicy
from vtg_core.views.audit import view_finding
from vtg_core.views.samples import as_json
from vtg_core.views.tokens import LEAK

SETTINGS = Settings(frames=FramePolicy(num_frames=8))
FILE = ASSETS / "demo_annotations.json"
OF_FILE = replace(SETTINGS, annotations=load_annotations(FILE).annotations, annotation_file=FILE)


def inputs(**changed):
    values = {
        "video": str(ASSETS / "red_circle.mp4"), "query": "a red circle appears", "start": 8, "end": 14,
        "mode": "standard", "num_frames": 8, "trained": [END_OF_TURN], "template": "direct", "row": None,
    }  # fmt: skip
    return Inputs.read(SETTINGS, **{**values, **changed})


def silent(at, what):
    assert 0 <= at <= 1
    assert what


def audited(choice=Choice(), settings=SETTINGS, of=None):  # noqa: B008
    result = show_audit(settings, of or inputs(), choice, silent)
    tokens = None if result.tokens is None else json.loads(result.tokens)
    return json.loads(result.strip), json.loads(result.audit), json.loads(result.recipes), tokens


def bad(view):
    return [f["code"] for f in view["findings"] if f["severity"] in ("error", "warning")]


def saved_batch(folder, num_rows=2):
    """A batch of our own collator whose last row is trained whole."""
    from vtg_core.checkpoints.loading import load_processor
    from vtg_core.collator import SFTCollator
    from vtg_core.dataset import VideoTemporalSFTDataset

    dataset = VideoTemporalSFTDataset(FILE, template_seed=1, frames=FramePolicy(num_frames=8))
    batch = dict(SFTCollator(load_processor("demo"))([dataset[i] for i in range(num_rows)]))
    batch["labels"][-1] = batch["input_ids"][-1].masked_fill(batch["attention_mask"][-1] == 0, -100)
    torch.save(batch, folder / "batch.pt")
    return folder / "batch.pt"


def tampered_batch(folder):
    """A batch of which one token of the answer was changed, in ids and labels alike."""
    path = saved_batch(folder, num_rows=1)
    batch = torch.load(path)
    place = int((batch["labels"][0] != -100).nonzero()[-1])
    batch["input_ids"][0, place - 1] = batch["input_ids"][0, 0]
    torch.save(batch, path)
    return path


def found_by_the_command(path):
    checkpoint = load_checkpoint("demo")
    chat = ChatIds.of(checkpoint.processor, checkpoint.stop_ids)
    model = AskedModel.of_checkpoint("demo", chat)
    return [f for row in audit_saved(load_batch(path), chat, model=model) for f in row.findings]


def test_the_model_is_asked_of_a_batch_on_the_page_as_on_the_command_line(user_cache, tmp_path):
    path = saved_batch(tmp_path, num_rows=1)
    batch = torch.load(path)
    del batch["mm_token_type_ids"]
    torch.save(batch, path)
    _, view, _, _ = audited(Choice(AuditSource.BATCH, row=0), replace(SETTINGS, batch=path))
    found = [finding.code for finding in found_by_the_command(path) if finding.severity == "error"]
    assert bad(view) == found
    assert "batch.model-refuses" in found


def test_the_page_gives_the_same_reasons_for_a_tampered_batch_as_the_command(user_cache, tmp_path):
    settings = replace(SETTINGS, batch=tampered_batch(tmp_path))
    _, view, _, _ = audited(Choice(AuditSource.BATCH, row=0), settings)
    found = found_by_the_command(settings.batch)
    shown = json.loads(as_json([view_finding(finding) for finding in found]))
    said = [
        {**finding, "issue": ""} for finding in view["findings"]
    ]  # that quotes the row, which the page has drawn
    assert sorted(said, key=str) == sorted(({**one, "issue": ""} for one in shown), key=str)
    assert any("opens with a header that no role of ours has" in says for _, says in view["readings"])


def test_a_clean_sample_says_what_was_checked_and_who_agrees(user_cache):
    strip, view, recipes, tokens = audited()
    assert strip.pop("audit") == view
    assert strip == {
        "source": "our collator", "num_errors": 0, "num_warnings": 0, "note": "", "is_broken": False,
        "recipe": None, "num_tokens": 0, "counts": None,
    }  # fmt: skip
    assert bad(view) == []
    assert view["verdict"] == "3 independent readings agree on 12 tokens to train."
    assert [says for _, says in view["readings"]] == ["✓ 12 tokens"] * 3
    assert [is_checked for *_, is_checked in view["checked"]] == [True] * 7
    assert tokens is None
    assert len(recipes["recipes"]) == 7


def test_what_the_mask_policy_chooses_is_a_policy_and_no_error(user_cache):
    _, view, _, _ = audited(of=inputs(trained=[END_OF_TURN, NEWLINE]))
    assert bad(view) == []
    assert [f["code"] for f in view["findings"] if f["severity"] == "policy"] == ["mask.newline-trained"]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_each_bug_is_named_on_the_page_or_said_not_to_apply(user_cache, bug):
    views = [
        audited(Choice(AuditSource.BROKEN, bug=bug.name), of=inputs(mode=mode))[:2]
        for mode in ("standard", "temporal_tokens")
    ]
    named = [view for _, view in views if set(bad(view)) & set(bug.codes)]
    assert named, views
    assert all(view["problem"] for _, view in views if view not in named)
    assert all(strip["source"] == f"broken: {bug.name}" for strip, _ in views)


def texts_of(tokens):
    """The text of each token of a view."""
    runs = dict(tokens["runs"])
    return [
        tokens["pieces"][number]
        for row, number in enumerate(tokens["token"])
        for _ in range(runs.get(row, 1))
    ]


def test_a_finding_has_its_reason_its_figures_and_its_tokens(user_cache):
    _, view, recipes, tokens = audited(Choice(AuditSource.BROKEN, bug="header-in"))
    [finding] = [f for f in view["findings"] if f["code"] == "mask.header-trained"]
    assert finding["why"].startswith("The generation prompt already holds the header")
    assert ["share of loss tokens", "20.0%"] in finding["evidence"]
    [[start, end]] = finding["regions"]
    assert texts_of(tokens)[start:end] == ["<|im_start|>", "assistant", "\n"]
    assert any(first <= start < end <= last for first, last in tokens["trained"])
    assert [run for run in tokens["verdicts"] if run[2] == LEAK] == [[start, end, LEAK]]
    assert "Choose our collator" in recipes["note"]
    assert view["banner"].startswith("The assistant's header is trained (found in")


def test_labels_that_are_other_tokens_are_shown_as_such(user_cache):
    *_, tokens = audited(Choice(AuditSource.BROKEN, bug="labels-shifted"))
    (_, end, label), *_ = tokens["other_labels"]
    assert tokens["pieces"][label] == texts_of(tokens)[end] == "["


def test_a_foreign_collator_is_audited_on_the_sample_on_screen(user_cache):
    settings = replace(SETTINGS, collator="vtg_core.recipes:text_prefix")
    strip, view, _, tokens = audited(Choice(AuditSource.COLLATOR), settings)
    assert (strip["source"], strip["num_errors"]) == ("vtg_core.recipes:text_prefix", 1)
    assert bad(view) == ["mask.counted-before-expansion"]
    assert tokens["totals"]["video"][1] > 200


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("no_such_module:collate", "collator.not-found"),
        ("math:sqrt", "collator.raises"),
        ("builtins:len", "collator.returns-no-batch"),
    ],
)
def test_a_collator_that_cannot_be_used_is_one_finding(user_cache, name, code):
    strip, view, _, tokens = audited(Choice(AuditSource.COLLATOR), replace(SETTINGS, collator=name))
    assert strip["num_errors"] == 1
    assert bad(view) == [code]
    assert "There is no row to show" in tokens["reason"]


def test_a_saved_batch_is_audited_row_by_row_without_a_sample(user_cache, tmp_path):
    settings = replace(SETTINGS, batch=saved_batch(tmp_path))
    assert first_mask(settings) == "batch"
    views = [
        json.loads(show_audit(settings, None, Choice(AuditSource.BATCH, row=row), silent).audit)
        for row in (0, 1)
    ]
    assert [bad(view) for view in views] == [[], ["mask.nothing-masked"]]
    assert views[1]["source"] == "batch.pt, row 1"
    unchecked = [name for name, _, is_checked in views[0]["checked"] if not is_checked]
    assert unchecked == ["Time", "Answer"], "a batch brings no window and no times to hold its row against"
    with pytest.raises(VTGError, match="from 0 to 1, got 2"):
        show_audit(settings, None, Choice(AuditSource.BATCH, row=2), silent)


@pytest.mark.parametrize("mask", ["collator", "batch", "nobody", "", None, 1, ["ours"], "broken", "../x"])
def test_only_masks_that_the_page_offers_are_shown(mask):
    with pytest.raises(VTGError, match="among the page's own choices"):
        Choice.read(SETTINGS, mask, 0)


def test_every_mask_of_the_page_has_a_name_of_its_own_and_is_offered_once(tmp_path):
    settings = replace(SETTINGS, collator="a:b", batch=tmp_path / "batch.pt")
    names = [name for _, masks in json.loads(mask_choices(settings)) for name, _ in masks]
    assert len(names) == len(set(names)) == 3 + len(Recipe) + len(BUGS)
    assert len({Choice.read(settings, name, 0) for name in names}) == len(names)


def test_a_first_visit_opens_on_a_mask_that_leaks_and_any_other_on_what_was_given(tmp_path):
    assert first_mask(SETTINGS) == "text-prefix"
    assert first_mask(OF_FILE) == first_mask(replace(SETTINGS, checkpoint="other")) == "ours"
    assert first_mask(replace(OF_FILE, collator="a:b")) == "collator"


def test_a_recipes_mask_is_audited_as_its_own_and_coloured_beside_ours(user_cache):
    strip, view, recipes, tokens = audited(Choice(AuditSource.RECIPE, recipe="text-prefix"))
    assert (strip["source"], strip["num_errors"]) == ("recipe: text-prefix", 1)
    assert bad(view) == ["mask.counted-before-expansion"]
    assert strip["recipe"] == recipes["recipes"][0]
    assert tokens is None, "our own tokens, which its runs colour"


def test_a_recipe_that_cannot_be_applied_says_why_and_shows_nobody_elses_tokens(user_cache):
    strip, view, recipes, tokens = audited(Choice(AuditSource.RECIPE, recipe="generation-tags"))
    assert strip["num_errors"] is None
    assert "generation" in view["problem"]
    assert tokens == {"reason": view["problem"]}
    assert recipes["recipes"]


@pytest.mark.parametrize("row", [None, -1, 1.5, float("inf"), float("nan"), 2.0**60])
def test_the_row_of_a_batch_is_a_whole_number(tmp_path, row):
    with pytest.raises(VTGError, match="whole number from 0"):
        Choice.read(replace(SETTINGS, batch=tmp_path), "batch", row)


def test_what_is_audited_keeps_its_name_where_the_rest_of_the_choice_is_wrong(tmp_path):
    settings = replace(SETTINGS, batch=tmp_path / "batch.pt")
    assert Choice.of(settings, "batch").name(settings) == "batch.pt"
    assert Choice.of(settings, "nobody").name(settings) == "our collator"


def test_the_strip_counts_nothing_before_the_first_audit():
    strip = json.loads(first_strip(replace(SETTINGS, collator="a:b")))
    assert (strip["source"], strip["note"]) == ("a:b", "nothing audited yet")
    assert strip["num_errors"] is strip["num_warnings"] is None


def test_what_is_chosen_while_an_audit_runs_is_audited_after_it():
    shows = [fn for fn in build_dashboard(OF_FILE).fns.values() if fn.name == "_show"]
    assert shows
    assert {fn.trigger_mode for fn in shows} == {"always_last"}


def test_what_could_not_be_audited_says_why_and_counts_nothing():
    result = no_audit(SETTINGS, Choice(), "the video is gone")
    assert json.loads(result.audit)["problem"] == "The video is gone."
    assert json.loads(result.strip)["num_errors"] is None


def test_recipes_are_counted_by_region_and_coloured_by_runs(user_cache):
    _, _, view, _ = audited()
    by_name = {recipe["name"]: recipe for recipe in view["recipes"]}
    prefix = by_name["text-prefix"]
    leaks = sum(count for _, count in prefix["leaks"])
    assert prefix["num_supervised"] == leaks + view["num_ours"]
    assert sum(end - start for start, end, code in prefix["runs"] if code == 2) == leaks
    assert by_name["role-markers"]["leaks"] == by_name["role-markers"]["holes"] == []
    assert "generation" in by_name["generation-tags"]["reason"]
    assert not view["is_scored"]


def test_one_pass_gives_every_recipe_its_loss_and_the_table_keeps_it(user_cache):
    of = inputs(query="a red circle, scored")
    view = json.loads(show_recipe_losses(SETTINGS, of, silent, lambda: False))
    losses = {recipe["name"]: recipe["loss"] for recipe in view["recipes"]}
    assert losses["role-markers"] == view["our_loss"]
    assert losses["all-tokens"] != view["our_loss"]
    assert losses["generation-tags"] is None
    assert audited(of=of)[2] == view


def test_the_pass_of_the_recipes_can_be_cancelled(user_cache):
    with pytest.raises(LossCancelledError, match="your input is kept"):
        show_recipe_losses(SETTINGS, inputs(), silent, lambda: True)


def test_a_saved_batch_has_a_loss_under_its_own_labels(tmp_path, user_cache):
    settings = replace(SETTINGS, batch=saved_batch(tmp_path))
    batch = torch.load(settings.batch)
    for row in (0, 1):
        view = json.loads(show_batch_loss(settings, inputs(), silent, lambda: False, row=row).loss)
        assert len(view["tokens"]) == int((batch["labels"][row, 1:] != -100).sum())
        assert view["sample"] == f"batch.pt, row {row}"
        assert view["reading"].startswith("Under the batch's own labels")
    with pytest.raises(VTGError, match="must be from 0 to 1, got 2"):
        show_batch_loss(settings, inputs(), silent, lambda: False, row=2)
