import sys

import pytest

from vtg_core import SFTCollator
from vtg_core.audit.foreign.collators import ForeignCollator, foreign_samples, load_collator, run_collator
from vtg_core.audit.foreign.presets.registry import PRESETS, find_preset
from vtg_core.audit.foreign.presets.rows import sharegpt


@pytest.fixture
def samples(samples_by_mode):
    return foreign_samples(samples_by_mode["standard"])


def test_a_preset_is_told_from_a_module():
    assert find_preset("trl:messages") == (PRESETS["trl"], "messages")
    assert find_preset("llamafactory:runs/a.yaml") == (PRESETS["llamafactory"], "runs/a.yaml")
    assert find_preset("ms-swift") == (PRESETS["ms-swift"], "")
    assert find_preset("trl:SFTTrainer") is None
    assert find_preset("llamafactory:Collator") is None
    assert find_preset("my_collator:messages") is None


@pytest.fixture
def fake_package(tmp_path, monkeypatch):
    """Put a package of a framework's name on the path that has nothing in it, as after a change of its makers."""

    def fake(name):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        monkeypatch.syspath_prepend(tmp_path)

    before = set(sys.modules)
    yield fake
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def is_installed(name):
    from importlib.util import find_spec

    return find_spec(name) is not None


@pytest.mark.skipif(is_installed("axolotl"), reason="it is installed here")
def test_a_framework_that_is_not_installed_is_told_with_what_to_install(processor):
    found = load_collator("axolotl", processor)
    assert found.message == "--collator axolotl needs axolotl, which is not installed."
    assert found.fix.startswith("Install what its data path imports: pip install --no-deps axolotl ")


@pytest.mark.skipif(is_installed("trl"), reason="it is installed here")
def test_a_framework_that_has_changed_is_told_in_one_sentence(processor, fake_package, tmp_path):
    fake_package("trl")
    (tmp_path / "trl" / "trainer").mkdir()
    (tmp_path / "trl" / "trainer" / "__init__.py").write_text("")
    (tmp_path / "trl" / "trainer" / "sft_trainer.py").write_text("")
    found = load_collator("trl", processor)
    assert (
        "has outgrown the preset trl, which was last tested with 1.16.0: cannot import name" in found.message
    )
    assert "MaskAudit" in found.fix


def test_a_configuration_that_is_not_there_is_told(processor, tmp_path):
    from vtg_core.audit.foreign.presets.configs import read_config
    from vtg_core.errors import VTGError

    with pytest.raises(VTGError, match="the configuration must be a file that can be read"):
        read_config(str(tmp_path / "none.yaml"))
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(VTGError, match="must hold a mapping of options, and holds list"):
        read_config(str(tmp_path / "list.yaml"))


def test_rows_in_llavas_style_come_back_as_they_were(processor, samples, samples_by_mode):
    collator = load_collator("seed-style", processor)
    batch = run_collator(collator, samples)
    ours = SFTCollator(processor)(samples_by_mode["standard"])
    assert batch["input_ids"].tolist() == ours["input_ids"].tolist()
    assert batch["labels"].tolist() == ours["labels"].tolist()


def test_a_row_in_llavas_style_has_a_marker_for_each_video(samples):
    row = sharegpt(samples[0]["messages"])
    assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt"]
    assert row["conversations"][0]["value"].startswith("<video>")
    assert len(row["videos"]) == 1


def test_a_collator_of_ones_own_is_handed_rows_in_llavas_style(processor, samples, elsewhere_module):
    collator = load_collator("seed-style:reads_llava_rows:collate", processor)
    assert isinstance(collator, ForeignCollator)
    assert run_collator(collator, samples)["keys"] == ["conversations", "video"]


@pytest.fixture
def elsewhere_module(tmp_path, monkeypatch):
    code = "def collate(rows):\n    return {'keys': sorted({'conversations', 'video'} & rows[0].keys())}\n"
    (tmp_path / "reads_llava_rows.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)


QWEN_FINETUNE = {
    "data/__init__.py": "data_dict = {}\n",
    "train/argument.py": """
from dataclasses import dataclass

@dataclass
class DataArguments:
    dataset_use: str = ""
""",
    "data/data_processor.py": """
import json
from . import data_dict
from vtg_core import SFTCollator, VideoTemporalSFTDataset

class Rows:
    def __init__(self, processor, data_args):
        assert data_args.model_type == "qwen3vl"
        self.list_data_dict = json.load(open(data_dict[data_args.dataset_use]["annotation_path"]))

    def item_fn(self, sources):
        [row] = sources
        return row

def make_supervised_data_module(processor, data_args):
    return {"train_dataset": Rows(processor, data_args), "data_collator": lambda items: {"rows": items}}
""",
}
"""A checkout as the preset needs it: where its files lie, and what it calls in them."""


@pytest.fixture
def checkout(tmp_path):
    before = set(sys.modules)
    for name, text in QWEN_FINETUNE.items():
        path = tmp_path / "qwen-vl-finetune" / "qwenvl" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        (path.parent / "__init__.py").touch()
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "qwenvl":
            del sys.modules[name]


def test_qwens_finetuning_code_is_handed_its_own_rows(processor, samples, checkout):
    collator = load_collator(f"qwen-finetune:{checkout}", processor)
    assert isinstance(collator, ForeignCollator), collator
    [row, *_] = run_collator(collator, samples)["rows"]
    assert row["video"] == [samples[0]["messages"][0]["content"][0]["video"]]
    assert row["conversations"][0]["value"].startswith("<video>")
    assert collator.origin.startswith("qwenvl of unknown version with transformers ")


def test_a_folder_that_is_no_checkout_is_told_with_what_to_do(processor, tmp_path):
    found = load_collator(f"qwen-finetune:{tmp_path}", processor)
    assert "must name a checkout of QwenLM/Qwen3-VL" in found.message


def test_a_checkout_whose_data_path_has_changed_is_told(processor, samples, checkout):
    (checkout / "qwen-vl-finetune/qwenvl/train/argument.py").unlink()
    found = load_collator(f"qwen-finetune:{checkout}", processor)
    assert found.code == "collator.not-found"
