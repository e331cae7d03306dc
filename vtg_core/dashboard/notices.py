"""What a person is told in a line: notices, and the one for whatever a handler raises."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from vtg_core.errors import LossCancelledError, VTGError, as_sentence

logger = logging.getLogger(__name__)


def notice(level: str, text: str) -> str:
    """Return the JSON of a notice: ``error``, ``warning`` or ``info``, and its text."""
    return json.dumps({"level": level, "text": text})


@contextmanager
def as_notice(failures: list[str]) -> Iterator[None]:
    """Catch whatever a handler raises, and leave the notice for it in ``failures``."""
    try:
        yield
    except LossCancelledError as error:
        failures.append(notice("info", as_sentence(str(error))))
    except VTGError as error:
        failures.append(notice("error", as_sentence(str(error))))
    except Exception as error:
        logger.exception("a handler failed")
        failures.append(
            notice("error", f"Something went wrong inside VTG Lens ({type(error).__name__}). Your input is kept; "
                            "the terminal that runs it has the details.")
        )  # fmt: skip
