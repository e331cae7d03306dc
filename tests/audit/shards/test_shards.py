"""An audit in parts says what the plain one says, whatever stops it, and mixes nothing."""

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

from tests.audit.shards.rows import DAMAGED, MISSING, write_rows
from vtg_core.audit.shards import folder as folders
from vtg_core.audit.shards.folder import ResultsFolder, opened_results
from vtg_core.commands.cli import main
from vtg_core.errors import VTGError

NUM_ROWS, PER_SHARD = 250, 40


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("rows"), NUM_ROWS)


@pytest.fixture(scope="module")
def audited(file, tmp_path_factory):
    """A folder with the whole audit."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert audit(file, out) == 1
    return out


def audit(file, out, *more, per_shard=PER_SHARD):
    options = ["--num-frames", "4", "--verify", "0", "--shard-rows", str(per_shard), *more]
    return main(["audit", str(file), "--out", str(out), *options])


def rows_in(out):
    return [row for path in ResultsFolder(out).shards.values() for row in pq.read_table(path).to_pylist()]


def contents(out):
    return [path.read_bytes() for path in ResultsFolder(out).shards.values()]


def test_parts_say_what_the_plain_audit_says(file, audited, capsys):
    main(["audit", "--annotations", str(file), "--num-frames", "4", "--verify", "0", "--json", "-"])
    plain = json.loads(capsys.readouterr().out)
    parts = json.loads((audited / "report.json").read_text())
    findings = [sorted(json.dumps(one) for one in report.pop("findings")) for report in (plain, parts)]
    assert findings[0] == findings[1]
    parts.pop("videos")
    assert parts == plain


def test_every_row_is_in_one_part_with_its_place_and_a_digest(audited):
    rows = rows_in(audited)
    assert [row["row"] for row in rows] == list(range(NUM_ROWS))
    assert rows[11]["id"] == "rows.jsonl:12"
    assert len({row["content"] for row in rows}) == NUM_ROWS
    assert Counter(row["readable"] for row in rows)[False] == 3
    assert json.loads((audited / "manifest.json").read_text())["rows"] == NUM_ROWS


def test_missing_and_damaged_videos_are_listed_apart_from_rows(audited):
    videos = json.loads((audited / "report.json").read_text())["videos"]
    assert {name: videos[name] for name in ("videos", "missing", "damaged")} == {
        "videos": 5, "missing": 1, "damaged": 1,
    }  # fmt: skip
    assert [path.rpartition("/")[2] for path in videos["missing_videos"]] == [MISSING]
    assert [video["path"].rpartition("/")[2] for video in videos["damaged_videos"]] == [DAMAGED]


@pytest.mark.parametrize("num_shards", [0, 1, 4])
def test_a_stopped_audit_goes_on_and_ends_as_one_that_was_not(
    file, audited, tmp_path, monkeypatch, num_shards
):
    write = ResultsFolder.write_shard

    def interrupted(folder, number, content):
        if number == num_shards:
            raise KeyboardInterrupt
        write(folder, number, content)

    with monkeypatch.context() as patch:
        patch.setattr(ResultsFolder, "write_shard", interrupted)
        assert audit(file, tmp_path / "out") == 1
    assert len(ResultsFolder(tmp_path / "out").shards) == num_shards
    assert json.loads((tmp_path / "out" / "report.json").read_text())["partial"]
    assert audit(file, tmp_path / "out", "--resume") == 1
    assert contents(tmp_path / "out") == contents(audited)
    assert (tmp_path / "out" / "report.json").read_text() == (audited / "report.json").read_text()


def test_a_video_is_probed_once_however_often_the_audit_is_run(file, audited, monkeypatch):
    probed = []
    monkeypatch.setattr("vtg_core.audit.shards.worker.probed", lambda path: probed.append(path))
    before = contents(audited)
    (audited / "rows" / "0000002.parquet").unlink()
    assert audit(file, audited, "--resume") == 1
    assert (probed, contents(audited)) == ([], before)


def test_what_is_there_is_gone_on_with_only_where_that_is_said(file, audited, capsys):
    assert audit(file, audited) == 1
    assert "holds this audit already; give --resume" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "said"),
    [(["--num-frames", "5"], "frames"), (["--max-length", "99"], "max_length"), (["--limit", "9"], "rows")],
)
def test_two_audits_are_not_mixed_and_it_says_what_differs(file, audited, capsys, changed, said):
    before = contents(audited)
    assert audit(file, audited, "--resume", *changed) == 1
    assert f"holds one that differs in {said} (" in capsys.readouterr().err
    assert contents(audited) == before


def test_a_file_that_was_changed_is_another_one(file, audited, tmp_path, capsys):
    other = tmp_path / "rows.jsonl"
    other.write_text(file.read_text().replace("number 7", "number 8"), encoding="utf-8")
    assert audit(other, audited, "--resume", "--video-root", str(file.parent)) == 1
    assert "differs in file (" in capsys.readouterr().err


def test_a_damaged_part_is_told_and_made_anew_when_it_is_removed(file, audited, capsys):
    part = audited / "rows" / "0000001.parquet"
    whole = part.read_bytes()
    part.write_bytes(whole[:100])
    assert audit(file, audited, "--resume") == 1
    assert "0000001.parquet is no whole shard; remove it" in capsys.readouterr().err
    part.unlink()
    assert audit(file, audited, "--resume") == 1
    assert part.read_bytes() == whole


def test_a_folder_that_holds_something_else_is_left_alone(file, tmp_path, capsys):
    (tmp_path / "manifest.json").write_text("[]")
    assert audit(file, tmp_path) == 1
    assert "name another folder" in capsys.readouterr().err
    assert (tmp_path / "manifest.json").read_text() == "[]"


def test_two_programs_do_not_write_into_one_folder(tmp_path):
    pytest.importorskip("fcntl", reason="this system has no such locks")
    with opened_results(tmp_path, {}, is_resumed=False):  # noqa: SIM117
        with (
            pytest.raises(VTGError, match="another is writing into"),
            opened_results(tmp_path, {}, is_resumed=True),
        ):
            pass


def test_what_a_killed_run_left_half_written_is_no_part(tmp_path):
    with opened_results(tmp_path, {}, is_resumed=False) as folder:
        folder.write_shard(0, b"whole")
        (tmp_path / folders.ROWS / ".vtg-lens-00000000-1-00000000.tmp").write_bytes(b"ha")
    assert list(ResultsFolder(tmp_path).shards) == [0]


def test_a_collator_is_audited_in_parts_too(file, tmp_path):
    limited = ("--recipe", "pad-only", "--limit", "12")
    assert audit(file, tmp_path / "out", *limited, per_shard=5) == 1
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["rows_audited"], report["summary"]["mask.only-media-masked"]) == (12, 12)
