"""A survey in parts says what the plain one says, whatever stops it, and mixes nothing."""

import json
import os
from random import Random

import pytest

from tests.audit.shards.rows import write_rows
from tests.benchmarks.scale import killed
from vtg_core.audit.shards.folder import Kind, ResultsFolder
from vtg_core.commands.cli import main

NUM_ROWS = 250


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("rows"), NUM_ROWS)


@pytest.fixture(scope="module")
def surveyed(file, tmp_path_factory):
    """A folder with the whole survey."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert survey(file, out) == 1
    return out


class AtOnce(Random):
    """Kills as soon as three parts are there."""

    def randrange(self, *_):
        return 3

    def random(self):
        return 0.0


def survey(file, out, *more):
    return main(["data", str(file), "--out", str(out), "--shard-rows", "40", *more])


def contents(out):
    return [path.read_bytes() for path in ResultsFolder(out, Kind.SURVEY).shards.values()]


def test_parts_say_what_the_plain_survey_says(file, surveyed, capsys):
    main(["data", str(file), "--json", "-"])
    plain = json.loads(capsys.readouterr().out)
    assert json.loads((surveyed / "report.json").read_text()) == plain
    assert plain["videos"]["missing"] == ["gone.mp4"]
    manifest = json.loads((surveyed / "manifest.json").read_text())
    assert (manifest["schema"], manifest["rows"], manifest["partial"]) == (
        "vtg-lens-survey/1",
        NUM_ROWS,
        False,
    )


def test_tokens_are_counted_in_parts_too(file, tmp_path, capsys):
    few = ("--limit", "12", "--checkpoint", "demo", "--num-frames", "4", "--json", "-")
    assert survey(file, tmp_path / "out", *few) == 1
    parts = json.loads(capsys.readouterr().out)
    main(["data", str(file), *few])
    plain = json.loads(capsys.readouterr().out)
    assert parts == plain
    tokens = next(one for one in plain["distributions"] if one["name"] == "tokens")
    assert sum(bar["count"] for bar in tokens["bars"]) == 11


def test_a_stopped_survey_goes_on_and_ends_as_one_that_was_not(file, surveyed, tmp_path, monkeypatch, capsys):
    write = ResultsFolder.write_shard

    def interrupted(folder, number, content):
        if number == 3:
            raise KeyboardInterrupt
        write(folder, number, content)

    with monkeypatch.context() as patch:
        patch.setattr(ResultsFolder, "write_shard", interrupted)
        assert survey(file, tmp_path / "out") == 1
    assert "stopped: 3 shards kept" in capsys.readouterr().err
    assert json.loads((tmp_path / "out" / "report.json").read_text())["is_partial"]
    assert survey(file, tmp_path / "out") == 1
    assert "holds this survey already; give --resume" in capsys.readouterr().err
    assert survey(file, tmp_path / "out", "--resume") == 1
    assert contents(tmp_path / "out") == contents(surveyed)
    assert (tmp_path / "out" / "report.json").read_text() == (surveyed / "report.json").read_text()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_survey_that_is_killed_loses_and_doubles_no_row(file, tmp_path):
    out, whole = tmp_path / "out", tmp_path / "whole"
    few = ("--limit", "40", "--shard-rows", "2", "--resume")
    assert killed(["data", str(file), "--out", str(out), *few], out, AtOnce(0))
    assert 3 <= len(contents(out)) < 20
    assert survey(file, out, *few) == survey(file, whole, *few) == 1
    assert contents(out) == contents(whole)
    assert (out / "report.json").read_text() == (whole / "report.json").read_text()


@pytest.mark.slow
def test_several_processes_make_the_parts_that_one_makes(file, surveyed, tmp_path):
    assert survey(file, tmp_path / "out", "--workers", "2") == 1
    assert contents(tmp_path / "out") == contents(surveyed)


def test_two_surveys_are_not_mixed_and_neither_is_one_with_an_audit(file, surveyed, tmp_path, capsys):
    assert survey(file, surveyed, "--resume", "--limit", "9") == 1
    assert "results of two surveys must not be mixed" in (said := capsys.readouterr().err)
    assert "differs in rows (" in said
    frames = ("--num-frames", "4", "--verify", "0", "--limit", "2")
    assert main(["audit", str(file), "--out", str(surveyed), "--resume", *frames]) == 1
    assert "holds a manifest.json that is none of vtg-lens-audit/1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--resume"], "--resume is for the results of --out"),
        (["--out", "o", "--fix", "--output", "n"], "give --fix or --out"),
    ],
)
def test_options_that_do_not_go_together_are_told(file, capsys, options, said):
    with pytest.raises(SystemExit):
        main(["data", str(file), *options])
    assert said in capsys.readouterr().err
