"""Rows of the file that have a conversation of their own: what the page says of them, and what makes two of them equal."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from vtg_core.chat.conversation import Role
from vtg_core.data.annotations import Annotation
from vtg_core.data.own_words import own_answer
from vtg_core.windows import Window


@dataclass(frozen=True)
class OwnRow:
    """A row that has a conversation of its own; equal are those that say and train the same.

    Attributes:
        annotation: the row.
        said: its messages and what they weigh, as JSON.
    """

    annotation: Annotation = field(compare=False, repr=False)
    said: str = field(repr=False)

    @classmethod
    def of(cls, annotation: Annotation) -> "OwnRow | None":
        """Return the row as one of these; None where a template asks."""
        if not annotation.messages:
            return None
        return cls(annotation, json.dumps([annotation.messages, annotation.weights], ensure_ascii=False))

    def remark(self, windows: Sequence[Window], duration: float) -> str:
        """Say what the conversation is, what of it is trained, and what its answer says.

        Args:
            windows: those of the row, in seconds.
            duration: of its video, in seconds.
        """
        return f"{_turns(self.annotation)} {_answer(self.annotation, windows, duration)}"


def _turns(annotation: Annotation) -> str:
    messages, weights = annotation.messages, annotation.weights
    answers = [turn for turn, message in enumerate(messages) if message["role"] == Role.ASSISTANT]
    trained = [turn for turn in answers if weights[turn]]
    is_all = len(trained) == len(answers)
    said = f"Its conversation is its own: {len(messages)} messages"
    if is_all:
        who = {1: "its answer is", 2: "both answers are"}.get(len(answers), f"all {len(answers)} answers are")
        return f"{said}, and {who} trained."
    numbers = ", ".join(str(turn + 1) for turn in trained)
    which = f"message {numbers} is" if len(trained) == 1 else f"messages {numbers} are"
    return f"{said}; {which} trained, of {len(answers)} answers, as the row says."


def _answer(annotation: Annotation, windows: Sequence[Window], duration: float) -> str:
    answer = own_answer(annotation, duration, windows)
    if not answer.windows:
        return "Its last trained answer says no window, so templates ask for none until you type one."
    times = ", ".join(f"{start:g} to {end:g} s" for start, end in answer.windows[:3])
    more = f" and {len(answer.windows) - 3} more" if len(answer.windows) > 3 else ""
    return f"Its answer says {times}{more}" + (f", written as {answer.form}." if answer.form else ".")
