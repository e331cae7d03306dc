"""A batch as a whole: what cannot be read, and columns and media that do not belong to its rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vtg_core.audit.batch.rows import rows_of
from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.codes.batch import CODES
from vtg_core.audit.findings import Severity
from vtg_core.audit.run import audit_saved
from vtg_core.regions import IGNORE_INDEX


class Explodes:
    def detach(self):
        raise RuntimeError("boom")


def bad(good, known=True):
    """What is wrong with the batch and its rows; of a saved one where ``known`` is false."""
    if known:
        findings = check_batch(good.batch, good.chat, good.known).findings
    else:
        findings = [f for row in audit_saved(good.batch, good.chat) for f in row.findings]
    return [f for f in findings if f.severity in (Severity.ERROR, Severity.WARNING)]


def found(good, known=True):
    return [finding.code for finding in bad(good, known)]


def one_finding(good, known=True):
    [finding] = bad(good, known)
    return finding


def test_a_good_batch_is_clean_known_or_saved(every_good):
    assert found(every_good) == found(every_good, known=False) == []


@pytest.mark.parametrize("name", ["input_ids", "labels"])
@pytest.mark.parametrize(
    "broken",
    [
        lambda ids: ids.to("meta"),
        lambda ids: ids.to_sparse(),
        lambda ids: ids.float(),
        lambda ids: ids.to(torch.complex64),
        lambda ids: ids[:, :0],
        lambda ids: ids[:0],
        lambda ids: ids[None],
        lambda ids: [[1, 2], [3]],
        lambda ids: [[2**70]],
        lambda ids: "text",
        lambda ids: None,
        lambda ids: Explodes(),
    ],
)
def test_what_is_no_tensor_of_whole_numbers_is_one_finding(good, name, broken):
    good.batch[name] = broken(good.batch[name])
    assert found(good)[0] in ("batch.tensor-malformed", "batch.lengths-differ")
    assert len(found(good)) == len(found(good, known=False)) == 1


@pytest.mark.parametrize("name", ["attention_mask", "video_grid_thw", "mm_token_type_ids", "loss_scale"])
def test_an_object_that_cannot_be_read_raises_nothing(good, name):
    good.batch[name] = Explodes()
    assert found(good) in ([], ["batch.attention-mask-wrong"], ["batch.videos-differ"])


def test_labels_of_another_length_are_one_finding_without_echoes(good):
    good.batch["labels"] = good.batch["labels"][:, :-9]
    assert found(good) == found(good, known=False) == ["batch.lengths-differ"]


# -- attention mask


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda mask: 1 - mask, "is inverted"),
        (torch.zeros_like, "0 everywhere"),
        (lambda mask: -mask, "negative numbers"),
        (lambda mask: mask * float("nan"), "no numbers at all"),
        (lambda mask: mask[:1], "of shape"),
        (lambda mask: mask[:, :-3], "of shape"),
        (lambda mask: mask[0], "of shape"),
        (lambda mask: mask.flip(1), "that are no padding"),
        (
            lambda mask: mask.index_fill(1, torch.arange(30, 60), 0),
            "60 tokens that are no padding, in rows 0, 1",
        ),
    ],
)
def test_a_wrong_attention_mask_is_one_finding_without_echoes(good, broken, said):
    good.batch["attention_mask"] = broken(good.batch["attention_mask"])
    assert found(good) == found(good, known=False) == ["batch.attention-mask-wrong"]
    assert said in one_finding(good).message


def test_masks_that_say_more_than_what_is_padding_are_not_judged(good):
    length = good.batch["input_ids"].shape[1]
    for shape in ((2, length, length), (2, 1, length, length)):
        good.batch["attention_mask"] = torch.zeros(shape)
        assert found(good) == []


def test_padding_that_is_attended_is_a_warning_and_still_padding(every_good):
    every_good.batch["attention_mask"] = torch.ones_like(every_good.batch["attention_mask"])
    finding = one_finding(every_good)
    assert (finding.code, finding.severity) == ("batch.padding-attended", "warning")
    assert finding.evidence["rows"] == [0]


def test_padding_of_another_id_than_the_tokenizers_is_believed(good):
    padding = good.batch["attention_mask"] == 0
    good.batch["input_ids"][padding] = 0
    assert found(good) == []


# -- ids, weights, types


@pytest.mark.parametrize("outside", [-200, 10**6, 2**62])
def test_ids_outside_the_vocabulary_are_named_with_their_rows(good, outside):
    good.batch["input_ids"][1, 5] = outside
    findings = check_batch(good.batch, good.chat, good.known).findings
    [finding] = [f for f in findings if f.code == "batch.id-out-of-vocabulary"]
    assert (finding.evidence["ids"], finding.evidence["rows"]) == ([outside], [1])


@pytest.mark.parametrize("name", ["loss_weights", "loss_scale", "loss_mask"])
def test_weights_that_take_a_trained_answer_out_of_the_loss_are_an_error(good, name):
    trained = (good.batch["labels"] != IGNORE_INDEX).float()
    good.batch[name] = trained
    assert found(good) == []
    good.batch[name] = trained * torch.tensor([[1.0], [0.0]])
    assert one_finding(good).evidence["rows"] == [1]
    assert found(good) == found(good, known=False) == ["batch.weights-zero"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.5])
def test_a_weight_that_no_loss_can_count_is_an_error(good, bad):
    good.batch["loss_weights"] = (good.batch["labels"] != IGNORE_INDEX).float()
    good.batch["loss_weights"][1, -1] = bad
    finding = one_finding(good)
    assert (finding.code, finding.evidence["rows"]) == ("batch.weights-malformed", [1])


@pytest.mark.parametrize("shape", [(2,), (7,)])
def test_weights_without_a_token_axis_are_an_error(good, shape):
    good.batch["loss_weights"] = torch.ones(shape)
    assert found(good) == found(good, known=False) == ["batch.weights-malformed"]


def test_weights_of_another_length_are_an_error(good):
    good.batch["loss_weights"] = torch.ones(good.batch["labels"].shape)[:, 3:]
    assert found(good) == found(good, known=False) == ["batch.lengths-differ"]


def test_weights_on_masked_tokens_are_told_and_a_shift_is_named(good):
    trained = (good.batch["labels"] != IGNORE_INDEX).float()
    good.batch["loss_weights"] = torch.ones_like(trained)
    assert "may be shifted" not in one_finding(good).message
    good.batch["loss_weights"] = torch.roll(trained, -1, dims=1)
    finding = one_finding(good)
    assert (finding.code, finding.evidence["unweighed"]) == ("batch.weights-on-masked", 2)
    assert "the weights may be shifted against the labels" in finding.message


def test_token_types_that_do_not_mark_the_placeholders_are_an_error(every_good):
    types = every_good.batch["mm_token_type_ids"]
    assert types.any()
    every_good.batch["mm_token_type_ids"] = torch.zeros_like(types)
    assert found(every_good) == ["batch.token-types-differ"]
    every_good.batch["mm_token_type_ids"] = torch.roll(types, 1, dims=1)
    assert found(every_good) == found(every_good, known=False) == ["batch.token-types-differ"]


# -- videos


@pytest.mark.parametrize(
    "broken",
    [
        lambda grid: grid[:1],
        lambda grid: grid[:0],
        lambda grid: grid.repeat(50, 1),
        lambda grid: grid[0],
        lambda grid: -grid,
        lambda grid: grid * 2**31,
        lambda grid: grid * float("nan"),
        lambda grid: "text",
    ],
)
def test_grids_that_are_not_those_of_the_rows_are_one_finding(every_good, broken):
    every_good.batch["video_grid_thw"] = broken(every_good.batch["video_grid_thw"])
    assert found(every_good) == found(every_good, known=False) == ["batch.videos-differ"]


def test_the_counts_of_a_missing_video_are_told(good):
    expected = int(good.batch["video_grid_thw"][0].prod()) // 4
    placeholders = int((good.batch["mm_token_type_ids"] != 0).sum())
    good.batch["video_grid_thw"] = good.batch["video_grid_thw"][:1]
    counts = {"grids": 1, "expected": 0, "placeholders": placeholders - expected}
    assert (one_finding(good).row, one_finding(good).evidence) == (1, counts)


def test_pixels_that_are_not_those_of_the_grids_are_an_error(good):
    good.batch["pixel_values_videos"] = good.batch["pixel_values_videos"][:-4]
    assert found(good) == found(good, known=False) == ["batch.videos-differ"]


def test_a_video_of_another_size_is_told_by_its_row_alone(good):
    good.batch["video_grid_thw"][0, 0] *= 2
    assert found(good) == found(good, known=False) == ["length.placeholders-differ"]


def test_a_batch_without_media_is_not_asked_for_them(good):
    batch = {name: good.batch[name] for name in ("input_ids", "labels", "attention_mask")}
    assert [
        f.code for row in audit_saved(batch, good.chat) for f in row.findings if f.severity == "error"
    ] == []


# -- rows


def test_rows_that_were_dropped_and_rows_that_were_packed_are_told_apart(good):
    whole = dict(good.batch)
    first = {name: whole[name][:1] for name in ("input_ids", "labels", "attention_mask")}
    dropped = replace(good, batch=first)
    assert found(dropped) == ["batch.rows-differ"]
    assert one_finding(dropped).message.endswith("the collator dropped all samples but the first.")
    prompted = np.array([[*first["input_ids"][0].tolist(), *good.chat.openings["assistant"]]])
    both = replace(good, batch={"input_ids": prompted, "labels": prompted})
    assert one_finding(both).message.endswith("the collator dropped all samples but the first.")
    attended = whole["attention_mask"] != 0
    packed = {name: whole[name][attended][None] for name in ("input_ids", "labels")}
    finding = one_finding(replace(good, batch=packed))
    assert finding.code == "batch.rows-differ"
    assert "several samples seem packed into one row: audit with --batch-size 1" in finding.message


def test_rows_in_another_order_are_one_finding_and_judged_as_what_they_are(every_good):
    swapped = {name: every_good.batch[name].flip(0) for name in ("input_ids", "labels", "attention_mask")}
    media = {name: value.flip(0) for name, value in every_good.batch.items() if name in ("video_grid_thw", "second_per_grid_ts")}  # fmt: skip
    every_good.batch.clear()
    every_good.batch.update(swapped | media)
    assert found(every_good) == ["batch.rows-swapped"]
    rows, _ = rows_of(every_good.batch, every_good.chat, every_good.known)
    assert [row.number for row in rows] == [1, 0]


def test_every_code_of_a_batch_is_found_by_a_test_of_this_folder():
    written = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    untested = [code.name for code in CODES if f'"{code.name}"' not in written]
    assert untested == []


def test_a_batch_without_labels_says_what_it_holds(good):
    del good.batch["labels"]
    finding = one_finding(good)
    assert finding.code == "batch.tensor-missing"
    assert "holds input_ids" in finding.message


def test_a_check_of_ours_that_fails_is_one_finding_and_the_others_go_on(good, monkeypatch):
    from vtg_core.audit.checks import prompt as parity
    from vtg_core.audit.checks import times as time

    def fails(row):
        raise ZeroDivisionError("a fault of ours")
        yield

    monkeypatch.setattr(parity, "check", fails)
    monkeypatch.setattr(time, "check", fails)
    good.batch["labels"][1] = np.int64(IGNORE_INDEX)
    findings = check_batch(good.batch, good.chat, good.known).findings
    assert [f.code for f in findings] == ["ours.check-failed", "mask.nothing-trained", "ours.check-failed"]
    assert findings[0].evidence["error"] == "ZeroDivisionError"
    assert findings[0].evidence["message"] == "a fault of ours"
