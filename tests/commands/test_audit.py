import csv
import io
import json
import os
import shlex
import subprocess
import sys

import pytest
import torch

from tests.conftest import ASSETS
from tests.conversation_files import ROWS as CONVERSATIONS
from tests.conversation_files import spoken, write_rows
from vtg_core.audit.foreign.collators import ForeignCollator
from vtg_core.collator import SFTCollator
from vtg_core.commands.cli import main
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.video.plan import FramePolicy

ROWS = ["audit", "--annotations", str(ASSETS / "demo_annotations.json"), "--num-frames", "12"]


def audit(capsys, *arguments):
    status = main([*ROWS, *arguments])
    return status, capsys.readouterr().out


def test_a_clean_file_exits_with_0_and_says_so(capsys):
    status, printed = audit(capsys)
    assert status == 0
    assert "our own collator: 4 rows, 3 of them also through the processor" in printed
    assert printed.endswith("0 errors, 0 warnings\n")


def test_findings_exit_with_1_unless_told_otherwise(capsys):
    prefix = ("--collator", "vtg_core.recipes:text_prefix", "--limit", "1")
    status, printed = audit(capsys, *prefix)
    assert status == 1
    assert "The prompt was measured before the video was expanded" in printed
    assert audit(capsys, *prefix, "--fail-on", "never")[0] == 0


