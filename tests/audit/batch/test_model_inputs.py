"""What the checkpoint's own class says of a batch, without weights."""

from dataclasses import replace

import pytest
import torch

from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.run import audit_saved
from vtg_core.checkpoints.loading import load_config

NAMES = ("demo", "demo-qwen2.5-vl")


@pytest.fixture(scope="module")
def asked(originals):
    return {
        name: AskedModel.of(load_config(name), originals[name, "standard", "right"].chat) for name in NAMES
    }


@pytest.fixture(params=[(name, side) for name in NAMES for side in ("left", "right")], ids="-".join)
def batch(originals, asked, request):
    name, side = request.param
    return originals[name, "standard", side].copy(), asked[name]


def found(good, model, *, saved=False):
    if saved:
        findings = [f for row in audit_saved(good.batch, good.chat, model=model) for f in row.findings]
    else:
        findings = check_batch(good.batch, good.chat, good.known, model=model).findings
    return [f for f in findings if f.code.startswith("batch.")]


def codes(good, model, **options):
    return [finding.code for finding in found(good, model, **options)]


def test_the_processors_own_batch_is_taken(batch):
    good, model = batch
    assert (model.reason, codes(good, model), codes(good, model, saved=True)) == ("", [], [])


@pytest.mark.parametrize("saved", [False, True])
def test_a_batch_without_token_types_is_refused_in_the_models_own_words(originals, asked, saved):
    good, model = originals["demo", "standard", "right"].copy(), asked["demo"]
    del good.batch["mm_token_type_ids"]
    (finding,) = found(good, model, saved=saved)
    assert (finding.code, finding.severity) == ("batch.model-refuses", "error")
    assert "Qwen3VLModel says ValueError" in finding.message
    assert "`mm_token_type_ids` is missing" in finding.message


def test_a_model_that_counts_videos_as_text_without_token_types_is_told_of(originals, asked):
    good, model = originals["demo-qwen2.5-vl", "standard", "right"].copy(), asked["demo-qwen2.5-vl"]
    del good.batch["mm_token_type_ids"]
    (finding,) = found(good, model)
    assert (finding.code, finding.evidence["missing"]) == ("batch.model-input-missing", ["mm_token_type_ids"])


def test_token_types_of_the_prompt_alone_are_refused(batch):
    good, model = batch
    good.batch["mm_token_type_ids"] = good.batch["mm_token_type_ids"][:, :-9]
    assert codes(good, model) == ["batch.lengths-differ", "batch.model-refuses"]


@pytest.mark.parametrize("name", ["video_grid_thw", "pixel_values_videos"])
def test_placeholders_without_grids_or_pixels_are_named(batch, name):
    good, model = batch
    del good.batch[name]
    (finding,) = found(good, model)
    assert (finding.code, finding.evidence["missing"]) == ("batch.model-input-missing", [name])


def test_seconds_are_asked_for_where_the_model_counts_by_them(originals, asked):
    good = originals["demo-qwen2.5-vl", "standard", "right"].copy()
    model, seconds = asked["demo-qwen2.5-vl"], good.batch.pop("second_per_grid_ts")
    assert codes(good, model) == ["batch.model-input-missing"]
    good.batch["second_per_grid_ts"] = torch.as_tensor(seconds)[:1]
    assert "batch.model-input-missing" in codes(good, model)


def test_ids_of_a_part_of_the_batch_are_no_whole_one(batch):
    good, model = batch
    part = {name: good.batch[name] for name in ("input_ids", "labels", "attention_mask")}
    assert codes(replace(good, batch=part), model, saved=True) == []


# -- positions


@pytest.mark.parametrize("moved", [0, 7])
def test_the_models_own_positions_are_right_wherever_they_begin(batch, moved):
    good, model = batch
    positions = torch.as_tensor(model.positions(good.batch)) + moved
    good.batch["position_ids"] = positions
    assert codes(good, model) == []
    good.batch["position_ids"] = torch.cat([positions[:1], positions])
    assert codes(good, model) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda p: p[:, :, :-20], "must have shape"),
        (lambda p: torch.cat([p, p], dim=2), "not along the axis of the tokens"),
        (lambda p: p.permute(1, 0, 2), "in another order"),
        (lambda p: p.flip(0), "axes of time, height and width are in another order"),
        (lambda p: torch.arange(p.shape[2]).expand(p.shape), "count on as for text"),
        (lambda p: torch.arange(p.shape[2]).expand(p.shape[1:]), "count on as for text"),
    ],
)
def test_other_positions_are_an_error_that_says_how_they_differ(batch, broken, said):
    good, model = batch
    good.batch["position_ids"] = broken(torch.as_tensor(model.positions(good.batch)))
    findings = found(good, model)
    assert {f.code for f in findings} == {"batch.positions-differ"}
    assert said in findings[0].message


def test_positions_of_packed_rows_are_passed_over(batch):
    good, model = batch
    length = good.batch["input_ids"].shape[1]
    good.batch["position_ids"] = torch.arange(length).expand(2, -1) % 50
    good.batch["cu_seq_lens_q"] = torch.tensor([0, 50, length])
    assert codes(good, model) == ["batch.attention-mask-kind"]


# -- masks, and models that cannot be asked


def test_a_mask_of_another_kind_is_named(batch):
    good, model = batch
    length = good.batch["input_ids"].shape[1]
    good.batch["position_ids"] = torch.as_tensor(model.positions(good.batch))
    good.batch["attention_mask"] = torch.zeros((2, 1, length, length))
    (finding,) = found(good, model)
    assert (finding.code, finding.severity) == ("batch.attention-mask-kind", "info")
    assert f"(2, 1, {length}, {length})" in finding.message


def test_a_class_that_cannot_be_built_is_said_not_to_be_asked(good):
    del good.batch["mm_token_type_ids"]
    model = AskedModel.of(object(), good.chat)
    assert [(f.code, f.severity) for f in found(good, model)] == [("batch.model-not-asked", "info")]
