"""Qwen's own finetuning code, from a checkout of its repository: its rows, its data set and its collator."""

import importlib
import json
import sys
from copy import copy, deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vtg_core.audit.foreign.presets.checkpoint import folder_of
from vtg_core.audit.foreign.presets.registry import Collate
from vtg_core.audit.foreign.presets.rows import sharegpt
from vtg_core.errors import VTGError

if TYPE_CHECKING:
    from transformers import ProcessorMixin

PLACES = ("", "qwen-vl-finetune")
"""Where in a checkout the package may lie."""
DATA = Path("qwenvl", "data", "data_processor.py")
MODEL_TYPES = {"qwen2_vl": "qwen2vl", "qwen2_5_vl": "qwen2.5vl", "qwen3_vl": "qwen3vl"}
"""What its data set calls the models that it knows."""
NAME = "vtg_lens_rows"


def build(processor: "ProcessorMixin", argument: str) -> Collate:
    """Return its data path with its defaults; its code is imported from the checkout, and runs as it is.

    It looks for the assistant's turn by Qwen's own ids, so that a checkpoint with another vocabulary, as the demo, trains
    nothing with it. Errors of a row are raised here, where its data set would take another row in its place.

    Args:
        processor: of the checkpoint; it is copied, as the data set changes it.
        argument: the folder of the checkout.
    """
    data, arguments = _imported(_root(argument))
    model_type = _model_type(folder_of(processor))

    def batch(samples: list[dict[str, Any]]) -> Any:
        rows = [_row(sample) for sample in samples]
        with TemporaryDirectory() as folder:
            path = Path(folder, "rows.json")
            path.write_text(json.dumps(rows), encoding="utf-8")
            sys.modules["qwenvl.data"].data_dict[NAME] = {"annotation_path": str(path), "data_path": ""}
            chosen = arguments.DataArguments(dataset_use=NAME)
            chosen.model_type = model_type
            made = data.make_supervised_data_module(_copied(processor), data_args=chosen)
        dataset = made["train_dataset"]
        return made["data_collator"]([dataset.item_fn([row]) for row in dataset.list_data_dict])

    return batch


def _row(sample: dict[str, Any]) -> dict[str, Any]:
    row = sharegpt(sample["messages"])
    return {
        "conversations": row["conversations"],
        "video": [str(Path(path).resolve()) for path in row["videos"]],
    }


def _copied(processor: "ProcessorMixin") -> "ProcessorMixin":
    own = copy(processor)
    own.image_processor, own.video_processor = map(
        deepcopy, (processor.image_processor, processor.video_processor)
    )
    return own


def _root(argument: str) -> Path:
    """Return the folder that holds the package."""
    for place in PLACES if argument else ():
        if (Path(argument, place) / DATA).is_file():
            return Path(argument, place).resolve()
    raise VTGError(
        f"--collator qwen-finetune:FOLDER must name a checkout of QwenLM/Qwen3-VL, whose qwen-vl-finetune has {DATA}, "
        f"got {argument!r:.80}; clone it from GitHub, or name the folder that holds qwenvl"
    )


def _imported(root: Path) -> tuple[ModuleType, ModuleType]:
    """Import its data path and its arguments from this very checkout."""
    there = sys.modules.get("qwenvl")
    if there is not None and root not in Path(str(there.__path__[0])).resolve().parents:
        raise VTGError(
            f"qwenvl must be imported from {root}, and is from {there.__path__[0]} already; start anew"
        )
    sys.path.insert(0, str(root))
    try:
        names = ("qwenvl.data.data_processor", "qwenvl.train.argument")
        data, arguments = map(importlib.import_module, names)
    finally:
        sys.path.remove(str(root))
    return data, arguments


def _model_type(folder: str) -> str:
    from vtg_core.checkpoints.loading import load_config

    name = str(load_config(folder).model_type)
    if name not in MODEL_TYPES:
        raise VTGError(f"qwen-finetune trains {', '.join(MODEL_TYPES)}, and the checkpoint is {name}")
    return MODEL_TYPES[name]
