"""New templates from one: a model is asked for other ways to say it, and what it writes is judged."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.registry import form_named
from vtg_core.data.wording.acceptance import Rejected, judge
from vtg_core.data.wording.growth.endpoint import Reply
from vtg_core.data.wording.languages import LANGUAGES
from vtg_core.data.wording.prompt import PromptTemplate

MOST_AT_ONCE = 10
"""So many templates are asked for in one request."""
MAX_ROUNDS = 20
MAX_CANDIDATES = 200
"""Of one reply so many are looked at."""


@dataclass(frozen=True)
class Grown:
    """A template that was accepted.

    Attributes:
        template: with its words.
        source: where it came from.
    """

    template: PromptTemplate
    source: str


@dataclass
class Growth:
    """Templates that grow from one.

    Attributes:
        origin: the template that others are made from.
        others: templates that none may be like, ``origin`` among them.
        count: how many are wanted.
        accepted, rejected: so far.
    """

    origin: PromptTemplate
    others: Sequence[PromptTemplate]
    count: int
    accepted: list[Grown] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def form(self) -> AnswerForm:
        """How answers are written."""
        return form_named(str(self.origin.mode))

    @property
    def is_done(self) -> bool:
        """Whether there are as many as are wanted."""
        return len(self.accepted) >= self.count

    def ask(self, replies: Callable[[str, int], Reply | None]) -> None:
        """Ask until there are enough, no reply is left, or ``MAX_ROUNDS`` were asked for.

        Args:
            replies: from a prompt and its number, from 1, to the reply.
        """
        for number in range(1, MAX_ROUNDS + 1):
            if self.is_done or (reply := replies(self.prompt, number)) is None:
                return
            self.take(reply)

    def take(self, reply: Reply) -> None:
        """Judge what a reply holds, in its order, until there are enough."""
        for place, text in enumerate(candidates_in(reply.text), 1):
            if self.is_done:
                return
            source = f"{reply.model or 'a model'}, reply {reply.number}, text {place}"
            told = [*(t.text for t in self.others), *(own.template.text for own in self.accepted)]
            if (verdict := judge(text, self.form, self.origin.language, told)) is not None:
                self.rejected.append(Rejected(text, *verdict, source))
                continue
            name = f"{self.origin.name}_{len(self.accepted) + 1:02d}"
            own = self.origin
            self.accepted.append(Grown(PromptTemplate(name, "grown", own.mode, text, own.language), source))

    @property
    def prompt(self) -> str:
        """What the model is asked next."""
        wanted = min(MOST_AT_ONCE, self.count - len(self.accepted))
        language = LANGUAGES.get(self.origin.language)
        known = [own.template.text for own in self.accepted][-MOST_AT_ONCE:]
        return "\n\n".join(
            [
                f"Below is a prompt that asks a video model when something happens. Write {wanted} other prompts that ask the "
                "same, each in a different manner: vary length, tone, sentence form and vocabulary.",
                f"Each must hold {{query}} exactly once, where the sentence stands that is looked for, and no other "
                f"placeholder; say that the answer counts {self.form.unit}; show the answer's form exactly as {self.form.example}; "
                f"and be in {language.name if language is not None else self.origin.language}.",
                "Reply with a JSON list of strings and nothing else.",
                f"The prompt:\n{self.origin.text}",
                *(
                    [
                        "Do not repeat these:\n"
                        + "\n".join(json.dumps(text, ensure_ascii=False) for text in known)
                    ]
                    if known
                    else []
                ),
            ]
        )

    def as_yaml(self, some: Sequence[Grown] | None = None) -> str:
        """Return the accepted templates, or some of them, as a file that :func:`vtg_core.load_templates` reads."""
        import yaml

        rows = [
            {
                "name": own.template.name,
                "style": own.template.style,
                "mode": str(own.template.mode),
                "language": own.template.language,
                "source": own.source,
                "text": own.template.text,
            }
            for own in (self.accepted if some is None else some)
        ]
        return str(yaml.safe_dump(rows, allow_unicode=True, sort_keys=False, width=10_000))


def candidates_in(reply: str) -> Iterator[str]:
    """Yield the texts that a reply holds: of its JSON list, or else of its lines, without numbers and quotes."""
    text = reply.rpartition("</think>")[2]
    start, end = text.find("["), text.rfind("]")
    while 0 <= start < end:
        try:
            listed = json.loads(text[start : end + 1])
        except (ValueError, RecursionError):
            start = text.find("[", start + 1)
            if start > 2_000:
                break
            continue
        if isinstance(listed, list) and listed and all(isinstance(one, str) for one in listed):
            yield from (one.strip() for one in listed[:MAX_CANDIDATES])
            return
        break
    lines = [_MARK.sub("", line).strip() for line in text.splitlines()]
    yield from (line.strip('"“”').replace("\\n", "\n") for line in lines[:MAX_CANDIDATES] if "{" in line)


_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.):])\s+")
