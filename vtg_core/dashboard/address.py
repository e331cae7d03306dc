"""What stands in the page's address: numbers and names, never a path or what a person typed.

Anybody can write a link. So a value is one of the page's own, or is left out and said so.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from vtg_core.dashboard.inputs import is_form
from vtg_core.dashboard.masks import Choice, first_mask
from vtg_core.dashboard.samples import MAX_NUMBER, Samples, template_choices
from vtg_core.dashboard.settings import Settings
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import VTGError
from vtg_core.templates import TEMPLATES

T = TypeVar("T")

TABS = ("audit", "tokens", "prompts", "loss")
OF_FILE = "file"
"""The tab that only a page has which knows where videos are."""
PARTS = {
    "file": {
        "results": "Results",
        "contents": "Contents",
        "findings": "Findings",
        "compared": "Templates compared",
    },
    "loss": {"this-sample": "This sample", "compare": "Compare templates", "probe": "Probe"},
}
"""The tabs within a tab: their names, and what stands on them; the first of each is open."""
COLOURS = ("label", "region", "verdict", "nll", "probability", "rank", "weight")
"""What tokens can be coloured by."""


@dataclass(frozen=True)
class Address:
    """What a link asks for.

    Attributes:
        sample: the number of a row, or of an example; None where there is none to open.
        template, answer, mask: as the page's fields hold them.
        tab: that is opened.
        part: the tab within it; empty for the first.
        colour: what tokens are coloured by; empty where the link does not say.
        token: the index of the token that is chosen; None where none is.
        ignored: the names of values that are none of the page's own.
        first: the template of a link that says none.
        asked: the names of those that are.
    """

    sample: int | None
    template: str
    answer: str
    mask: str
    tab: str
    part: str = ""
    colour: str = ""
    token: int | None = None
    ignored: tuple[str, ...] = ()
    first: str = TEMPLATES[0].name
    asked: frozenset[str] = frozenset()

    @classmethod
    def read(cls, settings: Settings, samples: Samples, query: Mapping[str, str], *, tab: str) -> "Address":
        """Read the values behind the question mark of the page's address.

        Args:
            settings: what the page was started with.
            samples: what can be picked.
            query: the values by their names, as a browser sent them.
            tab: the one that is open unless the link says otherwise.
        """
        ignored: list[str] = []
        known: set[str] = set()

        def value(name: str, take: Callable[[str], T | None], default: T) -> T:
            asked = query.get(name)
            if asked is None:
                return default
            taken = take(asked)
            if taken is None:
                ignored.append(name)
                return default
            known.add(name)
            return taken

        templates = tuple(name for _, name in template_choices(samples))
        tab = value("tab", _among((*TABS, OF_FILE) if settings.shows_files else TABS), tab)
        read = cls(
            sample=value("sample", samples.number_of, samples.first),
            template=value("template", _among(templates), templates[0]),
            answer=value("answer", lambda asked: asked if is_form(asked) else None, str(AnswerMode.STANDARD)),
            mask=value("mask", lambda asked: _mask(settings, asked), first_mask(settings)),
            tab=tab,
            part=value("part", _among(parts_of(settings, tab)), ""),
            colour=value("colour", _among(COLOURS), ""),
            token=value("token", _index, None),
        )
        return replace(read, ignored=tuple(ignored), asked=frozenset(known), first=templates[0])

    @property
    def remark(self) -> str:
        """What a person is told of the values that were left out; empty where there are none."""
        if not self.ignored:
            return ""
        names = ", ".join(self.ignored)
        return f"The link asks for something that this page does not have, so it is left out: {names}."

    def for_script(self, first_tab: str) -> str:
        """Return the JSON of what the page's script sets, as it alone knows whether a person was faster.

        Args:
            first_tab: the tab that the page opens with: another one on screen was opened by a person since.
        """
        tab = self.tab if self.tab != first_tab else None
        part = PARTS[self.tab][self.part] if self.part else None
        first = {"template": self.first}
        return json.dumps({
            "colour": self.colour or None, "token": self.token, "tab": tab, "part": part, "from": first_tab, "first": first
        })  # fmt: skip


def parts_of(settings: Settings, tab: str) -> tuple[str, ...]:
    """Return the names of the tabs that stand within one."""
    stands = {
        "results": settings.results is not None,
        "contents": settings.takes_files,
        "findings": settings.takes_files,
        "compared": settings.annotation_file is not None,
    }
    return tuple(part for part in PARTS.get(tab, ()) if stands.get(part, True))


def _among(names: tuple[str, ...]) -> Callable[[str], str | None]:
    return lambda asked: asked if asked in names else None


def _mask(settings: Settings, asked: str) -> str | None:
    try:
        Choice.read(settings, asked, 0)
    except VTGError:
        return None
    return asked


def _index(asked: str) -> int | None:
    is_index = asked.isascii() and asked.isdigit() and len(asked) < len(str(MAX_NUMBER))
    return int(asked) if is_index else None
