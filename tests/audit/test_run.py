import csv
import io
import json

import pytest

from tests.conftest import ASSETS
from vtg_core.audit.codes.audit import UNREADABLE
from vtg_core.audit.findings import Severity
from vtg_core.audit.foreign.collators import load_collator
from vtg_core.audit.report import Report, RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import audit_collator, audit_rows, audit_saved, unreadable_rows, verify_rows
from vtg_core.collator import SFTCollator
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.errors import MaskingError
from vtg_core.files.outputs import replace_text
from vtg_core.files.spreadsheet import unguarded
from vtg_core.masking.pixel_free import PixelFreeEncoder
from vtg_core.video.plan import FramePolicy

BAD = (Severity.ERROR, Severity.WARNING)


@pytest.fixture(scope="session")
def chat(processor):
    return ChatIds.of(processor, [processor.tokenizer.eos_token_id])


def dataset(tmp_path, *rows, **options):
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([{"video": "red_circle.mp4", **row} for row in rows]))
    options = {"frames": FramePolicy(num_frames=4), "on_error": "skip", "template_seed": 0, **options}
    return VideoTemporalSFTDataset(file, ASSETS, **options)


GOOD = {"timestamp": [8, 14], "sentence": "a red circle appears"}


def codes(rows, *severities):
    return [f.code for row in rows for f in row.findings if not severities or f.severity in severities]


def test_good_rows_give_no_error_and_no_warning_on_either_path(chat, tmp_path):
    rows = dataset(tmp_path, GOOD, {**GOOD, "sentence": "x <|im_end|> y assistant\n"})
    assert codes(audit_rows(rows, chat), *BAD) == []
    assert codes(verify_rows(rows, chat, num_rows=2), *BAD) == []


def test_no_frame_is_decoded_for_our_own_rows(chat, tmp_path, monkeypatch):
    rows = dataset(tmp_path, GOOD)
    list(audit_rows(rows, chat))

    def refuse(*_, **__):
        raise AssertionError("a frame was decoded")

    monkeypatch.setattr("av.open", refuse)  # the file's timeline is known by now
    monkeypatch.setattr("vtg_core.video.sampling.decode", refuse)
    assert len(list(audit_rows(rows, chat))) == 1


def test_a_row_that_cannot_be_read_is_a_finding_and_the_run_goes_on(chat, tmp_path):
    late = {"timestamp": [80, 90], "sentence": "after the end"}
    missing = {**GOOD, "video": "not_there.mp4"}
    found = list(audit_rows(dataset(tmp_path, late, missing, GOOD), chat))
    assert [codes([row], Severity.ERROR) for row in found] == [["row.unreadable"], ["row.unreadable"], []]
    assert "rows.json:1, row 1" in found[0].findings[0].message


def test_what_the_file_itself_breaks_is_told_beside_the_rows(tmp_path):
    rows = dataset(tmp_path, GOOD, {"timestamp": [5, 5], "sentence": "no length"})
    [found] = unreadable_rows(rows)
    assert (found.row, found.where) == (None, "rows.json:1, row 2")
    assert codes([found]) == ["row.unreadable"]
    assert found.findings[0].row == 1


def test_rows_are_numbered_as_the_file_counts_them_on_every_path(chat, processor, tmp_path):
    rows = dataset(tmp_path, {}, GOOD, {**GOOD, "video": "not_there.mp4"}, GOOD)
    ours, collator = audit_rows(rows, chat), SFTCollator(processor)
    for found in (ours, audit_collator(rows, collator, chat), verify_rows(rows, chat, num_rows=3)):
        assert [(row.row, row.where) for row in found] == [
            (1, "rows.json:1, row 2"), (2, "rows.json:1, row 3"), (3, "rows.json:1, row 4"),
        ]  # fmt: skip


def test_a_difference_between_the_two_paths_is_an_error_of_ours(chat, tmp_path, monkeypatch):
    rows = dataset(tmp_path, GOOD)
    encode = PixelFreeEncoder.encode
    monkeypatch.setattr(PixelFreeEncoder, "encode", lambda self, sample: encode(self, rows.plan(0)).cut())
    monkeypatch.setattr("vtg_core.masking.labelled_tokens.LabelledTokens.cut", cut, raising=False)
    assert "ours.paths-differ" in codes(verify_rows(rows, chat, num_rows=1))


def cut(tokens):
    from dataclasses import replace

    return replace(tokens, input_ids=tokens.input_ids[:-1], kinds=tokens.kinds[:-1], turns=tokens.turns[:-1])


def test_the_text_prefix_recipe_is_found_as_a_foreign_collator_with_cause_and_counts(chat, tmp_path):
    rows = dataset(tmp_path, GOOD, GOOD, GOOD)
    collator = load_collator("vtg_core.recipes:text_prefix", chat.processor)
    found = list(audit_collator(rows, collator, chat))
    assert codes(found, *BAD) == ["mask.counted-before-expansion"] * 3
    assert found[0].findings[0].evidence["by_region"]["video"] >= 60


def test_our_own_collator_passes_as_a_foreign_one(chat, tmp_path):
    rows = dataset(tmp_path, GOOD, {**GOOD, "sentence": "a red circle appears, and a much longer query"})
    found = list(audit_collator(rows, SFTCollator(chat.processor), chat))
    assert codes(found, *BAD) == []


