"""A language model behind an OpenAI-compatible server, or its replies from a file."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vtg_core.errors import TemplateError

API_KEY = "VTG_LENS_API_KEY"
"""The environment variable with the server's key: what stands on a command line, others can read."""
MAX_REPLY_BYTES = 4_000_000
MAX_RECORD_BYTES = 64_000_000
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Reply:
    """What a model wrote.

    Attributes:
        text: of its answer.
        model: as the server calls it.
        number: of the reply, from 1.
    """

    text: str
    model: str
    number: int


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible server.

    Attributes:
        url: up to ``/v1``, such as ``http://127.0.0.1:8000/v1``.
        model: as the server calls it.
        temperature: from 0 on.
        seed: makes the server's draw repeatable, where it can.
    """

    url: str
    model: str
    temperature: float
    seed: int

    def ask(self, prompt: str, number: int) -> Reply:
        """Return what the model writes to a prompt.

        Raises:
            TemplateError: the server cannot be reached, refuses, or answers something else.
        """
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": self.temperature,
            "seed": self.seed + number,
        }
        text = _text_of(self._post(body))
        return Reply(text, self.model, number)

    def _post(self, body: dict[str, Any]) -> Any:
        where = f"{self.url.rstrip('/')}/chat/completions"
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(API_KEY):
            headers["Authorization"] = f"Bearer {key}"
        try:
            request = urllib.request.Request(where, json.dumps(body).encode(), headers, method="POST")
            with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
                content = answer.read(MAX_REPLY_BYTES + 1)
        except urllib.error.HTTPError as error:
            said = error.read(300).decode("utf-8", "replace")
            raise TemplateError(f"the server at {where} must answer, and says {error.code}: {said}") from None
        except (OSError, ValueError) as error:
            raise TemplateError(
                f"the server at {where} must be reachable, and is not: {getattr(error, 'reason', error)}"
            ) from None
        if len(content) > MAX_REPLY_BYTES:
            raise TemplateError(
                f"a reply must be at most {MAX_REPLY_BYTES:,} bytes, and that of {where} is longer"
            )
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            raise TemplateError(f"the server at {where} must answer in JSON, got {content[:80]!r}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A server that sends elsewhere would be sent the key: the person should name the place itself."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def check_url(url: str) -> str:
    """Return the address of a server.

    Raises:
        TemplateError: it is none of http or https.
    """
    if not url.startswith(("http://", "https://")):
        raise TemplateError(f"--endpoint must begin with http:// or https://, got {url!r:.80}")
    return url


def _text_of(answer: Any) -> str:
    try:
        text = answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        text = None
    if not isinstance(text, str):
        raise TemplateError(
            f"a reply must have choices[0].message.content, a text, got {str(answer)[:120]!r}"
        )
    return text


class Recorder:
    """Keeps every reply in a file, a line of JSON each, as it comes: so that a run can be repeated without a model."""

    def __init__(self, path: str | None) -> None:
        self.lines: list[str] = []
        self.path = path

    def keep(self, prompt: str, reply: Reply) -> None:
        """Keep a reply."""
        said = {
            "number": reply.number,
            "model": reply.model,
            "prompt": prompt,
            "reply": reply.text,
            "at": time.time(),
        }
        self.lines.append(json.dumps(said, ensure_ascii=False))

    @property
    def text(self) -> str:
        """The whole record."""
        return "".join(f"{line}\n" for line in self.lines)


def replayed(path: Path) -> Iterator[Reply]:
    """Yield the replies of a record, in order.

    Raises:
        TemplateError: it cannot be read, or holds something else.
    """
    try:
        if path.stat().st_size > MAX_RECORD_BYTES:
            raise TemplateError(f"{path.name} must be at most {MAX_RECORD_BYTES:,} bytes")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(f"the replies of {path.name} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            said = json.loads(line)
            reply = Reply(said["reply"], str(said.get("model", "")), number)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise TemplateError(f"{path.name}:{number} must be a JSON object with a 'reply'") from None
        if not isinstance(reply.text, str):
            raise TemplateError(f"{path.name}:{number} must have a text under 'reply'")
        yield reply
