"""LLaMA-Factory: its ShareGPT converter, its template, its supervised processor and its multimodal collator."""

import os
from copy import copy
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from vtg_core.audit.foreign.presets.checkpoint import folder_of, weightless_model
from vtg_core.audit.foreign.presets.configs import read_config
from vtg_core.audit.foreign.presets.registry import Collate, is_imported
from vtg_core.audit.foreign.presets.rows import sharegpt

if TYPE_CHECKING:
    from transformers import ProcessorMixin

TEMPLATES = {
    "Qwen3VLProcessor": "qwen3_vl",
    "Qwen2_5_VLProcessor": "qwen2_vl",
    "Qwen2VLProcessor": "qwen2_vl",
}
"""The template that its documents name for a processor, where a configuration names none."""

NO_BOUND = 1_000_000
"""``cutoff_len`` where a configuration has none: its own default of 2,048 tokens cuts most videos."""


def build(processor: "ProcessorMixin", argument: str) -> Collate:
    """Return LLaMA-Factory's data path.

    Args:
        processor: of the checkpoint; it is copied, as the template changes the tokenizer.
        argument: the YAML file that a training run is started with; its data and video options are taken.
    """
    if not is_imported("llamafactory"):  # it refuses other versions than it names, and reads this once
        os.environ.setdefault("DISABLE_VERSION_CHECK", "1")
    from llamafactory.data.collator import MultiModalDataCollatorForSeq2Seq
    from llamafactory.data.converter import get_dataset_converter
    from llamafactory.data.parser import DatasetAttr
    from llamafactory.data.processor.supervised import SupervisedDatasetProcessor
    from llamafactory.data.template import get_template_and_fix_tokenizer
    from llamafactory.hparams import DataArguments, ModelArguments

    config = read_config(argument) if argument else {}
    defaults = {"template": TEMPLATES.get(type(processor).__name__), "cutoff_len": NO_BOUND}
    data = DataArguments(**_taken(defaults | config, DataArguments))
    own = copy(processor)
    own.tokenizer = copy(processor.tokenizer)
    _tell_videos(own, _taken(config, ModelArguments), ModelArguments)
    template = get_template_and_fix_tokenizer(own.tokenizer, data)
    convert = get_dataset_converter(
        "sharegpt", DatasetAttr("file", "rows", formatting="sharegpt", videos="videos"), data
    )
    supervised = SupervisedDatasetProcessor(
        template=template, tokenizer=own.tokenizer, processor=own, data_args=data
    )
    collate = MultiModalDataCollatorForSeq2Seq(
        template=template, processor=own, tokenizer=own.tokenizer, model=weightless_model(folder_of(processor)),
        padding=True, label_pad_token_id=-100,
    )  # fmt: skip

    def batch(samples: list[dict[str, Any]]) -> Any:
        rows = [convert(sharegpt(sample["messages"])) for sample in samples]
        encoded = supervised.preprocess_dataset({name: [row[name] for row in rows] for name in rows[0]})
        return collate(
            [{k: column[i] for k, column in encoded.items()} for i in range(len(encoded["labels"]))]
        )

    return batch


def _taken(config: dict[str, Any], arguments: Any) -> dict[str, Any]:
    """Return the options of a configuration that are fields of a class of arguments, without where the data lie."""
    names = {field.name for field in fields(arguments)} - {"dataset", "dataset_dir", "eval_dataset"}
    return {name: value for name, value in config.items() if name in names}


def _tell_videos(processor: "ProcessorMixin", config: dict[str, Any], arguments: Any) -> None:
    """Give the processor what its loader gives it: how videos are sampled and scaled."""
    defaults = {field.name: field.default for field in fields(arguments)}
    for name in ("image_max_pixels", "image_min_pixels", "video_max_pixels", "video_min_pixels", "video_fps", "video_maxlen"):  # fmt: skip
        if name in defaults:
            setattr(processor, name, config.get(name, defaults[name]))
