"""A callback for Trainer: the first batches are audited at the model's own door, and a wrong mask stops the run."""

import os
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from vtg_core.audit.training.batches import BatchAuditor, BatchReport
from vtg_core.audit.training.robust import Recent
from vtg_core.audit.training.step_log import StepLog
from vtg_core.errors import VTGError, as_sentence

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PreTrainedModel, ProcessorMixin


class OnError(StrEnum):
    """What happens at a batch that would be trained on the wrong tokens."""

    RAISE = "raise"
    WARN = "warn"


class WrongMaskError(VTGError):
    """A training run was stopped: its batch trains on the wrong tokens."""


MAX_SAVED = 20
"""How many passes of a run are saved because their loss stands out."""


class MaskAudit(TrainerCallback):  # type: ignore[misc]  # transformers ships no types
    """Audits the first batches of a training run just before the model sees them.

    A hook on the model reads them, so it is the very batch that is trained on, whatever sampler, packing, padding or
    number of ranks there is; nothing is drawn from the data loader, and no random state is touched. Each rank audits
    its own batches; the first prints, the others where something is wrong. After the last batch the hook is gone.

    Args:
        processor: of the checkpoint; the trainer's ``processing_class`` unless given.
        batches: how many batches are audited, at least 1.
        on_error: ``raise`` stops the run at an error, ``warn`` prints it and goes on.
        save_to: a folder for each batch and its report; nothing is saved where it is None.
        max_length: the bound on tokens that training uses.
        log_to: a file for a line of JSON a forward pass: which rows were in it, and what they cost. It lasts as long as
            the training; ``vtg-lens spikes`` reads it. Ranks after the first write beside it.

    A pass whose loss stands out from those before it is saved as it was, at most ``MAX_SAVED`` times, where both
    ``log_to`` and ``save_to`` are given.

    Raises:
        VTGError: ``batches`` is below 1.
    """

    def __init__(
        self,
        processor: "ProcessorMixin | None" = None,
        batches: int = 2,
        *,
        on_error: OnError | str = OnError.RAISE,
        save_to: str | os.PathLike[str] | None = "vtg_lens",
        max_length: int | None = None,
        log_to: str | os.PathLike[str] | None = None,
    ) -> None:
        if batches < 1:
            raise VTGError(f"batches must be at least 1, got {batches}")
        self.processor = processor
        self.batches = batches
        self.on_error = OnError(on_error)
        self.save_to = None if save_to is None else Path(save_to)
        self.max_length = max_length
        self.log_to = None if log_to is None else Path(log_to)
        self.reports: list[BatchReport] = []
        self._hook: Any = None
        self._following: Any = None
        self._rank = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Wait for batches at the model's door."""
        processor = self.processor or given.get("processing_class")
        if not hasattr(processor, "tokenizer"):
            raise VTGError(
                f"the processor must be one of a video-language checkpoint, got {type(processor).__name__}; "
                "give it: MaskAudit(processor)"
            )
        self._rank = int(getattr(args, "process_index", 0))
        self.reports = []
        auditor = _Later(processor, given["model"])
        if self.log_to is not None:
            self._follow(given["model"], auditor, state)
        self._watch(given["model"], auditor)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Leave the model as it was."""
        self._leave()
        if self._following is not None:
            hook, log = self._following
            hook.remove()
            log.close()
            self._following = None

    def _watch(self, model: "PreTrainedModel", auditor: "_Later") -> None:
        def audit(module: "Module", args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
            if not module.training:
                return
            try:
                self._take(auditor.auditor, kwargs)
            finally:
                if len(self.reports) >= self.batches:
                    self._leave()

        self._hook = model.register_forward_pre_hook(audit, with_kwargs=True)

    def _follow(self, model: "PreTrainedModel", auditor: "_Later", state: Any) -> None:
        """Log each forward pass of training, and save those that stand out."""
        assert self.log_to is not None
        path = self.log_to.with_suffix(f".rank-{self._rank}.jsonl") if self._rank else self.log_to
        log = StepLog(path, auditor.auditor.chat, goes_on=state.global_step > 0)
        recent, num_saved = Recent(), 0

        def follow(module: "Module", args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
            nonlocal num_saved
            if not module.training or kwargs.get("labels") is None:
                return
            step = int(state.global_step) + 1
            line = log.add(step, kwargs, output)
            if recent.stands_out(line["loss"]) and self.save_to is not None and num_saved < MAX_SAVED:
                num_saved += 1
                found = auditor.auditor.audit(kwargs, max_length=self.max_length, subject=f"step {step}")
                saved = found.save(self.save_to, f"step-{step:06}-rank-{self._rank}")
                log.note({"step": step, "saved": str(saved)})

        self._following = model.register_forward_hook(follow, with_kwargs=True), log

    def _take(self, auditor: BatchAuditor, batch: Mapping[str, Any]) -> None:
        if batch.get("labels") is None:
            self._leave()
            self._say(
                "the labels must reach the model to be audited, and the trainer keeps them (label smoothing, or a loss "
                "function of your own); audit the batch with vtg_core.audit_batch in your collator"
            )
            return
        number = len(self.reports)
        found = auditor.audit(batch, max_length=self.max_length, subject=f"training batch {number}")
        self.reports.append(found)
        where = self._save(found, number)
        if self._rank == 0 or not found.ok:
            print(f"{found}{where}")
        if not found.ok and self.on_error is OnError.RAISE:
            self._leave()
            raise WrongMaskError(
                f"training batch {number} would train on the wrong tokens: {_first_error(found)}{where}"
            )

    def _save(self, found: BatchReport, number: int) -> str:
        if self.save_to is None:
            return ""
        path = found.save(self.save_to, f"batch-{number:03}-rank-{self._rank}")
        return f"\n  saved; see it with: vtg-lens --batch {path}"

    def _say(self, problem: str) -> None:
        if self.on_error is OnError.RAISE:
            raise VTGError(problem)
        print(as_sentence(problem))

    def _leave(self) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None


class _Later:
    """The auditor of a run, made when it is first needed: it asks the chat template many things."""

    def __init__(self, processor: "ProcessorMixin", model: "PreTrainedModel") -> None:
        self._given = processor, model

    @cached_property
    def auditor(self) -> BatchAuditor:
        return BatchAuditor.of(*self._given)


def _first_error(found: BatchReport) -> str:
    errors = [finding for finding in found.findings if finding.severity == "error"]
    return f"{errors[0].message} {errors[0].fix}" if errors else "it could not be audited"
