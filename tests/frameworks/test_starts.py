"""The starts of docs/frameworks.md run as they stand, each where what it imports is installed."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from vtg_core.checkpoints import loading
from vtg_core.commands.cli import main

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "frameworks.md").read_text(encoding="utf-8")
STARTS = dict(re.findall(r"^### (.*?)\n.*?^```\w*\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE))
CONFIGS = {
    "train.yaml": "template: qwen3_vl\ncutoff_len: 100000\n",
    "args.json": '{"model_type": "qwen3_vl"}',
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    for name, text in CONFIGS.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        loading, "_KEPT", {}
    )  # a start trains the model that it loads; others are given one of their own


def test_there_are_six():
    assert len(STARTS) == 6


@pytest.mark.parametrize("name", [name for name, code in STARTS.items() if "import" in code])
def test_a_start_in_python_runs(name):
    for package in ("trl", "lightning"):
        is_used = re.search(rf"^(import|from) {package}\b", STARTS[name], re.MULTILINE)
        if is_used and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    exec(compile(STARTS[name], name, "exec"), {})
    assert list(Path("vtg_lens").glob("*.safetensors"))


@pytest.mark.parametrize(("name", "package"), [("LLaMA-Factory", "llamafactory"), ("ms-swift", "swift")])
def test_a_start_from_a_configuration_finds_no_error(name, package, capsys):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    command = STARTS[name].split()[3:]
    assert main([*command, "--num-frames", "4"]) == 0
    assert "0 errors" in capsys.readouterr().out
