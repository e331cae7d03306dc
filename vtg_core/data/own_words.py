"""What the answer of a row with a conversation of its own says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vtg_core.data.annotations import Annotation
from vtg_core.data.answer_forms.reading import NO_WINDOW, read_answer
from vtg_core.windows import Window


@dataclass(frozen=True)
class OwnAnswer:
    """What the answer of a row with a conversation of its own says.

    Attributes:
        windows: in seconds; none where no one reading of it is clear.
        form: the name of the answer form that it is written in; None where nobody knows.
    """

    windows: tuple[Window, ...]
    form: str | None


def own_answer(annotation: Annotation, duration: float, windows: Sequence[Window]) -> OwnAnswer:
    """Return what the last trained answer of a row with a conversation of its own says.

    Args:
        annotation: the row.
        duration: of its video, in seconds.
        windows: those that the row was read with (s); with none, its answer is read again.
    """
    reading = read_answer(trained_answer(annotation), duration=duration)
    closest = reading.closest(windows) if windows else None
    name = closest.candidate.form if closest is not None else reading.form
    return OwnAnswer(tuple(windows) or reading.windows, None if name == NO_WINDOW else name)


def trained_answer(annotation: Annotation) -> str:
    """Return the text of the last message that a row with a conversation of its own trains."""
    trained = [m for m, w in zip(annotation.messages, annotation.weights, strict=True) if w]
    return text_of(trained[-1])


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message."""
    return "".join(part["text"] for part in message["content"] if part["type"] == "text")
