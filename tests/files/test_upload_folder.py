"""What people upload goes with the server, however that ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vtg_core.files.upload_folder import PREFIX, sweep, upload_folder

HOLDS = (
    "import time; from vtg_core.files.upload_folder import upload_folder\n"
    "with upload_folder() as folder:\n"
    "    (folder / 'upload.mp4').write_bytes(b'x'); print(folder, flush=True); time.sleep(60)"
)


@pytest.fixture
def base(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(base):
    """Another server's process, and its folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDS], stdout=subprocess.PIPE, text=True)
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_a_servers_folder_is_its_own_and_goes_with_it(base):
    with upload_folder() as folder:
        (folder / "upload.mp4").write_bytes(b"x")
        assert os.environ["GRADIO_TEMP_DIR"] == str(folder)
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    assert os.environ["GRADIO_TEMP_DIR"] == str(base)


def test_the_folder_of_a_server_that_runs_is_left_alone(base, other):
    _, folder = other
    assert sweep(base) == []
    assert (folder / "upload.mp4").exists()


def test_what_a_killed_server_left_is_swept_at_the_next_start(base, other):
    process, folder = other
    process.kill()
    process.wait()
    assert folder.exists()
    with upload_folder():
        assert not folder.exists()


def test_what_is_nobodys_server_is_left_alone(base):
    (base / "gradio").mkdir()
    (base / f"{PREFIX}link").symlink_to(base / "gradio")
    (base / f"{PREFIX}young").mkdir()
    (base / f"{PREFIX}old").mkdir()
    os.utime(base / f"{PREFIX}old", (time.time() - 3_600,) * 2)
    assert sweep(base) == [base / f"{PREFIX}old"]
    assert {path.name for path in base.iterdir()} == {"gradio", f"{PREFIX}link", f"{PREFIX}young"}