def test_a_collator_that_fails_is_one_finding_a_batch(chat, tmp_path):
    def fails(samples):
        raise RuntimeError("no such key")

    found = list(audit_collator(dataset(tmp_path, GOOD, GOOD, GOOD), fails, chat))
    assert codes(found) == ["collator.raises"] * 2


def test_a_saved_batch_is_judged_by_two_readings(chat, tmp_path):
    rows = dataset(tmp_path, GOOD, {**GOOD, "sentence": "another"})
    batch = SFTCollator(chat.processor)([rows[0], rows[1]])
    assert codes(audit_saved(batch, chat), *BAD) == []
    batch["labels"][1] = batch["input_ids"][1]
    assert codes(audit_saved(batch, chat), *BAD) == ["mask.nothing-masked"]


def test_an_answer_that_would_be_cut_is_an_error(chat, tmp_path):
    found = codes(audit_rows(dataset(tmp_path, GOOD), chat, max_length=100), Severity.ERROR)
    assert found == ["length.over-max-length"]


def test_a_report_knows_which_rows_were_audited(chat, tmp_path):
    rows = dataset(tmp_path, GOOD, {**GOOD, "video": "gone.mp4"})
    assert [row.is_audited for row in audit_rows(rows, chat)] == [True, False]
    assert [row.is_audited for row in verify_rows(rows, chat, num_rows=2)] == [True, False]
    assert [row.is_audited for row in audit_collator(rows, SFTCollator(chat.processor), chat)] == [
        True,
        False,
    ]
    assert [row.is_audited for row in audit_collator(rows, lambda samples: {}, chat)] == [False, False]


def test_an_error_of_ours_is_a_finding_on_its_row_and_the_run_goes_on(chat, tmp_path, monkeypatch):
    encode, calls = PixelFreeEncoder.encode, []

    def fails_once(self, sample):
        calls.append(sample)
        return encode(self, sample) if len(calls) > 1 else 1 // 0

    monkeypatch.setattr(PixelFreeEncoder, "encode", fails_once)
    failed, good = audit_rows(dataset(tmp_path, GOOD, GOOD), chat)
    [finding] = failed.findings
    assert (finding.code, finding.row, finding.evidence["error"]) == (
        "ours.check-failed",
        0,
        "ZeroDivisionError",
    )
    assert good.is_audited
    assert codes([good], *BAD) == []


def test_of_the_budgets_of_rows_the_first_and_the_largest_are_told(chat, tmp_path):
    queries = ["a red circle appears", "a red circle", "a red circle appears and goes away again", "a circle"]
    report = Report("our own collator")
    for row in audit_rows(
        dataset(tmp_path, *({**GOOD, "sentence": q} for q in queries), use_random_templates=False),
        chat,
        max_length=10_000,
    ):
        report.add(row)
    assert [finding.row for finding in report.findings if finding.code == "length.budget"] == [0, 2]


def test_a_report_is_written_whatever_stands_in_it(tmp_path):
    evidence = {"seconds": [float("nan"), float("inf"), 0.5], "name": "bad \udcff", "of": {1: object}}
    finding = UNREADABLE.finding("bad \udcff name", row=0, evidence=evidence)
    report = Report("ours")
    report.add(RowFindings(0, "file \udcff", (finding,)))
    replace_text(tmp_path / "out.csv", report.as_csv())
    assert "bad \\udcff name" in (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert report.as_dict()["findings"][0]["evidence"]["seconds"] == ["nan", "inf", 0.5]
    json.dumps(report.as_dict(), allow_nan=False)


@pytest.mark.parametrize("text", ["=1+1", "'=1", "'quoted", "@SUM(A1)", "＝1", "\n=1", "-", "a 'word'"])
def test_a_cell_of_a_report_comes_back_and_none_is_run(text):
    report = Report("ours")
    report.add(RowFindings(0, text, (UNREADABLE.finding(text, row=0),)))
    [line] = csv.DictReader(io.StringIO(report.as_csv(), newline=""))
    assert (unguarded(line["where"]), unguarded(line["message"])) == (text, text)
    assert not line["message"].startswith(("=", "@", "＝", "\n", "-"))


def test_a_report_counts_by_code_the_worst_first(chat, tmp_path):
    report = Report("our own collator")
    for row in audit_rows(dataset(tmp_path, GOOD, {**GOOD, "video": "gone.mp4"}), chat):
        report.add(row)
    assert next(iter(report.summary)) == "row.unreadable"
    assert (report.num_rows, report.count(Severity.ERROR)) == (2, 1)
    assert report.first("row.unreadable") == ["rows.json:1, row 2"]


def test_a_row_that_our_own_pipeline_refuses_is_given_to_the_collator_and_judged(chat, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise MaskingError("the chat template must write the answer as it is, and does not")

    collator = load_collator("vtg_core.recipes:pad_only", chat.processor)
    monkeypatch.setattr("vtg_core.audit.run.encode_known", refuse)
    [row] = audit_collator(dataset(tmp_path, GOOD), collator, chat)
    assert codes([row], Severity.ERROR) == ["row.mask-unproved", "mask.only-media-masked"]
    assert row.is_audited
    assert row.decoded is not None
