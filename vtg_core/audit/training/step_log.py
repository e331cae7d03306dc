"""Which rows were in each step of a training run, and what they cost: a line of JSON a forward pass.

A row is known by the digest of its own ids, so any collator will do as it is. What a digest stands for, the words that
were asked and answered, is written once, in a line of its own.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds, is_one_of
from vtg_core.audit.row.readings import find_turns
from vtg_core.chat.conversation import Role
from vtg_core.errors import VTGError
from vtg_core.loss.answer_parts import AnswerPart
from vtg_core.loss.token_scores import MAX_LOGITS_BYTES
from vtg_core.regions import IGNORE_INDEX

if TYPE_CHECKING:
    from torch import Tensor

MAX_WORDS = 2000
"""How many characters of a question or an answer are logged; its last ones, where the question of the clip stands."""

_TIME = re.compile(r"\d+(?:[.:,]\d+)*")


class StepLog:
    """A file that grows by a line for each forward pass of training.

    Args:
        path: of the file; of the ranks after the first one with ``.rank-N`` in its name.
        chat: the checkpoint's ids.
        goes_on: the run goes on from an earlier one, and so does the file.

    Raises:
        VTGError: the file cannot be written.
    """

    def __init__(self, path: Path, chat: ChatIds, *, goes_on: bool = False) -> None:
        self.path = path
        self.chat = chat
        self._known: set[str] = set()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: TextIO = path.open("a" if goes_on else "w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise VTGError(
                f"{path} must be writable, and is not ({error.strerror}); name another file"
            ) from error

    def add(self, step: int, batch: "Mapping[str, Tensor]", output: Any) -> dict[str, Any]:
        """Write what a forward pass trained on.

        Args:
            step: of the optimizer, from 1.
            batch: ``input_ids`` and ``labels``, int64, shape (B, L), with ``attention_mask`` where rows are padded.
            output: of the model: its ``loss`` is logged where it gave no ``logits`` for all positions.

        Returns:
            What was written.

        Raises:
            VTGError: the file cannot be written any more.
        """
        ids, labels = (_array(batch[name]) for name in ("input_ids", "labels"))
        mask = batch.get("attention_mask")
        own = _array(mask) != 0 if mask is not None and mask.shape == ids.shape else np.ones(ids.shape, bool)
        names = [digest(row[kept]) for row, kept in zip(ids, own, strict=True)]
        said = [self._said(name, row[kept]) for name, row, kept in zip(names, ids, own, strict=True)]
        line = {"step": step, **self._costs(ids, labels, names, batch, output)}
        self._write([*(one for one in said if one is not None), line])
        return line

    def note(self, line: Mapping[str, Any]) -> None:
        """Write a line of another kind; the errors are those of :meth:`add`."""
        self._write([dict(line)])

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def _costs(
        self,
        ids: np.ndarray,
        labels: np.ndarray,
        names: list[str],
        batch: "Mapping[str, Tensor]",
        output: Any,
    ) -> dict[str, Any]:
        is_trained = labels != IGNORE_INDEX
        is_trained[:, :1] = False  # no logits predict the first token
        where = np.argwhere(is_trained)
        nll = _nll(output, batch["labels"], where)
        if nll is None:
            return {"loss": _rounded(_loss_of(output)), "rows": [{"id": name} for name in names]}
        parts = np.array(
            [
                part
                for row in range(len(ids))
                for part in self._parts(labels[row, where[where[:, 0] == row, 1]])
            ]
        )
        rows = []
        for number, name in enumerate(names):
            of_row = where[:, 0] == number
            rows.append(
                {"id": name, "loss": _mean(nll[of_row]), "time": _mean(nll[of_row & (parts == "time")])}
            )
        by_part = {str(part): _mean(nll[parts == part]) for part in AnswerPart if (parts == part).any()}
        return {"loss": _mean(nll), "tokens": len(nll), "parts": by_part, "rows": rows}

    def _parts(self, trained: np.ndarray) -> list[str]:
        """Say of each trained token of a row what it is: a token with any digit of a number in it counts as time."""
        texts = [self.chat.decode([i]) for i in trained]
        ends = np.cumsum([len(text) for text in texts])
        is_time = np.zeros(int(ends[-1]) if len(ends) else 0, dtype=bool)
        for number in _TIME.finditer("".join(texts)):
            is_time[slice(*number.span())] = True
        is_end = is_one_of(trained, self.chat.closings | self.chat.stop_ids)
        return [
            str(AnswerPart.END_OF_TURN if end else AnswerPart.TIME if time else AnswerPart.FORMAT)
            for end, time in zip(
                is_end, (is_time[e - len(t) : e].any() for e, t in zip(ends, texts, strict=True)), strict=True
            )
        ]

    def _said(self, name: str, own: np.ndarray) -> dict[str, Any] | None:
        """Return what a row asks and answers, the first time that it is seen."""
        if name in self._known:
            return None
        self._known.add(name)
        words: dict[Role | None, list[str]] = {Role.USER: [], Role.ASSISTANT: []}
        for turn in find_turns(own, self.chat):
            ids = own[turn.content : turn.end]
            text = self.chat.decode(ids[~is_one_of(ids, self.chat.media_ids | self.chat.marker_ids)])
            words.setdefault(turn.role, []).append(text.strip())
        asked = "\n".join(words[Role.USER])[-MAX_WORDS:]
        answers = [answer[-MAX_WORDS:] for answer in words[Role.ASSISTANT]]
        return {"row": name, "tokens": len(own), "asked": asked, "answers": answers}

    def _write(self, lines: list[dict[str, Any]]) -> None:
        try:
            self._file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise VTGError(f"{self.path} must stay writable, and is not ({reason}); make room") from error


def digest(own: np.ndarray) -> str:
    """Return what a row is known by: twelve hexadecimal digits of its own ids, padding left out."""
    return hashlib.sha256(np.ascontiguousarray(own, dtype="<i8").tobytes()).hexdigest()[:12]


def _array(tensor: "Tensor") -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().numpy()
    return array


def _nll(output: Any, labels: "Tensor", where: np.ndarray) -> np.ndarray | None:
    """Return the nats of the tokens at ``where`` (N, 2); None where the model kept the logits to itself."""
    import torch
    from torch.nn.functional import cross_entropy

    logits = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if logits is None or logits.ndim != 3 or logits.shape[:2] != labels.shape or not len(where):
        return None
    size = max(1, MAX_LOGITS_BYTES // (4 * logits.shape[-1]))
    rows, columns = torch.from_numpy(where).to(logits.device).T
    with torch.no_grad():
        some = [
            cross_entropy(
                logits[r, c - 1].float(), labels.to(logits.device)[r, c], reduction="none"
            )
            for r, c in zip(rows.split(size), columns.split(size), strict=True)
        ]  # fmt: skip
    return _array(torch.cat(some)).astype(float)


def _loss_of(output: Any) -> float | None:
    loss = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    return None if loss is None else float(loss.detach())


def _mean(values: np.ndarray) -> float | None:
    return _rounded(float(values.mean())) if len(values) else None


def _rounded(value: float | None) -> float | None:
    """Return a loss to a hundred thousandth nat; None where it is none, as JSON has no word for it."""
    return round(value, 5) if value is not None and np.isfinite(value) else None
