"""A file is audited row by row: none is held, and of what is found the first of each kind, with counts of all."""

import json

import pytest

from tests.conftest import ASSETS
from vtg_core.audit import report as reports
from vtg_core.audit.codes.audit import UNREADABLE
from vtg_core.audit.file_rows import FileRows
from vtg_core.audit.findings import Severity
from vtg_core.audit.report import Report, RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import audit_rows, suspected_units, verify_rows
from vtg_core.data.annotations import AnnotationReader, UnreadableRow
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.errors import AnnotationError
from vtg_core.templates import TemplateSelector, templates_for
from vtg_core.video.plan import FramePolicy

GOOD = {"video": "red_circle.mp4", "timestamp": [8.0, 14.0], "sentence": "a red circle appears"}
BAD = {**GOOD, "timestamp": [14.0, 8.0]}


@pytest.fixture(scope="session")
def chat(processor):
    return ChatIds.of(processor, [processor.tokenizer.eos_token_id])


@pytest.fixture
def written(tmp_path):
    def write(*rows):
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return path

    return write


def streamed(path):
    selector = TemplateSelector(seed=0, templates=templates_for("standard"))
    return FileRows(AnnotationReader(path, video_root=ASSETS), selector, FramePolicy(num_frames=4))


def held(path):
    templates = templates_for("standard")
    return VideoTemporalSFTDataset(
        path, ASSETS, template_seed=0, templates=templates, frames=FramePolicy(num_frames=4), on_error="skip"
    )


def found_in(rows, chat):
    found = [*audit_rows(rows, chat), *suspected_units(rows), *verify_rows(rows, chat, num_rows=1)]
    return [(row.row, finding.code, finding.message) for row in found for finding in row.findings]


def test_a_file_that_is_read_anew_says_what_a_data_set_says(chat, written):
    path = written(GOOD, BAD, {**GOOD, "timestamp": [8_000, 14_000]}, GOOD)
    rows = streamed(path)
    unreadable = [row for row in rows.scan() if isinstance(row, UnreadableRow)]
    assert (rows.num_readable, len(unreadable)) == (3, 1)
    assert found_in(rows, chat) == found_in(held(path), chat)


def test_a_file_without_a_row_is_an_error(written):
    with pytest.raises(AnnotationError, match="must hold at least one row"):
        list(streamed(written()).scan())


def test_of_many_findings_the_first_are_kept_and_all_are_counted(monkeypatch):
    monkeypatch.setattr(reports, "MAX_ENTRIES", 10)
    report = Report("rows")
    for row in range(1_000):
        where = f"rows.json:{row + 1}"
        report.add(RowFindings(row, where, (UNREADABLE.finding(f"{where}: is empty."),), False))
    assert (len(report.entries), report.num_findings, report.count(Severity.ERROR)) == (10, 1_000, 1_000)
    assert report.summary == {UNREADABLE.name: 1_000}
    assert [count for *_, count in report.causes(UNREADABLE.name)] == [1_000]
    assert report.as_dict()["listed"] == 10


def test_causes_past_a_bound_are_one_more(monkeypatch):
    monkeypatch.setattr(reports, "MAX_CAUSES", 2)
    report = Report("rows")
    for row, cause in enumerate(("is empty", "is cut short", "has no frames", "has no sound")):
        report.add(RowFindings(row, f"r:{row}", (UNREADABLE.finding(f"r:{row}: {cause}."),), False))
    assert [count for *_, count in report.causes(UNREADABLE.name)] == [1, 1, 2]
