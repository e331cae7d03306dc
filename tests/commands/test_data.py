"""``vtg-lens data``: what a file holds, in a terminal and as JSON."""

import json

import pytest

from tests.conftest import ASSETS
from vtg_core.audit.survey.run import Surveyor
from vtg_core.commands.cli import main

DEMO = str(ASSETS / "demo_annotations.json")
GOOD = {"video": "a.mp4", "duration": 30.0, "timestamp": [8.0, 14.0], "sentence": "a dog runs"}


@pytest.fixture
def write(tmp_path):
    """Write rows, the good one with changes each, and return the path."""

    def to(*changes, name="rows.jsonl"):
        path = tmp_path / name
        rows = [GOOD | {"sentence": f"number {n}"} | change for n, change in enumerate(changes)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    return to


def test_a_clean_file_exits_with_0_and_shows_its_bars(capsys):
    assert main(["data", DEMO]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{DEMO}: 4 rows, 4 windows, 3 videos\n")
    assert "length:3             2 to 5  ████████████████████████████████████████ 2\n" in printed
    assert printed.endswith("0 errors, 0 warnings\n")


def test_an_error_exits_with_1_unless_told_otherwise(capsys, write):
    path = write({}, {"timestamp": [14.0, 8.0]})
    assert main(["data", path]) == 1
    printed = capsys.readouterr().out
    assert "error: in 1 row a window ends before it starts (inverted)" in printed
    assert "rows.jsonl:2: the window 14 to 8 s ends before it starts" in printed
    assert main(["data", path, "--fail-on", "never"]) == 0


def test_a_warning_exits_with_1_where_that_is_asked_for(write):
    path = write({"timestamp": [0.0, 29.0]})
    assert main(["data", path]) == 0
    assert main(["data", path, "--fail-on", "warning"]) == 1


def test_json_holds_each_figure_with_its_rows(capsys, write):
    assert main(["data", write({}, {"timestamp": [8.0, 40.0]}), "--json", "-"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert {c["name"]: c["rows"] for c in told["counts"] if c["count"]} == {
        "past_end": [2],
        "no_videos": [1, 2],
    }
    assert told["format"] == "vtg"
    assert {g["iou"]: (g["num_hits"], g["num_rows"], g["share"]) for g in told["guesses"]} == {
        0.5: (2, 2, 1.0),
        0.7: (1, 2, 0.5),
    }


def test_the_rows_of_a_figure_are_printed(capsys, write):
    path = write({}, *[{"timestamp": [14.0, 8.0]}] * 3, {}, {"timestamp": [14.0, 8.0]})
    main(["data", path, "--show", "inverted"])
    assert capsys.readouterr().out.splitlines()[:3] == [
        f"{path}: 4 rows of inverted",
        "2-4, 6",
        "  rows.jsonl:2: the window 14 to 8 s ends before it starts",
    ]


def test_the_rows_of_a_bar_are_printed(capsys):
    assert main(["data", DEMO, "--show", "length:4"]) == 0
    assert capsys.readouterr().out == f"{DEMO}: 2 rows of length:4\n1, 3\n"


def test_a_figure_that_is_not_there_is_wrong_usage(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["data", DEMO, "--show", "lengths"])
    assert "--show must be one of unreadable, past_end" in capsys.readouterr().err


def test_frames_without_a_checkpoint_are_wrong_usage(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["data", DEMO, "--num-frames", "8"])
    assert "--num-frames is about tokens: say whose with --checkpoint" in capsys.readouterr().err


def test_tokens_of_a_checkpoint_are_counted_and_bounded(capsys):
    assert main(["data", DEMO, "--checkpoint", "demo", "--num-frames", "4", "--max-length", "50"]) == 1
    printed = capsys.readouterr().out
    assert "tokens a row (tokens): min" in printed
    assert "error: in 4 rows there are more tokens than --max-length keeps (too_long)" in printed


def test_an_interrupt_shows_what_was_found_so_far(capsys, monkeypatch):
    rows = Surveyor.rows

    def interrupted(self):
        yield next(rows(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(Surveyor, "rows", interrupted)
    assert main(["data", DEMO]) == 1
    assert "1 row, 1 window, 1 video" in (printed := capsys.readouterr().out)
    assert "stopped before the last row" in printed


def test_what_a_file_holds_is_printed_as_text(capsys, tmp_path):
    path = tmp_path / "ro\x1bws.jsonl"
    path.write_text(json.dumps(GOOD | {"video": "\x1b[2J.mp4", "timestamp": [9, 8]}), encoding="utf-8")
    main(["data", str(path)])
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err


def test_a_file_that_cannot_be_read_is_one_sentence(capsys, tmp_path):
    assert main(["data", str(tmp_path / "none.json")]) == 1
    assert (
        capsys.readouterr().err
        == "error: annotation file none.json cannot be read: No such file or directory\n"
    )


def test_the_charts_are_one_file_that_asks_for_nothing_else_and_holds_no_text_of_the_rows(write, tmp_path):
    path, out = write({"sentence": "<img src=x>"}, {}), tmp_path / "charts.html"
    assert main(["data", path, "--plots", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert "how long windows are" in text
    assert "Content-Security-Policy" in text[:400]
    assert [part for part in ("<img src=x>", "rows.jsonl", '<script src="http') if part in text] == []


def test_charts_are_not_drawn_of_a_mended_copy(write, tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(
            [
                "data",
                write({}),
                "--fix",
                "--output",
                str(tmp_path / "new.jsonl"),
                "--plots",
                str(tmp_path / "c.html"),
            ]
        )
    assert "give --fix or --plots, not both" in capsys.readouterr().err
