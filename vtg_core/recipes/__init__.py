"""Other people's masks, each as a rule and as a collator (``vtg_core.recipes:text_prefix``), and what they would report."""

from vtg_core.recipes.masks import (
    all_tokens,
    bare_assistant,
    generation_tags,
    pad_only,
    processor_prefix,
    role_markers,
    text_prefix,
)

__all__ = [
    "all_tokens", "bare_assistant", "generation_tags", "pad_only", "processor_prefix", "role_markers", "text_prefix",
]  # fmt: skip
