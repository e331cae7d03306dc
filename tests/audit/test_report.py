"""What a report says of an audit: its counts by one definition, its decoders, and what is told once."""

import pytest

from vtg_core.audit.codes.times import CLOCK_REPEATS, RATE_VARIES
from vtg_core.audit.issue import issues_of
from vtg_core.audit.report import Report, RowFindings


@pytest.mark.parametrize(
    ("num_in_file", "num_read", "headline"),
    [
        (None, None, "2 rows"),
        (2, 2, "2 rows"),
        (5, 5, "2 of 5 rows"),
        (1_200, 1_100, "2 of 1,200 rows, 1,100 of which can be read"),
    ],
)
def test_the_rows_of_the_file_those_read_and_those_audited_are_told_apart(num_in_file, num_read, headline):
    report = Report("rows", num_in_file=num_in_file, num_read=num_read)
    for row in range(2):
        report.add(RowFindings(row, f"rows.json:{row}", ()))
    assert report.headline == headline
    told = report.as_dict()
    assert (told["rows_in_file"], told["rows_read"]) == (num_in_file or 2, num_read or 2)
    assert told["rows_audited"] == 2


def test_it_is_said_which_decoder_read_which_file():
    report = Report("rows")
    for video, decoder in (("a.mp4", "decord"), ("b.mp4", "pyav"), ("c.mp4", "decord"), ("a.mp4", "decord")):
        report.add(RowFindings(0, "", (), decoded=(video, decoder)))
    assert report.as_dict()["decoders"] == {"a.mp4": "decord", "b.mp4": "pyav", "c.mp4": "decord"}
    assert report.decoded_by == "2 files read by decord, 1 file read by pyav"


@pytest.mark.parametrize("code", [RATE_VARIES, CLOCK_REPEATS])
def test_what_is_wrong_with_a_files_clock_is_told_once_however_many_rows_speak_of_it(code):
    report = Report("rows")
    for row, video in enumerate(("a.mp4", "b.mp4", "a.mp4", "a.mp4")):
        finding = code.finding("It varies.", row=row, evidence={"video": video})
        report.add(RowFindings(row, f"rows.json:{row}", (finding,)))
    assert [finding.row for finding in report.findings] == [0, 1]


def test_a_bug_report_has_the_same_counts():
    report = Report("our own collator", num_in_file=3, num_read=2)
    report.add(RowFindings(0, "rows.json:0", (RATE_VARIES.finding("It varies.", row=0),)))
    assert "our own collator: 1 of 3 rows, 2 of which can be read" in issues_of(report, checkpoint="demo")