def test_warnings_fail_where_they_are_asked_to(capsys, tmp_path):
    rows = [{"video": "red_circle.mp4", "timestamp": [8, 8.5], "sentence": "a red circle"}]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    command = ["audit", "--annotations", str(file), "--video-root", str(ASSETS), "--num-frames", "4"]
    assert main(command) == 0
    assert "time.window-without-frame" in capsys.readouterr().out
    assert main([*command, "--fail-on", "warning"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit"],
        ["audit", "--annotations", "a.json", "--batch", "b.safetensors"],
        ["audit", "--batch", "b.safetensors", "--collator", "a:b"],
        [*ROWS, "--collator", "a:b", "--recipe", "text-prefix"],
        [*ROWS, "--recipe", "no-such-recipe"],
        [*ROWS, "--fuzz", "3"],
        [*ROWS, "--resume"],
        [*ROWS, "--workers", "2"],
        [*ROWS, "--sample", "3", "--limit", "3"],
        ["audit", "--batch", "b.safetensors", "--out", "results"],
        [*ROWS, "--limit", "0"],
        [*ROWS, "--limit", "١٢"],
        [*ROWS, "--json", "-", "--csv", "-"],
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_json_is_as_documented(capsys):
    status, printed = audit(capsys, "--recipe", "pad-only", "--limit", "2", "--json", "-")
    report = json.loads(printed)
    assert (status, report["rows_audited"], report["partial"]) == (1, 2, False)
    assert report["summary"]["mask.only-media-masked"] == 2
    finding = report["findings"][0]
    assert {"code", "severity", "row", "title", "message", "evidence", "fix"} <= set(finding)


NESTED = "parity.processor-nests-markers"


def test_what_nobody_can_act_on_is_printed_once_and_on_demand_alone(capsys, tmp_path):
    out = tmp_path / "out.json"
    assert audit(capsys, "--json", str(out))[1].endswith("\nnothing to act on: 0 errors, 0 warnings\n")
    assert json.loads(out.read_text())["summary"][NESTED] == 1
    assert NESTED in audit(capsys, "--csv", "-")[1]
    assert audit(capsys, "--verbose")[1].count(f"({NESTED})") == 1


def test_csv_has_a_line_a_finding_and_runs_nothing(capsys, tmp_path):
    rows = [{"video": "=cmd.mp4", "timestamp": [8, 14], "sentence": "@SUM(A1)"}]
    file, out = tmp_path / "=rows.json", tmp_path / "out.csv"
    file.write_text(json.dumps(rows))
    assert main(["audit", "--annotations", str(file), "--csv", str(out)]) == 1
    [line] = csv.DictReader(out.open())
    assert (line["code"], line["row"]) == ("row.unreadable", "0")
    assert line["where"].startswith("'=rows.json")


def test_a_collator_that_is_not_there_is_one_finding(capsys):
    status, printed = audit(capsys, "--collator", "no_such_package:collate")
    assert status == 1
    assert "collator.not-found" in printed
    assert "Traceback" not in printed


ONE_FINDING = (*ROWS, "--recipe", "pad-only", "--limit", "1")


def test_a_reader_that_leaves_early_does_not_hide_the_findings(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(
        writer, "w"
    ) as stdout:  # what is left in it is flushed when it is closed, as at the end of a process
        monkeypatch.setattr(sys, "stdout", stdout)
        assert main([*ONE_FINDING, "--json", "-"]) == 1


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_stream_changes_no_status_and_leaves_the_other(capsys, monkeypatch, closed):
    monkeypatch.setattr(sys, closed, None)  # as it is when a process starts without
    assert main(ONE_FINDING) == 1
    shown = capsys.readouterr()
    assert ("mask.only-media-masked" in shown.out) is (closed == "stderr")
    assert shown.err == ""


@pytest.mark.slow
def test_a_process_without_any_stream_ends_with_its_status():
    """The one of this command that a person starts: with the streams closed, what it opens may come to be them."""
    command = shlex.join([sys.executable, "-m", "vtg_core", *ONE_FINDING])
    ran = subprocess.run(
        ["bash", "-c", f"{command} >&- 2>&-"], cwd=ASSETS.parent, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, b"", b"")


@pytest.mark.parametrize("as_json", [(), ("--json", "-")])
def test_a_terminal_that_knows_ascii_alone_gets_escapes(monkeypatch, tmp_path, as_json):
    file = tmp_path / "一.json"
    file.write_text(json.dumps([{"video": "gone.mp4", "timestamp": [8, 14], "sentence": "x"}]))
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["audit", "--annotations", str(file), *as_json]) == 1
    printed = stdout.buffer.getvalue().decode("ascii")
    assert "\\u4e00.json:1" in printed
    assert not as_json or json.loads(printed)["findings"][0]["where"].startswith("一.json:1")


def test_an_interrupt_before_the_first_row_is_one_line_and_130(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("vtg_core.checkpoints.loading.load_checkpoint", interrupted)
    assert main(ROWS) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_bug_of_ours_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr("vtg_core.checkpoints.loading.load_checkpoint", lambda name, **_: 1 // 0)
    assert main(ROWS) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: VTG Lens itself failed, please report it: ZeroDivisionError at ")
    assert said.count("\n") == 1


@pytest.mark.parametrize("option", ["--json", "--csv"])
@pytest.mark.parametrize("out", ["no/such/folder/out", "", "."])
def test_a_file_that_cannot_be_written_is_told_before_the_run(capsys, monkeypatch, option, out):
    monkeypatch.setattr(
        "vtg_core.checkpoints.loading.load_checkpoint", lambda name, **_: pytest.fail("the run began")
    )
    assert main([*ROWS, option, out]) == 1
    assert f"error: {option} must name a file that can be written" in capsys.readouterr().err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_a_file_that_fills_up_loses_nothing_else(capsys, tmp_path):
    status, printed = audit(
        capsys,
        "--recipe",
        "pad-only",
        "--limit",
        "1",
        "--json",
        "/dev/full",
        "--csv",
        str(tmp_path / "out.csv"),
    )
    assert status == 1
    assert "mask.only-media-masked" in printed
    assert "mask.only-media-masked" in (tmp_path / "out.csv").read_text()


def test_csv_can_go_to_stdout(capsys):
    status, printed = audit(capsys, "--recipe", "pad-only", "--limit", "1", "--csv", "-")
    lines = list(csv.DictReader(io.StringIO(printed)))
    assert (status, lines[0]["code"]) == (1, "mask.only-media-masked")


def test_an_audit_that_audited_nothing_never_passes(capsys, tmp_path):
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([{"video": "gone.mp4", "timestamp": [8, 14], "sentence": "a red circle"}]))
    assert main(["audit", "--annotations", str(file), "--fail-on", "never"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("our own collator: 0 of 1 row\n")
    assert printed.endswith("1 error, 0 warnings\n")
    assert audit(capsys, "--collator", "no_such_package:collate", "--fail-on", "never")[0] == 1


def test_a_saved_batch_is_audited_without_its_messages(capsys, tmp_path, processor):
    rows = VideoTemporalSFTDataset(
        ASSETS / "demo_annotations.json", frames=FramePolicy(num_frames=4), template_seed=0
    )
    batch = SFTCollator(processor)([rows[0], rows[1]])
    torch.save(batch, tmp_path / "good.pt")
    assert main(["audit", "--batch", str(tmp_path / "good.pt")]) == 0
    batch["labels"][:, -3:] = -100
    torch.save(batch, tmp_path / "bad.pt")
    assert main(["audit", "--batch", str(tmp_path / "bad.pt")]) == 1
    assert "stop.not-trained" in capsys.readouterr().out


def test_an_interrupt_keeps_what_was_found_and_says_that_it_is_partial(capsys, monkeypatch):
    calls = []

    def interrupted(self, samples):
        calls.append(samples)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return self.call(samples)

    monkeypatch.setattr(ForeignCollator, "__call__", interrupted)
    status, printed = audit(capsys, "--recipe", "pad-only", "--batch-size", "1")
    assert status == 1
    assert "pad-only: 1 of 4 rows; 1 file read by" in printed
    assert "stopped before the last row" in printed
    assert "mask.only-media-masked" in printed


def audit_rows_of(capsys, file, *arguments):
    """Audit the rows of a file of conversations; return the status and the report."""
    command = ["audit", "--annotations", str(file), "--video-root", str(ASSETS), "--num-frames", "8"]
    status = main([*command, "--json", "-", *arguments])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("form", CONVERSATIONS)
def test_conversations_are_audited_with_their_own_words(capsys, tmp_path, form):
    status, report = audit_rows_of(capsys, write_rows(tmp_path, CONVERSATIONS[form]))
    assert (status, report["rows_audited"]) == (0, 1)
    assert set(report["summary"]) <= {"parity.processor-nests-markers"}


def test_turns_that_a_row_leaves_out_of_the_loss_are_no_finding(capsys, tmp_path):
    file = write_rows(tmp_path, spoken(1, 0, 1), spoken(1, 0), spoken(0, 1))
    status, report = audit_rows_of(capsys, file)
    assert (status, report["rows_audited"]) == (0, 3)
    assert set(report["summary"]) <= {"parity.processor-nests-markers"}


def test_a_message_that_weighs_a_half_is_a_finding_on_its_row(capsys, tmp_path):
    status, report = audit_rows_of(capsys, write_rows(tmp_path, spoken(1, 0.5), spoken(1)))
    assert status == 1
    assert {finding["row"] for finding in report["findings"] if finding["code"] == "row.unreadable"} == {0}


def test_a_collator_is_audited_on_conversations_too(capsys, tmp_path):
    file = write_rows(tmp_path, CONVERSATIONS["ms-swift"])
    status, report = audit_rows_of(capsys, file, "--recipe", "pad-only")
    assert status == 1
    assert "mask.only-media-masked" in report["summary"]


def test_a_conversation_is_not_varied_as_a_template_is(capsys, tmp_path):
    file = write_rows(tmp_path, CONVERSATIONS["chat"])
    command = ["audit", "--annotations", str(file), "--video-root", str(ASSETS), "--num-frames", "8"]
    assert main([*command, "--recipe", "pad-only", "--fuzz", "2"]) == 1
    assert "a row must be a query that a template asks for" in capsys.readouterr().err


def test_markdown_holds_the_first_finding_of_each_kind_for_a_bug_report(capsys):
    options = ("--collator", "vtg_core.recipes:text_prefix", "--limit", "1", "--markdown", "-")
    status, printed = audit(capsys, *options)
    assert status == 1
    assert printed.startswith("### The prompt was measured before the video was expanded")
    assert "audited: collator vtg_core.recipes:text_prefix" in printed
    assert str(ASSETS) not in printed


def test_a_sample_of_rows_says_in_what_share_of_the_file_each_code_is(capsys, tmp_path):
    good = json.loads((ASSETS / "demo_annotations.json").read_text())
    file = tmp_path / "rows.jsonl"
    rows = [good[i % 4] | ({"timestamp": [9, 2]} if i == 5 else {}) for i in range(40)]
    file.write_text("\n".join(map(json.dumps, rows)))
    command = ["audit", str(file), "--video-root", str(ASSETS), "--num-frames", "4", "--verify", "1"]
    assert main([*command, "--sample", "40"]) == 1
    assert "1 of 40, 2.5 %, " in capsys.readouterr().out
    drawn = [main([*command, "--sample", "10", "--seed", seed, "--json", "-"]) for seed in ("1", "1", "2")]
    first, again, other = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["rows_in_file"], first["rows_audited"] + drawn[0]) == (40, 10)
    assert (first, drawn[0]) == (again, drawn[1])
    assert first["rates"]["any error"]["of"] == other["rates"]["any error"]["of"] == 10
