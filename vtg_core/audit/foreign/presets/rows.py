"""Our samples in the forms that frameworks read."""

from collections.abc import Mapping, Sequence
from typing import Any

SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}
"""Whose turn it is, in the words of LLaVA's rows."""


def with_markers(messages: Sequence[Mapping[str, Any]], marker: str = "<video>") -> list[dict[str, str]]:
    """Return messages whose content is a text, with a marker where each video stands."""
    return [{"role": message["role"], "content": text_of(message, marker)} for message in messages]


def text_of(message: Mapping[str, Any], marker: str = "<video>") -> str:
    """Return the text of a message, with a marker where each video stands."""
    content = message["content"]
    if isinstance(content, str):
        return content
    return "".join(marker if part["type"] == "video" else part["text"] for part in content)


def videos_of(messages: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return the paths of the videos, in order."""
    contents = [message["content"] for message in messages if not isinstance(message["content"], str)]
    return [part["video"] for content in contents for part in content if part["type"] == "video"]


def sharegpt(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row as LLaVA, Qwen's finetuning and LLaMA-Factory have it: ``conversations`` and ``videos``."""
    turns = [{"from": SHAREGPT[one["role"]], "value": one["content"]} for one in with_markers(messages)]
    return {"conversations": turns, "videos": videos_of(messages)}


def plain_parts(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages in Hugging Face's chat form, without what only we write into a part."""
    return [
        {
            "role": message["role"],
            "content": [
                {name: value for name, value in part.items() if name in ("type", "text", "video")}
                for part in message["content"]
            ]
            if not isinstance(message["content"], str)
            else [{"type": "text", "text": message["content"]}],
        }
        for message in messages
    ]
