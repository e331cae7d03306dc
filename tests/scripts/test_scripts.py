"""The page's scripts: what is pure in them runs under Node.js, and the server sends them and nothing else."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from vtg_core.dashboard import Settings, build_dashboard, launch_options

HERE = Path(__file__).parent
NODE = shutil.which("node")
OLDEST = (20, 19)
"""The first Node.js that takes a ``.js`` file with imports for a module."""


def node_version():
    printed = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = re.match(r"v(\d+)\.(\d+)", printed).groups()
    return int(major), int(minor)


@pytest.fixture(scope="module")
def server():
    return TestClient(Starlette(**launch_options()["app_kwargs"]), base_url="http://localhost:7860")


@pytest.mark.skipif(NODE is None or node_version() < OLDEST, reason="no Node.js of 20.19 or later here")
def test_what_is_pure_in_the_scripts_passes_its_own_tests():
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    done = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_is_sent_as_javascript_and_asked_for_again(server):
    sent = server.get("/scripts/store.js")
    assert (sent.status_code, sent.headers["cache-control"]) == (200, "no-cache")
    assert "javascript" in sent.headers["content-type"]
    again = server.get("/scripts/store.js", headers={"if-none-match": sent.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["demo.safetensors", "", "none.js", "..%2fpyproject.toml", "..%2f..%2fx.js", "%2fetc%2fpasswd.js"]
)
def test_nothing_else_is_sent(server, path):
    assert server.get(f"/scripts/{path}").status_code == 404


def test_no_component_carries_a_script_of_its_own():
    components = build_dashboard(Settings()).get_config_file()["components"]
    texts = [c["props"].get("js_on_load") or "" for c in components if c["type"] == "html"]
    assert len(texts) > 10
    assert max(map(len, texts)) < 250
