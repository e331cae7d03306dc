"""The page as a process: what it imports, and what it leaves behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "vtg_core", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.serial
def test_a_request_to_end_takes_the_uploads_away(tmp_path, user_cache):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path)}
    command = [sys.executable, "app.py", "--port", str(port)]
    page = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    end, url = time.monotonic() + 90, f"http://127.0.0.1:{port}"
    while time.monotonic() < end and page.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            break
        except OSError:
            time.sleep(0.2)
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.mp4"\r\n\r\nmine\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    urllib.request.urlopen(
        urllib.request.Request(f"{url}/gradio_api/upload", body, headers), timeout=30
    ).close()
    assert [path.read_bytes() for path in tmp_path.rglob("a.mp4")] == [b"mine"]
    page.send_signal(signal.SIGTERM)
    printed = page.communicate(timeout=30)[0].decode()
    assert "Traceback" not in printed
    assert [*tmp_path.glob("vtg-lens-page-*"), *tmp_path.rglob("a.mp4")] == []


@pytest.mark.slow
def test_a_module_in_the_working_folder_is_not_taken_for_a_library(tmp_path):
    for name in ("tqdm", "yaml", "numpy", "transformers", "torch"):
        (tmp_path / f"{name}.py").write_text("import os; os._exit(77)")
    (tmp_path / "rows.json").write_text("[]")
    ran = run("audit", "--annotations", "rows.json", cwd=tmp_path)
    assert ran.returncode == 1, ran.stderr
    assert "error: rows.json must hold at least one row, got none" in ran.stderr


@pytest.mark.slow
def test_a_collator_in_the_working_folder_is_found_and_its_neighbours_too(tmp_path):
    (tmp_path / "tqdm.py").write_text("import os; os._exit(77)")
    (tmp_path / "beside.py").write_text("def pick(samples):\n    raise ValueError('it is mine')\n")
    (tmp_path / "mine.py").write_text("import tqdm\nfrom beside import pick\ncollate = pick\n")
    rows = ROOT / "assets" / "demo_annotations.json"
    options = ["--annotations", str(rows), "--video-root", str(ROOT / "assets"), "--limit", "1"]
    ran = run("audit", *options, "--collator", "mine:collate", cwd=tmp_path)
    assert ran.returncode == 1
    assert "it is mine" in ran.stdout
