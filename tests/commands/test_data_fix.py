"""``vtg-lens data --fix``: a mended copy that opens clean, and every change listed."""

import json
import shutil

import pytest

from tests.conftest import ASSETS
from vtg_core.audit.survey.units import UNIT_NAMES
from vtg_core.commands.cli import main
from vtg_core.commands.data.command import UNITS

GOOD = {
    "video": "red_circle.mp4",
    "duration": 30.0,
    "timestamp": [8.0, 14.0],
    "sentence": "a red circle appears",
}
CLIP_SECONDS = 30.0


@pytest.fixture
def fix(tmp_path):
    """Mend rows, the good one with changes each; return the status, the rows of the copy and the changes."""

    def of(*changes, options=(), has_video=True, rows=None):
        if has_video:
            shutil.copy(ASSETS / "red_circle.mp4", tmp_path)
        given = rows or [GOOD | {"sentence": f"number {n}"} | change for n, change in enumerate(changes)]
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, given)), encoding="utf-8")
        copy = tmp_path / "clean.jsonl"
        status = main(["data", str(tmp_path / "rows.jsonl"), "--fix", "--output", str(copy), *options])
        return status, *map(read, (copy, tmp_path / "clean.changes.jsonl"))

    return of


def read(path):
    return (
        [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        if path.exists()
        else None
    )


def kinds(changes):
    return [(change["row"], change["kind"]) for change in changes]


def test_ends_are_clipped_and_put_in_order(fix):
    status, rows, changes = fix(
        {}, {"timestamp": [8.0, 31.5]}, {"timestamp": [14.0, 8.0]}, {"timestamp": [-1, 3]}
    )
    assert status == 0
    assert [row["timestamp"] for row in rows] == [[8.0, 14.0], [8.0, 30.0], [8.0, 14.0], [0.0, 3.0]]
    assert kinds(changes) == [(2, "clipped"), (3, "reversed"), (4, "clipped")]
    assert (changes[0]["before"], changes[0]["after"]) == ([8.0, 31.5], [8.0, 30.0])


def test_what_cannot_be_mended_is_left_out_and_listed(fix):
    status, rows, changes = fix(
        {},
        {"timestamp": [8.0, 8.0]},
        {"timestamp": [31.0, 32.0]},
        {"timestamp": [8.0, 61.0]},
        {"sentence": ""},
        {"video": "gone.mp4"},
    )
    assert (status, len(rows)) == (1, 1)
    assert [row for row, kind in kinds(changes) if kind == "row_left_out"] == [2, 3, 4, 5, 6]


def test_one_bad_window_of_several_is_left_out_alone(fix):
    _, rows, changes = fix({"timestamp": None, "windows": [[1, 2], [5, 5], [20, 31]]})
    assert rows[0]["windows"] == [[1.0, 2.0], [20.0, 30.0]]
    assert kinds(changes) == [(1, "window_left_out"), (1, "clipped")]


def test_the_duration_of_the_file_takes_the_place_of_another(fix):
    _, rows, changes = fix({"duration": 60.0})
    assert rows[0]["duration"] == pytest.approx(CLIP_SECONDS, abs=0.1)
    assert kinds(changes) == [(1, "duration")]


def test_a_unit_that_is_suspected_and_confirmed_is_converted(fix):
    changes = [{"timestamp": [8_000 + n, 14_000 + n]} for n in range(12)]
    status, rows, changed = fix(*changes, options=("--unit", "milliseconds"), has_video=False)
    assert status == 0
    assert rows[3]["timestamp"] == pytest.approx([8.003, 14.003])
    assert kinds(changed) == [(n, "converted") for n in range(1, 13)]


def test_frames_are_converted_by_the_rate_of_the_file(fix):
    _, rows, _ = fix(
        *[{"duration": None, "timestamp": [80 + n, 140 + n]} for n in range(12)], options=("--unit", "frames")
    )
    fps = 80 / rows[0]["timestamp"][0]
    assert rows[0]["timestamp"] == pytest.approx([80 / fps, 140 / fps])
    assert fps == pytest.approx(10)


def test_chunks_of_five_seconds_end_with_their_last_one(fix):
    rows = [{"timestamp": [n % 4, n % 5 + 1]} for n in range(11)] + [{"timestamp": [2, 5]}]
    _, mended, _ = fix(*rows, options=("--unit", "chunks"))
    assert mended[0]["timestamp"] == [0.0, 10.0]


def test_a_unit_that_nothing_speaks_for_is_refused(fix, capsys):
    status, rows, _ = fix({}, {}, options=("--unit", "milliseconds"))
    assert (status, rows) == (1, None)
    assert (
        "--unit must be what most times of the file seem to be in (seconds alone)" in capsys.readouterr().err
    )


def test_without_a_unit_times_of_another_are_left_out_and_no_file_is_written(fix, capsys):
    status, rows, changes = fix(*[{"timestamp": [8_000 + n, 14_000 + n]} for n in range(12)], has_video=False)
    assert (status, rows, changes) == (1, None, None)
    assert "--fix must have a row that can be kept, and rows.jsonl has none of 12" in capsys.readouterr().err


def test_the_copy_opens_clean_in_the_survey_and_the_audit(fix, tmp_path, capsys):
    fix({}, {"timestamp": [8.0, 31.5]}, {"timestamp": [14.0, 8.0]}, {"timestamp": [3, 3]}, {"duration": 45.0})
    copy = str(tmp_path / "clean.jsonl")
    assert main(["data", copy]) == 0
    assert main(["audit", "--annotations", copy, "--num-frames", "4", "--verify", "0"]) == 0
    assert "4 rows" in capsys.readouterr().out


def test_another_format_becomes_our_own(fix):
    rows = [
        {
            "qid": 7,
            "query": "it rains",
            "duration": 30,
            "vid": "red_circle",
            "relevant_windows": [[1, 2], [9, 8]],
        }
    ]
    _, mended, changes = fix(rows=rows)
    assert mended == [
        {"video": "red_circle.mp4", "duration": 30.0, "windows": [[1.0, 2.0], [8.0, 9.0]], "sentence": "it rains", "qid": 7}
    ]  # fmt: skip
    assert kinds(changes) == [(1, "reversed")]


def test_a_conversation_becomes_its_query_and_that_is_listed(fix):
    turns = [("human", "<video>\nWhen does it rain?"), ("gpt", "[3.0, 9.0]")]
    row = {"video": "red_circle.mp4", "conversations": [{"from": who, "value": said} for who, said in turns]}
    _, mended, changes = fix(rows=[row])
    assert (mended[0]["sentence"], mended[0]["timestamp"]) == ("When does it rain?", [3.0, 9.0])
    assert kinds(changes) == [(1, "words")]


@pytest.mark.parametrize("name", ["clean.jsonl", "clean.changes.jsonl"])
def test_nothing_is_overwritten(fix, tmp_path, capsys, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(SystemExit, match="2"):
        fix({})
    assert (tmp_path / name).read_text() == "mine"
    assert f"{name}' is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fix"], "--fix writes to --output: give both or neither"),
        (["--output", "x.jsonl"], "--fix writes to --output: give both or neither"),
        (["--unit", "chunks"], "--unit is what --fix converts from: give both"),
        (["--fix", "--output", "x.jsonl", "--json", "x.jsonl"], "must name two files"),
        (["--fix", "--output", "x.jsonl", "--json", "x.changes.jsonl"], "must name two files"),
        (["--json", str(ASSETS / "demo_annotations.json")], "is the FILE itself"),
        (["--fix", "--output", "x.jsonl", "--show", "empty"], "give --fix or --show, not both"),
    ],
)
def test_options_that_need_each_other_are_wrong_usage_alone(options, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["data", str(ASSETS / "demo_annotations.json"), *options])
    assert said in capsys.readouterr().err


def test_a_copy_that_cannot_be_written_leaves_nothing_behind(fix, tmp_path, capsys):
    status, _, _ = fix({}, options=("--output", str(tmp_path / "none" / "clean.jsonl")))
    assert status == 1
    assert "--output must name a file that can be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("clean", "."))] == []


def test_the_json_holds_what_was_changed(fix, tmp_path, capsys):
    fix({"timestamp": [8.0, 31.5]}, options=("--json", "-"))
    mending = json.loads(capsys.readouterr().out)["mending"]
    assert (mending["num_rows"], mending["num_written"], mending["counts"]) == (1, 1, {"clipped": 1})
    assert mending["changes"][0]["after"] == [8.0, 30.0]


def test_every_unit_can_be_named():
    assert tuple(UNIT_NAMES) == UNITS
