"""A finding as text for a bug report: what others wrote is text in it, and no folder of the machine is told."""

import re

import pytest

from vtg_core.audit.checks.families import audit_row
from vtg_core.audit.codes.answer import FORM_DIFFERS
from vtg_core.audit.issue import issue_text, issues_of, quoted
from vtg_core.audit.report import Report, RowFindings
from vtg_core.audit.run import audit_saved
from vtg_core.regions import IGNORE_INDEX


@pytest.fixture
def headless(good):
    """A row whose answer lost the first half of its labels, and what is found in it."""
    start = int((good.batch["labels"][0] != IGNORE_INDEX).nonzero()[0])
    good.batch["labels"][0, start : start + 4] = IGNORE_INDEX
    row = good.rows()[0]
    return row, next(f for f in audit_row(row) if f.code == "mask.answer-not-trained")


def test_the_tokens_around_a_finding_are_quoted_with_placeholders_as_a_count_and_the_stamps(headless):
    row, finding = headless
    quote = quoted(finding, row)
    assert "0 of them in the loss" in quote
    assert re.search(r"assistant\n⟦\[8.0⟧?.*, 14.0\]", quote.replace("⟧", ""))
    assert "time stamps (s): " in quote
    assert "windows (s): 8 to 14" in quote


def test_an_issue_names_finding_fix_subject_row_and_versions(headless):
    row, finding = headless
    text = issue_text(
        finding, subject="collator my.code:Mine", where="rows.json:1", quote=quoted(finding, row)
    )
    assert text.startswith("### Tokens of the answer are not in the loss (`mask.answer-not-trained`, error)")
    for part in (
        finding.message,
        finding.fix,
        "collator my.code:Mine",
        "row 0 (rows.json:1)",
        "transformers ",
    ):
        assert part in text


def test_fences_are_longer_than_any_run_of_backticks_in_what_they_hold():
    text = issue_text(FORM_DIFFERS.finding("It says ````` here."), subject="`a`")
    assert "``````text\nIt says ````` here.\n``````" in text
    assert "```text\naudited: `a`\n" in text


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("/home/me/data/rows.json:3 is empty", "rows.json:3 is empty"),
        ("~/data/a.mp4", "a.mp4"),
        ("../secret/a.mp4", "a.mp4"),
        ("secret/clips/a.mp4 is cut", "a.mp4 is cut"),
        (r"C:\Users\me\a.mp4", "a.mp4"),
        ("'/mnt/x/model'", "'model'"),
        ("</think> and 1/2 s", "</think> and 1/2 s"),
    ],
)
def test_no_folder_is_told(written, told):
    finding = FORM_DIFFERS.finding(written, evidence={"file": written})
    text = issue_text(finding, subject=written, where=written, quote=written)
    assert f"```text\n{told}\n```" in text
    assert not re.search("secret|home/me|Users|mnt", text)


def test_a_report_gives_the_first_finding_of_each_code_the_worst_first(good):
    good.batch["labels"][:] = good.batch["input_ids"]
    report = Report("saved batch")
    for found in audit_saved(good.batch, good.chat):
        report.add(found)
    text = issues_of(report, checkpoint="demo")
    assert re.findall(r"^### .*`([a-z.-]+)`", text, re.MULTILINE) == ["mask.nothing-masked"]
    assert "checkpoint: demo" in text
    assert "×" in text  # a run of placeholders


def test_a_report_of_nothing_is_empty():
    report = Report("nothing")
    report.add(RowFindings(0, "", ()))
    assert issues_of(report, checkpoint="demo") == ""
