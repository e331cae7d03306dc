"""What a person is told in a line: notices, and the one for whatever a handler raises."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from vtg_core.errors import LossCancelledError, VTGError, as_sentence

logger = logging.getLogger(__name__)


class FieldError(VTGError):
    """What is wrong with a field of the page; ``field`` is its element's id, and there the sentence stands."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field

    def __reduce__(self) -> tuple[type["FieldError"], tuple[str, str]]:
        return type(self), (self.field, str(self))


def notice(level: str, text: str, *, field: str = "") -> str:
    """Return the JSON of a notice: ``error``, ``warning`` or ``info``, its text, and the field that it stands at."""
    return json.dumps({"level": level, "text": text} | ({"field": field} if field else {}))


@contextmanager
def at_field(field: str) -> Iterator[None]:
    """Let what is wrong stand at a field.

    Raises:
        FieldError: in the place of whatever else a person can mend.
    """
    try:
        yield
    except FieldError:
        raise
    except VTGError as error:
        raise FieldError(field, str(error)) from None


@contextmanager
def as_notice(failures: list[str]) -> Iterator[None]:
    """Catch whatever a handler raises, and leave the notice for it in ``failures``."""
    try:
        yield
    except LossCancelledError as error:
        failures.append(notice("info", as_sentence(str(error))))
    except VTGError as error:
        field = error.field if isinstance(error, FieldError) else ""
        failures.append(notice("error", as_sentence(str(error)), field=field))
    except Exception as error:
        logger.exception("a handler failed")
        failures.append(
            notice("error", f"Something went wrong inside VTG Lens ({type(error).__name__}). Your input is kept; "
                            "the terminal that runs it has the details.")
        )  # fmt: skip
