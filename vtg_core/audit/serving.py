"""What a server makes of the same messages, held against what training reads."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import numpy as np

from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.checks.prompt_differences import (
    Difference,
    first_prompt,
    later_difference,
    prompt_differences,
)
from vtg_core.audit.codes.prompt import SERVED, SERVED_VIDEO
from vtg_core.audit.file_rows import rows_in
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.collators import foreign_samples, run_collator
from vtg_core.audit.report import RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known, scene_of
from vtg_core.audit.row.row import Known, Row
from vtg_core.audit.row.videos import placeholder_runs
from vtg_core.audit.run import Rows, refused, verified_indices
from vtg_core.chat.conversation import Role
from vtg_core.collator import pad
from vtg_core.dataset import Sample
from vtg_core.errors import VTGError, first_line
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.video.sampling import SampledVideo, sample_frames

ROUTE = "/v1/chat/completions/render"
MAX_VIDEO_BYTES = 256 * 10**6
MAX_ANSWER_BYTES = 64 * 10**6


@dataclass(frozen=True)
class RenderServer:
    """A server that says which ids it would give its model, such as ``vllm launch render`` on a machine without a GPU.

    Attributes:
        url: where it listens, such as ``http://localhost:8000``.
        template_arguments: variables of the chat template that it is asked to set.
        timeout: how long it may take for one prompt (s).

    Raises:
        VTGError: ``url`` is no address of http or https.

    Source: the renderer APIs of vLLM's documents, and the render endpoints of TensorRT-LLM's.
    """

    url: str
    template_arguments: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 120.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise VTGError(f"--serve must be an address such as http://localhost:8000, got {self.url!r:.80}")
        object.__setattr__(self, "url", self.url.rstrip("/").removesuffix(ROUTE))

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return the ids of the generation prompt behind ``messages``, in chat form, with their videos; int64, shape (L,).

        Raises:
            VTGError: a video cannot be sent, or the server does not answer, or with something else than ids.
        """
        asked: dict[str, Any] = {
            "messages": [_as_sent(message) for message in messages],
            "add_generation_prompt": True,
        }
        if self.template_arguments:
            asked["chat_template_kwargs"] = dict(self.template_arguments)
        if name := self._model_name():
            asked["model"] = name
        return _ids_in(self._post(asked), self.url)

    def _model_name(self) -> str:
        """Return what the server calls its model; empty where it does not say."""
        try:
            models = json.loads(self._read(Request(f"{self.url}/v1/models")))
            return str(models["data"][0]["id"])
        except (VTGError, ValueError, LookupError, TypeError):
            return ""

    def _post(self, asked: Mapping[str, Any]) -> Any:
        body, headers = json.dumps(asked).encode(), {"Content-Type": "application/json"}
        answer = self._read(Request(f"{self.url}{ROUTE}", data=body, headers=headers, method="POST"))
        try:
            return json.loads(answer)
        except ValueError:
            raise VTGError(f"{self.url}{ROUTE} must answer with JSON, got {answer[:80]!r}") from None

    def _read(self, request: Request) -> bytes:
        try:
            with urlopen(request, timeout=self.timeout) as response:
                answer: bytes = response.read(MAX_ANSWER_BYTES + 1)
        except HTTPError as error:
            said = error.read(400).decode(errors="replace")
            raise VTGError(
                f"{request.full_url} must take this prompt, and says {error.code}: {said}"
            ) from None
        except (URLError, HTTPException, OSError) as error:
            reason = first_line(getattr(error, "reason", error))
            raise VTGError(
                f"{self.url} must be a server with the route {ROUTE}, and does not answer ({reason}); start one, such "
                "as vllm launch render, or name another"
            ) from None
        if len(answer) > MAX_ANSWER_BYTES:
            raise VTGError(f"{self.url} must answer with at most {MAX_ANSWER_BYTES / 1e6:g} MB")
        return answer


def served_rows(
    dataset: Rows,
    chat: ChatIds,
    server: RenderServer,
    *,
    num_rows: int,
    limit: int | None = None,
    seed: int = 0,
    collator: Callable[[list[dict[str, Any]]], Any] | None = None,
) -> Iterator[RowFindings]:
    """Ask a server for the prompt of each answer of a few rows, and yield how what training reads differs from it.

    A conversation is asked for turn by turn, each time with the answers that the row has; where a prompt differs, the
    later ones, which hold it, are not asked for.

    Args:
        dataset, chat, limit: as for :func:`vtg_core.audit.run.audit_rows`.
        server: is asked once an answer.
        num_rows, seed: the rows are those that :func:`vtg_core.audit.run.verify_rows` takes.
        collator: what training reads; our own unless given.

    Raises:
        VTGError: the server does not answer.
    """
    rows = rows_in(dataset)
    chosen = verified_indices(rows, num_rows, limit=limit, seed=seed)
    for index, annotation in rows.each(max(chosen, default=-1) + 1):
        if index not in chosen:
            continue
        try:
            sample = rows.sample(sample_frames, index, annotation)
            row, known = _read_in_training(annotation.row, sample, chat, collator)
        except Exception as error:
            yield RowFindings(None, annotation.where, (refused(annotation.row, error),))
            continue
        found = tuple(_served(row, known, sample, server)) if row is not None else ()
        yield RowFindings(None, annotation.where, found)


