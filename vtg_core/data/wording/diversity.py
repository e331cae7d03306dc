"""How different the templates of a set are, as figures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.wording.acceptance import similarity, words_in


@dataclass(frozen=True)
class Diversity:
    """How different the templates of a set are.

    Attributes:
        num_templates: how many there are.
        distinct_1, distinct_2, distinct_3: distinct runs of so many words over all such runs of the set, from 0 to 1;
            None where there is none.
        mean_distance: 1 less the share of character trigrams that two templates have in common, the mean over all
            pairs; None where there are fewer than two.
        least_distance: the same of the two that are most alike.
        mean_tokens: tokens of a template without its query; None where nothing counts them.
    """

    num_templates: int
    distinct_1: float | None
    distinct_2: float | None
    distinct_3: float | None
    mean_distance: float | None
    least_distance: float | None
    mean_tokens: float | None


def diversity_of(
    texts: Sequence[str], form: AnswerForm, count_tokens: Callable[[str], int] | None = None
) -> Diversity:
    """Return how different templates are.

    Args:
        texts: their words, ``{query}`` in each.
        form: of their answers; its own words count as tokens alone.
        count_tokens: counts the tokens of a text.
    """
    distances = [1 - similarity(*pair, form) for pair in combinations(texts, 2)]
    tokens = [count_tokens(text.replace("{query}", "")) for text in texts] if count_tokens else []
    return Diversity(
        num_templates=len(texts),
        distinct_1=_distinct(texts, form, 1),
        distinct_2=_distinct(texts, form, 2),
        distinct_3=_distinct(texts, form, 3),
        mean_distance=sum(distances) / len(distances) if distances else None,
        least_distance=min(distances, default=None),
        mean_tokens=sum(tokens) / len(tokens) if tokens else None,
    )


def _distinct(texts: Sequence[str], form: AnswerForm, size: int) -> float | None:
    runs = []
    for text in texts:
        words = words_in(text.replace(form.example, " "))
        runs += [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]
    return len(set(runs)) / len(runs) if runs else None
