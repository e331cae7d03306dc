import csv
import json

import pytest
import torch

from tests.conftest import ASSETS
from vtg_core.audit.collators import ForeignCollator
from vtg_core.cli import main
from vtg_core.collator import SFTCollator
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.frame_plan import FramePolicy

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
        [*ROWS, "--limit", "0"],
    ],
)
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


def test_json_is_as_documented(capsys):
    status, printed = audit(capsys, "--recipe", "pad-only", "--limit", "2", "--json", "-")
    report = json.loads(printed)
    assert (status, report["rows"], report["partial"]) == (1, 2, False)
    assert report["summary"]["mask.only-media-masked"] == 2
    finding = report["findings"][0]
    assert {"code", "severity", "row", "title", "message", "evidence", "fix"} <= set(finding)


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
    assert "1 rows" in printed
    assert "stopped before the last row" in printed
    assert "mask.only-media-masked" in printed
