"""A batch of anyone's training loop, audited as it goes into the model."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.audit.batch.origin import origin_of
from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.findings import Finding, Severity
from vtg_core.audit.report import UNACTIONABLE, Report, RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known, scene_of
from vtg_core.audit.run import audit_saved
from vtg_core.dataset import Sample
from vtg_core.errors import VTGError
from vtg_core.files.outputs import replace_text
from vtg_core.video.sampling import SampledVideo

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, ProcessorMixin

PIXELS = re.compile(r"pixel_values|input_features")
"""Tensors that are not saved: large, and no mask needs them."""


@dataclass(frozen=True, eq=False)
class BatchReport:
    """What was found in a batch; it prints as a table, and a notebook shows it with what is trained in each row.

    Attributes:
        report: the findings.
        tensors: the batch's tensors by name, on the CPU.
        origin: versions of the packages, the processor's class and the digest of its chat template.
        chat: what the ids mean.
    """

    report: Report
    tensors: "Mapping[str, Tensor]"
    origin: Mapping[str, Any]
    chat: ChatIds

    @property
    def findings(self) -> list[Finding]:
        """All findings, in order: of the batch, then row by row."""
        return self.report.findings

    @property
    def ok(self) -> bool:
        """The batch could be audited, and nothing in it is an error."""
        return bool(self.report.num_audited) and not self.report.count(Severity.ERROR)

    def __str__(self) -> str:
        head = f"{self.report.subject}: {self.report.num_audited} of {self.report.num_rows} rows audited, "
        counts = f"{self.report.count(Severity.ERROR)} errors, {self.report.count(Severity.WARNING)} warnings"
        return "\n".join([head + counts, *self._lines()])

    def to_markdown(self) -> str:
        """Return the same with the versions, fenced, for a bug report."""
        text = "\n".join([str(self), "", *(f"{name}: {value}" for name, value in self.origin.items())])
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        return f"{fence}text\n{text}\n{fence}\n"

    def to_html(self) -> str:
        """Return the findings and what is trained in each of the first rows, as one element without a script."""
        from vtg_core.audit.training.html import report_html

        return report_html(self.report, self.tensors, self.chat)

    _repr_html_ = to_html

    def show(self) -> None:
        """Show it below a notebook's cell; print it anywhere else."""
        try:
            from IPython import display, get_ipython

            shell = get_ipython()
        except ImportError:
            shell = None
        if shell is None:
            print(self)
        else:
            display.display(display.HTML(self.to_html()))

    def save(self, folder: str | PathLike[str], name: str = "batch") -> Path:
        """Write ``NAME.safetensors`` and ``NAME.json`` into a folder, which is made where it is not there.

        ``vtg-lens --batch`` opens the first; pixels are left out of it. The second holds findings and versions.

        Raises:
            VTGError: they cannot be written.
        """
        from safetensors.torch import save_file

        kept = {key: tensor.contiguous() for key, tensor in self.tensors.items() if not PIXELS.search(key)}
        described = {**self.origin, "left_out": sorted(self.tensors.keys() - kept.keys())}
        path = Path(folder, f"{name}.safetensors")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(kept, path, metadata={key: json.dumps(value) for key, value in described.items()})
            report = json.dumps({**described, **self.report.as_dict()}, ensure_ascii=False, indent=1)
            replace_text(path.with_suffix(".json"), report + "\n")
        except OSError as error:
            raise VTGError(
                f"{path} must be writable, and is not ({error.strerror}); name another folder"
            ) from error
        return path

    def _lines(self) -> Iterable[str]:
        for code, count in self.report.summary.items():
            if code in UNACTIONABLE:
                continue
            first = next(finding for finding in self.findings if finding.code == code)
            rows = ", ".join(self.report.first(code))
            yield f"{first.severity}: {first.title} ({code}, {count}{f', row {rows}' if rows else ''})"
            yield f"  {first.message}"
            yield f"  {first.fix}"


def audit_batch(
    batch: Mapping[str, Any],
    processor: "ProcessorMixin",
    *,
    samples: Sequence[Sample] | None = None,
    model: "PreTrainedModel | None" = None,
    max_length: int | None = None,
    subject: str = "batch",
) -> BatchReport:
    """Audit a batch as it goes into a model; it is not changed, and no random state is.

    Args:
        batch: ``input_ids`` and ``labels``, whole numbers of shape (B, L), with whatever else the model takes, on any
            device; what is no tensor is left alone.
        processor: whose ids they are.
        samples: the B samples it was made from, decoded; without them conversations are recovered from the ids.
        model: whose class is asked, without weights, whether it takes the batch; its generation config says where
            generation stops.
        max_length: the bound on tokens that training uses.
        subject: what the report calls it.

    Raises:
        VTGError: the samples are not decoded, or their masks cannot be proved.
    """
    return BatchAuditor.of(processor, model).audit(
        batch, samples=samples, max_length=max_length, subject=subject
    )


@dataclass(frozen=True, eq=False)
class BatchAuditor:
    """What is learnt of a checkpoint once, and used for each of its batches.

    Attributes:
        chat: the checkpoint's ids.
        model: its class, to be asked of each batch; None where no model is given.
    """

    chat: ChatIds
    model: AskedModel | None

    @classmethod
    def of(cls, processor: "ProcessorMixin", model: "PreTrainedModel | None" = None) -> "BatchAuditor":
        """Learn a checkpoint from its processor and, where there is one, its model."""
        chat = ChatIds.of(processor, _stop_ids(model))
        return cls(chat, AskedModel.of(model.config, chat) if model is not None else None)

    def audit(
        self,
        batch: Mapping[str, Any],
        *,
        samples: Sequence[Sample] | None = None,
        max_length: int | None = None,
        subject: str = "batch",
    ) -> BatchReport:
        """Audit a batch; the arguments are those of :func:`audit_batch`."""
        import torch

        tensors = {
            str(name): value.detach().to("cpu", copy=True)
            for name, value in batch.items()
            if isinstance(value, torch.Tensor)
        }
        report = Report(subject)
        for found in self._findings(tensors, samples, max_length):
            report.add(found)
        return BatchReport(report, tensors, origin_of(self.chat.processor), self.chat)

    def _findings(
        self, tensors: "Mapping[str, Tensor]", samples: Sequence[Sample] | None, max_length: int | None
    ) -> Iterable[RowFindings]:
        if samples is None:
            yield from audit_saved(tensors, self.chat, max_length=max_length, model=self.model)
            return
        known = [_known(sample, self.chat) for sample in samples]
        audited = check_batch(tensors, self.chat, known, max_length=max_length, model=self.model)
        of_row = {row.number: [f for f in audited.findings if f.row == row.number] for row in audited.rows}
        yield RowFindings(None, "", tuple(f for f in audited.findings if f.row not in of_row))
        for number, findings in of_row.items():
            yield RowFindings(number, "", tuple(findings))


def _known(sample: Sample, chat: ChatIds) -> Any:
    if not isinstance(sample.video, SampledVideo):
        raise VTGError(
            "the samples of a batch must be decoded, and got one that is only planned; give dataset[i]"
        )
    policy = sample.trained_by(None)
    return encode_known(
        sample.messages, chat.processor, [sample.video], scene=scene_of(sample), policy=policy
    )[1]


def _stop_ids(model: "PreTrainedModel | None") -> frozenset[int]:
    stops = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    return frozenset(stops if isinstance(stops, list) else [stops] if isinstance(stops, int) else ())
