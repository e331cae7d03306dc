"""The endpoints as tools of a model: what they answer with is JSON there too."""

import json
from collections.abc import Sequence
from typing import Any


def answer_in_json() -> None:
    """Let the answer of a tool be JSON: Gradio writes a mapping as Python would, and a program cannot read that."""
    from gradio.mcp import GradioMCPServer

    written = GradioMCPServer.postprocess_output_data
    if written.__module__ == __name__:
        return

    def in_json(self: Any, data: Sequence[Any], root_url: str) -> Any:
        texts = [json.dumps(one, ensure_ascii=False) if isinstance(one, dict) else one for one in data]
        return written(self, texts, root_url)

    GradioMCPServer.postprocess_output_data = in_json  # type: ignore[method-assign]
