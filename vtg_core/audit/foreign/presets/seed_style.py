"""Rows as LLaVA has them, ``{video, conversations}``, for a collator that reads such rows."""

from typing import TYPE_CHECKING, Any

from vtg_core.audit.foreign.presets.registry import Collate
from vtg_core.audit.foreign.presets.rows import sharegpt
from vtg_core.collator import SFTCollator
from vtg_core.errors import VTGError

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def build(processor: "ProcessorMixin", argument: str) -> Collate:
    """Return a collator that is handed such rows, with one video as ``video`` and several as a list.

    Args:
        processor: of the checkpoint.
        argument: ``package.module:name`` of the collator; our own, which reads the rows back, where it is empty.
    """
    collate = _named(processor, argument) if argument else _ours(processor)
    return lambda samples: collate([_row(sample) for sample in samples])


def _row(sample: dict[str, Any]) -> dict[str, Any]:
    row = sharegpt(sample["messages"])
    videos = row.pop("videos")
    others = {name: value for name, value in sample.items() if name != "messages"}
    return {**others, "video": videos[0] if len(videos) == 1 else videos, **row}


def _named(processor: "ProcessorMixin", name: str) -> Collate:
    from vtg_core.audit.foreign.collators import ForeignCollator, load_collator

    found = load_collator(name, processor)
    if not isinstance(found, ForeignCollator):
        raise VTGError(found.message)
    return found


def _ours(processor: "ProcessorMixin") -> Collate:
    collate = SFTCollator(processor)
    roles = {"human": "user", "gpt": "assistant", "system": "system"}

    def batch(rows: list[dict[str, Any]]) -> Any:
        return collate([{**row, "messages": _messages(row, roles)} for row in rows])

    return batch


def _messages(row: dict[str, Any], roles: dict[str, str]) -> list[dict[str, Any]]:
    """Read a row's turns back: a video stands where ``<video>`` opens a line of the first of them."""
    videos = row["video"] if isinstance(row["video"], list) else [row["video"]]
    messages = []
    for turn in row["conversations"]:
        text, parts = turn["value"], []
        while videos and text.startswith("<video>"):
            parts.append({"type": "video", "video": videos[0]})
            text, videos = text.removeprefix("<video>"), videos[1:]
        messages.append({"role": roles[turn["from"]], "content": [*parts, {"type": "text", "text": text}]})
    return messages
