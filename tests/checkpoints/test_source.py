import os
import shutil

import pytest

from vtg_core.checkpoints.source import folder_state, source_of
from vtg_core.demo.models import demo_folder
from vtg_core.errors import CheckpointError


@pytest.fixture
def folder(user_cache, tmp_path):
    return shutil.copytree(demo_folder("demo"), tmp_path / "checkpoint")


def test_a_name_stands_for_a_demo_a_folder_or_a_hub_id(user_cache, folder):
    assert source_of("demo") == str(demo_folder("demo"))
    assert source_of(str(folder)) == str(folder)
    assert source_of("Qwen/Qwen3-VL-2B-Instruct") == "Qwen/Qwen3-VL-2B-Instruct"


@pytest.mark.parametrize("name", ["", " ", "./gone", "/gone", "a/b/c", "~gone"])
def test_what_is_neither_is_told(name):
    with pytest.raises(CheckpointError, match="must be a folder that exists, a hub id such as"):
        source_of(name)


def retrain(folder):
    weights = folder / "model.safetensors"
    status = weights.stat()
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def change_config(folder):
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")


def add_shard(folder):
    (folder / "model-00002.safetensors").touch()


def remove_template(folder):
    (folder / "chat_template.jinja").unlink()


@pytest.mark.parametrize("change", [retrain, change_config, add_shard, remove_template])
def test_a_folder_that_is_written_anew_is_in_another_state(folder, change):
    before = folder_state(str(folder))
    change(folder)
    assert folder_state(str(folder)) != before


def test_a_folder_that_is_left_alone_stays_in_its_state(folder):
    before = folder_state(str(folder))
    (folder / "model.safetensors").read_bytes()
    (folder / "notes.md").write_text("mine")
    (folder / "optimizer.pt").touch()
    assert folder_state(str(folder)) == before


def test_what_is_no_folder_has_no_state():
    assert folder_state("Qwen/Qwen3-VL-2B-Instruct") == ""
