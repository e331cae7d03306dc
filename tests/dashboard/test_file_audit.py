"""The audit of a whole file, as the page runs it: its findings, their causes, and where it was stopped."""

import json
import threading
from dataclasses import replace

import pytest

from tests.conftest import ASSETS
from vtg_core.audit.codes.audit import UNREADABLE
from vtg_core.audit.report import Report, RowFindings
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.dashboard import Settings
from vtg_core.dashboard.file.audit import FileAudit, FileAuditRun, as_partial, show_file_audit
from vtg_core.dashboard.inputs import END_OF_TURN
from vtg_core.data.annotations import load_annotations
from vtg_core.errors import CheckpointError, VTGError
from vtg_core.video.plan import FramePolicy
from vtg_core.views.audit_file import MAX_CAUSES, OTHER_CAUSES, cause_of, view_file

FILE = ASSETS / "demo_annotations.json"
SETTINGS = Settings(
    frames=FramePolicy(num_frames=8), annotations=load_annotations(FILE).annotations, annotation_file=FILE
)


def silent(at, what):
    assert 0 <= at <= 1
    assert what


def begun(settings=SETTINGS, source="ours", draws=False):
    return FileAuditRun(
        FileAudit.read(settings, source, "standard", "direct", 8, [END_OF_TURN], draws), settings
    )


def run(audit, is_stopped=lambda: False):
    return [json.loads(shown.view) for shown in show_file_audit(SETTINGS, audit, silent, is_stopped)]


def stopped_at_once(audit):
    stop = threading.Event()
    views = []
    for shown in show_file_audit(SETTINGS, audit, silent, stop.is_set):
        views.append(json.loads(shown.view))
        stop.set()
    return views


def test_a_whole_file_is_audited_and_its_rows_can_be_found_again(user_cache):
    view = run(begun())[-1]
    assert (view["state"], view["num_rows"], view["can_go_on"]) == ("done", 4, False)
    assert not [code for code in view["codes"] if code["severity"] == "error"]
    at = view["rows"].index(2)
    code = view["codes"][view["cause_codes"][view["cause_at"][at]]]
    assert code["code"] == "time.window-without-frame"
    assert view["videos"][view["video_at"][at]] == SETTINGS.annotations[1].video.name
    assert view["queries"][at] == SETTINGS.annotations[1].query
    assert view["subject"] == "our collator on demo_annotations.json · template direct · standard · 8 frames"


def test_a_whole_file_is_audited_through_a_foreign_collator(user_cache):
    settings = replace(SETTINGS, collator="vtg_core.recipes:all_tokens")
    view = run(begun(settings, "collator"))[-1]
    [counted] = [code for code in view["codes"] if code["severity"] == "error"]
    assert (counted["code"], counted["count"], view["mask"]) == ("mask.nothing-masked", 4, "collator")


def test_an_audit_that_is_stopped_keeps_what_it_found_and_is_gone_on_with(user_cache):
    audit = begun()
    last = stopped_at_once(audit)[-1]
    assert (last["state"], last["num_rows"], last["can_go_on"]) == ("partial", 1, True)
    first, *_, rest = run(audit.check_can_go_on(SETTINGS))
    assert (first["state"], first["num_rows"]) == ("running", 1)
    assert rest == run(begun())[-1]
    with pytest.raises(VTGError, match="must be an audit of this file that was stopped"):
        audit.check_can_go_on(SETTINGS)


def test_an_audit_of_another_file_is_not_gone_on_with(user_cache, tmp_path):
    audit = begun()
    stopped_at_once(audit)
    with pytest.raises(VTGError, match="of this file"):
        audit.check_can_go_on(replace(SETTINGS, annotation_file=tmp_path / "other.json"))


def test_an_audit_that_fails_keeps_what_it_found_and_cannot_be_gone_on_with(user_cache):
    settings = replace(SETTINGS, collator="no_such_module:collate")
    audit, shown = begun(settings, "collator"), []
    with pytest.raises(VTGError, match="no_such_module"):
        shown.extend(show_file_audit(settings, audit, silent, lambda: False))
    assert as_partial(shown[-1]).view == as_partial(None).view == ""
    assert not audit.can_go_on
    *_, last = show_file_audit(SETTINGS, begun(), silent, lambda: False)
    kept = json.loads(as_partial(last).view)
    assert kept == {**json.loads(last.view), "state": "partial", "can_go_on": False}


def test_rows_may_be_asked_by_templates_of_their_own(user_cache):
    view = run(begun(draws=True))[-1]
    assert "a template drawn for each row" in view["subject"]
    selector = FileAudit.read(SETTINGS, "ours", "standard", "direct", 8, [END_OF_TURN], True).selector()
    at = view["rows"].index(2)
    assert view["templates"][view["template_at"][at]] == selector.select(1).name


def test_a_cause_is_what_findings_have_in_common():
    a = cause_of("rows.jsonl:5", "rows.jsonl:5: field 'video': clips/a.mp4 must be there, got 3.5")
    b = cause_of("rows.jsonl:91", "rows.jsonl:91: field 'video': b.mp4 must be there, got 12")
    assert a == b == "field “…”: … must be there, got #"
    assert cause_of("", "Qwen3 wants 2 of 1,099 tokens") == "Qwen3 wants # of # tokens"


def test_findings_are_listed_by_severity_and_causes_are_bound():
    report = Report("x")
    for row in range(MAX_CAUSES + 20):
        word = "x" * (row + 1)
        report.add(RowFindings(row, f"f:{row}", (UNREADABLE.finding(f"it is {word}", row=row),)))
    view = view_file(report, state="done", num_all=0, mask="ours", mode="standard")
    assert len(view.causes) == MAX_CAUSES + 1
    assert (view.causes[-1], view.cause_at.count(MAX_CAUSES)) == (OTHER_CAUSES, 20)
    assert view.rows == list(range(1, MAX_CAUSES + 21))
    few = view_file(report, state="running", num_all=0, mask="ours", mode="standard", most=5)
    assert (len(few.rows), few.num_findings, few.codes[0].count) == (5, MAX_CAUSES + 20, MAX_CAUSES + 20)


def test_the_chat_templates_variables_of_the_page_are_those_of_the_files_audit(user_cache):
    wanted = FileAudit.read(
        SETTINGS, "ours", "standard", "direct", 8, [END_OF_TURN], False, "add_generation_prompt=false"
    )
    assert wanted.subject(SETTINGS).endswith("8 frames · add_generation_prompt=false")
    unknown = replace(wanted, chat=TemplateChange(("enable_thinking=false",)))
    with pytest.raises(CheckpointError, match="enable_thinking"):
        run(FileAuditRun(unknown, SETTINGS))
