"""What templates cost in tokens, language by language."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.data.wording.prompt import PromptTemplate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class TemplateCost:
    """What one template costs in each language.

    Attributes:
        mode: its answer form.
        template: its name.
        tokens: from each language to the tokens of its words, the query left out.
        characters: from each language to the characters of its words, the query left out.
    """

    mode: str
    template: str
    tokens: dict[str, int]
    characters: dict[str, int]


def num_tokens(text: str, tokenizer: "PreTrainedTokenizerBase") -> int:
    """Return how many tokens a text is, without those that a tokenizer adds around it."""
    return len(tokenizer.encode(text, add_special_tokens=False))


def costs_of(templates: Iterable[PromptTemplate], tokenizer: "PreTrainedTokenizerBase") -> list[TemplateCost]:
    """Return the cost of templates, those of one name and mode together, in the order in which they came."""
    alike: dict[tuple[str, str], list[PromptTemplate]] = {}
    for template in templates:
        alike.setdefault((str(template.mode), template.name), []).append(template)
    return [
        TemplateCost(
            mode,
            name,
            {one.language: num_tokens(one.format("").text, tokenizer) for one in same},
            {one.language: len(one.format("").text) for one in same},
        )
        for (mode, name), same in alike.items()
    ]


def mean_tokens(costs: Sequence[TemplateCost]) -> dict[str, float]:
    """Return for each language the mean of its templates' tokens."""
    languages = dict.fromkeys(code for cost in costs for code in cost.tokens)
    found = {code: [cost.tokens[code] for cost in costs if code in cost.tokens] for code in languages}
    return {code: sum(counts) / len(counts) for code, counts in found.items()}
