"""A comparison in parts comes to what the plain one does, and goes on with the parts that are there."""

import json
import signal

from tests.commands.test_compare import TWO, Breaking, Signalling, compare
from vtg_core.audit.shards.folder import Kind, ResultsFolder

PARTS = (*TWO, "--verify", 0, "--shard-rows", 2)


def report(out):
    return json.loads((out / "report.json").read_text())


def test_parts_come_to_what_the_plain_comparison_does(capsys, tmp_path):
    out, plain = tmp_path / "out", tmp_path / "o.json"
    status, printed, _ = compare(capsys, *PARTS, "--out", out)
    assert (status, list(ResultsFolder(out, Kind.COMPARISON).shards)) == (0, [0, 1])
    assert compare(capsys, *TWO, "--verify", 0, "--json", plain)[1] == printed
    assert report(out) == json.loads(plain.read_text())
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["schema"], manifest["partial"], manifest["rows"]) == ("vtg-lens-comparison/1", False, 4)


def test_an_interrupted_comparison_goes_on_with_the_parts_that_are_there(capsys, tmp_path):
    out = tmp_path / "out"
    with Signalling(4, signal.SIGINT):
        assert compare(capsys, *PARTS, "--out", out)[0] == 1
    assert (report(out)["partial"], list(ResultsFolder(out, Kind.COMPARISON).shards)) == (True, [0])
    assert "holds this comparison already; give --resume" in compare(capsys, *PARTS, "--out", out)[2]
    with Breaking(0, None) as count:
        status, _, told = compare(capsys, *PARTS, "--out", out, "--resume")
    assert (status, count.passes) == (0, 2)
    assert told.startswith(f"2 of 4 rows are in '{out}' already\n")
    assert [result["row"] for result in report(out)["results"]] == [0, 0, 1, 1, 2, 2, 3, 3]


def test_two_comparisons_are_not_mixed(capsys, tmp_path):
    out = tmp_path / "out"
    assert compare(capsys, *PARTS, "--limit", 2, "--out", out)[0] == 0
    other = ("--templates", "direct", "--answer", "standard", "--verify", 0, "--shard-rows", 2)
    status, _, told = compare(capsys, *other, "--limit", 2, "--out", out, "--resume")
    assert status == 1
    assert "results of two comparisons must not be mixed" in told
    assert "differs in words and templates (" in told