def _served(row: Row, known: Known, sample: Sample, server: RenderServer) -> Iterator[Finding]:
    for answer, before in enumerate(_before_answers(sample.messages)):
        served = server.prompt(before)
        if not answer:
            found = tuple(served_findings(row, known, served, server.url))
        else:
            difference = later_difference(row, served, answer)
            found = (_finding(row, difference, server.url, answer=answer),) if difference is not None else ()
        yield from found
        if any(finding.code == SERVED.name for finding in found):
            return


def served_findings(row: Row, known: Known, served: np.ndarray, url: str) -> Iterator[Finding]:
    """Yield how the first prompt of a row differs from what a server writes for the same messages.

    Args:
        row: what training reads.
        known: its sample.
        served: the ids of the server's prompt; int64, shape (L,).
        url: of the server.
    """
    ours = first_prompt(known)
    if ours is None:
        return
    if not np.array_equal(row.own_ids[: len(served)], served):
        known = replace(known, prompts=(served, *known.prompts[1:]))
        for difference in prompt_differences(row, known, served):
            yield _finding(row, difference, url)
    counts = [
        int(np.diff(placeholder_runs(ids, row.chat)).sum())
        for ids in (row.own_ids[: _prompt_end(row)], served)
    ]
    num_videos = len(known.grid) if known.grid is not None else 1
    if counts[0] != counts[1] and counts[1] > num_videos:  # some servers put the placeholders in later
        yield SERVED_VIDEO.finding(
            f"{url} shows {counts[1]:,} tokens of video, and training {counts[0]:,}.",
            row=row.number,
            evidence={"server": counts[1], "row": counts[0], "url": url},
        )


def _finding(row: Row, difference: Difference, url: str, *, answer: int = 0) -> Finding:
    where = np.zeros(len(row), dtype=bool)
    where[row.positions[list(difference.positions)]] = True
    before = f" before answer {answer + 1}" if answer else ""
    return SERVED.finding(
        f"{url} writes {difference.official[:120]!r}{before}, and training reads {difference.row[:120]!r}.",
        row=row.number,
        evidence={
            "server": difference.official[:2_000],
            "row": difference.row[:2_000],
            "url": url,
            "answer": answer + 1,
        },
        regions=row.regions(where),
    )


def _prompt_end(row: Row) -> int:
    """Return where the first answer of a row begins, in its own tokens; its length where no turn is marked."""
    starts = [turn.start for turn in row.reading.marked if turn.role is Role.ASSISTANT]
    return int(np.searchsorted(row.positions, starts[0])) if starts else len(row.own_ids)


def _read_in_training(
    number: int, sample: Sample, chat: ChatIds, collator: Callable[[list[dict[str, Any]]], Any] | None
) -> tuple[Row | None, Known]:
    """Return a row as training reads it, and what is known of it; no row where a collator makes no batch of it."""
    assert isinstance(sample.video, SampledVideo), "the server sees the video"
    once = process_videos_once(chat.processor)
    encoded, known = encode_known(sample.messages, once, [sample.video], scene=scene_of(sample))
    batch = (
        pad([encoded], chat.processor)
        if collator is None
        else run_collator(collator, foreign_samples([sample]))
    )
    if isinstance(batch, Finding):  # the audit of the collator tells of it
        return None, known
    rows = check_batch(batch, chat, [known], numbers=[number]).rows
    return (rows[0] if rows else None), known


def _before_answers(messages: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Yield for each answer the messages before it."""
    for number, message in enumerate(messages):
        if message["role"] == str(Role.ASSISTANT):
            yield messages[:number]


def _as_sent(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if isinstance(content, str):
        return {"role": message["role"], "content": content}
    parts = [
        {"type": "text", "text": part["text"]}
        if part["type"] == "text"
        else {"type": "video_url", "video_url": {"url": _data_url(Path(part["video"]))}}
        for part in content
    ]
    return {"role": message["role"], "content": parts}


def _data_url(path: Path) -> str:
    """Return a video as an address that holds all of it: a server need not see our disk."""
    try:
        num_bytes = path.stat().st_size
        if num_bytes > MAX_VIDEO_BYTES:
            raise VTGError(
                f"a video must have at most {MAX_VIDEO_BYTES / 1e6:g} MB to be sent to a server, and "
                f"{path.name} has {num_bytes / 1e6:.0f} MB; audit rows with smaller files (--limit)"
            )
        return f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"
    except OSError as error:
        raise VTGError(f"{path.name} must be a file that can be read ({error.strerror})") from None


def _ids_in(answer: Any, url: str) -> np.ndarray:
    """Return the ids in what a server answered: ``token_ids``, or in older versions those of the first prompt."""
    if isinstance(answer, list) and len(answer) == 2 and isinstance(answer[1], list) and answer[1]:
        answer = answer[1][0]
    found = None
    if isinstance(answer, Mapping):
        found = next((answer[name] for name in ("token_ids", "prompt_token_ids") if name in answer), None)
    is_ids = isinstance(found, list) and all(isinstance(i, int) and not isinstance(i, bool) for i in found)
    if not found or not is_ids or not 0 <= min(found) <= max(found) < 2**31:
        raise VTGError(f"{url}{ROUTE} must answer with token_ids, got {json.dumps(answer)[:120]}")
    return np.asarray(found, dtype=np.int64)
