"""Templates that grow on the page: a language model that the page was started with writes them, and they are judged."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell
from vtg_core.data.wording.growth.endpoint import Endpoint
from vtg_core.data.wording.growth.growing import MAX_ROUNDS, Growth
from vtg_core.errors import TemplateError
from vtg_core.templates import PromptTemplate
from vtg_core.views.results.grown import view_growth
from vtg_core.views.samples import as_json

MOST_AT_A_TIME = 40


@dataclass(frozen=True)
class GrowthWanted:
    """What a person asked for.

    Attributes:
        origin: the template that others are to be like.
        others: those that none may be like, ``origin`` among them.
        count: how many are wanted.
    """

    origin: PromptTemplate
    others: tuple[PromptTemplate, ...]
    count: int

    @classmethod
    def read(cls, settings: Settings, name: object, mode: object, count: object) -> "GrowthWanted":
        """Read what the page's script sends.

        Raises:
            TemplateError: there is no such template, or the number is none from 1 to ``MOST_AT_A_TIME``.
        """
        others = tuple(own for own in settings.built_in if str(own.mode) == mode)
        origin = next((own for own in others if own.name == name), None)
        if origin is None:
            raise TemplateError(
                f"a built-in template must be chosen, got {name!r:.60} for answers as {mode!r:.60}"
            )
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_AT_A_TIME:
            raise TemplateError(
                f"a whole number from 1 to {MOST_AT_A_TIME} must be wanted, got {count!r:.40}"
            )
        return cls(origin, others, count)


def as_over(last: str | None) -> str | None:
    """Return what stays on screen where no more is to come: what has grown before a server failed."""
    return last if last is None else json.dumps({**json.loads(last), "is_over": True})


def grow_templates(
    settings: Settings, wanted: GrowthWanted, tell: Tell, is_stopped: Callable[[], bool]
) -> Iterator[str]:
    """Yield what has grown, reply by reply, as the JSON of a :class:`vtg_core.views.results.grown.GrowthView`.

    Raises:
        TemplateError: the model's server cannot be used; what was yielded before stands.
    """
    growth = Growth(wanted.origin, wanted.others, wanted.count)
    endpoint = Endpoint(settings.endpoint, settings.writer, temperature=1.0, seed=0)
    num_replies = 0
    while not (growth.is_done or num_replies == MAX_ROUNDS or is_stopped()):
        yield as_json(view_growth(growth, num_replies=num_replies, is_over=False))
        num_replies += 1
        growth.take(endpoint.ask(growth.prompt, num_replies))
    yield as_json(view_growth(growth, num_replies=num_replies, is_over=True))
