"""Whoever does the work, the parts are the same; and who is killed leaves nothing behind that counts."""

import os
import signal
import sys

import pytest

from tests.audit.shards.rows import write_rows
from tests.audit.shards.test_shards import audit, contents
from tests.benchmarks.scale import Sizes, measure_kills
from vtg_core.audit.shards import crews
from vtg_core.errors import VTGError

NUM_ROWS = 130


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("rows"), NUM_ROWS)


@pytest.fixture(scope="module")
def alone(file, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "out"
    audit(file, out)
    return out


@pytest.mark.slow
def test_several_processes_make_the_parts_that_one_makes(file, alone, tmp_path):
    assert audit(file, tmp_path / "out", "--workers", "2") == 1
    assert contents(tmp_path / "out") == contents(alone)
    assert (tmp_path / "out" / "report.json").read_text() == (alone / "report.json").read_text()


@pytest.mark.slow
def test_ray_makes_the_parts_that_one_process_makes(file, alone, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'vtg-lens[ray]'")
    assert audit(file, tmp_path / "out", "--workers", "2", "--engine", "ray") == 1
    assert contents(tmp_path / "out") == contents(alone)


def test_where_ray_is_not_installed_a_sentence_says_so(file, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert audit(file, tmp_path / "out", "--engine", "ray") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: --engine ray needs Ray, which is not installed: pip install")


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_audit_with_a_sentence_and_the_rest_is_kept(
    file, alone, tmp_path, monkeypatch, capsys
):
    send, killed = crews.Processes.send, []

    def killing(crew, task):
        if not killed and os.listdir(tmp_path / "out" / "rows"):
            killed.append(task)
            os.kill(next(iter(crew._pipes.values())).pid, signal.SIGKILL)
        send(crew, task)

    with monkeypatch.context() as patch:
        patch.setattr(crews.Processes, "send", killing)
        assert audit(file, tmp_path / "out", "--workers", "2") == 1
    assert "one ended (SIGKILL); what is done is kept" in capsys.readouterr().err
    assert audit(file, tmp_path / "out", "--resume") == 1
    assert contents(tmp_path / "out") == contents(alone)


def test_an_error_of_a_worker_is_told_with_its_place():
    try:
        raise KeyError("a")
    except KeyError as error:
        said = crews.as_told(error)
    assert isinstance(said, VTGError)
    assert "please report it: KeyError at test_crews.py:" in str(said)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_an_audit_that_is_killed_again_and_again_loses_and_doubles_no_row(tmp_path):
    file = write_rows(tmp_path, 300)
    measured = measure_kills(file, Sizes(kill_rows=300, kills=6))
    assert measured["resume_kills"] >= 1
    assert measured["resume_lost"] == 0
