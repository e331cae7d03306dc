"""Many visitors at once, each of whom asks the page as its scripts do: a place in the queue, and again where there is none."""

import json
import random
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

TURNED_AWAY = (429, 503)


@dataclass(frozen=True)
class Visitor:
    """What became of a visitor.

    Attributes:
        is_served: the sample came.
        num_told: how often the visitor was told that there is no place yet.
        seconds: until the sample came, or the visitor went.
    """

    is_served: bool
    num_told: int
    seconds: float


def visit_at_once(url: str, number: int, *, patience: float = 180.0) -> list[Visitor]:
    """Let ``number`` visitors ask for the first sample at once, and each wait for ``patience`` seconds."""
    with urllib.request.urlopen(f"{url}/config", timeout=60) as sent:
        config = json.load(sent)
    asked = _first_reading(config)
    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(lambda _: _visit(url, asked, patience), range(number)))


def _first_reading(config: dict[str, Any]) -> dict[str, Any]:
    """Return what asks for the sample that is picked, with what the page opens with."""
    reading = next(
        one for one in config["dependencies"] if any(event == "pick" for _, event in one["targets"])
    )
    opened = {one["id"]: one["props"].get("value") for one in config["components"]}
    return {"fn_index": reading["id"], "data": [opened[name] for name in reading["inputs"]]}


def _visit(url: str, asked: dict[str, Any], patience: float) -> Visitor:
    began, told, session = time.monotonic(), 0, uuid.uuid4().hex
    while (waited := time.monotonic() - began) < patience:
        try:
            _post(f"{url}/gradio_api/queue/join", {**asked, "session_hash": session, "trigger_id": None})
        except urllib.error.HTTPError as error:
            if error.code not in TURNED_AWAY:
                raise
            told += 1
            time.sleep(min(20, 2**told) * random.uniform(0.5, 1))
            continue
        is_served = _is_served(f"{url}/gradio_api/queue/data?session_hash={session}", patience - waited)
        return Visitor(is_served, told, time.monotonic() - began)
    return Visitor(False, told, patience)


def _post(url: str, value: dict[str, Any]) -> None:
    request = urllib.request.Request(url, json.dumps(value).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).close()


def _is_served(url: str, patience: float) -> bool:
    """Read what the server tells a visitor, until what was asked for is done."""
    end = time.monotonic() + patience
    with urllib.request.urlopen(url, timeout=patience) as events:
        for line in events:
            if b'"msg":"process_completed"' in line or b'"msg": "process_completed"' in line:
                return b'"success":true' in line.replace(b" ", b"")
            if time.monotonic() > end:
                return False
    return False
