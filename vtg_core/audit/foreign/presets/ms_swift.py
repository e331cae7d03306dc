"""ms-swift: its template, which encodes a conversation, and its collator."""

from copy import copy
from typing import TYPE_CHECKING, Any

from vtg_core.audit.foreign.presets.checkpoint import folder_of, weightless_model
from vtg_core.audit.foreign.presets.configs import read_config
from vtg_core.audit.foreign.presets.registry import Collate
from vtg_core.audit.foreign.presets.rows import videos_of, with_markers

if TYPE_CHECKING:
    from transformers import ProcessorMixin

TAKEN = {"template": "template_type", "system": "default_system"} | {
    name: name
    for name in ("max_length", "truncation_strategy", "max_pixels", "loss_scale", "agent_template", "padding_free")
}  # fmt: skip
"""What of a run's arguments its template takes, and what it calls it."""


def build(processor: "ProcessorMixin", argument: str) -> Collate:
    """Return ms-swift's data path.

    Its Qwen templates look for the placeholder of a video by Qwen's own id; for a checkpoint with another vocabulary, as
    the demo, the template is told the checkpoint's. Of the model it asks for positions alone, so it is given one of
    transformers without weights.

    Args:
        processor: of the checkpoint; it is copied.
        argument: a JSON or YAML file with the run's arguments, such as the ``args.json`` that a run leaves behind.
    """
    from swift.model import get_model_info_meta
    from swift.template import get_template

    config = read_config(argument) if argument else {}
    folder, own = folder_of(processor), copy(processor)
    own.tokenizer = copy(processor.tokenizer)
    kind = config.get("model_type") or _model_type(folder)
    own.model_info, own.model_meta = get_model_info_meta(folder, model_type=kind, download_model=False)
    options = {ours: config[name] for name, ours in TAKEN.items() if config.get(name) is not None}
    options.setdefault("template_type", kind)
    template = get_template(own, padding_side=own.tokenizer.padding_side, **options)
    template.set_mode("train")
    template.dummy_model = weightless_model(folder)
    for name in ("video_token_id", "image_token_id"):
        if hasattr(template, name) and hasattr(own, name):
            setattr(template, name, getattr(own, name))

    def batch(samples: list[dict[str, Any]]) -> Any:
        rows = [
            {"messages": with_markers(sample["messages"]), "videos": videos_of(sample["messages"])}
            for sample in samples
        ]
        return template.data_collator([template.encode(row) for row in rows])

    return batch


def _model_type(folder: str) -> str | None:
    """Return what ms-swift calls a checkpoint's model: mostly what transformers does; None to let it find out."""
    from swift.model import MODEL_MAPPING
    from transformers import AutoConfig

    name = AutoConfig.from_pretrained(folder).model_type
    return name if name in MODEL_MAPPING else None
