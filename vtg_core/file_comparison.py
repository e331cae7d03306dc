"""Templates compared on the rows of an annotation file, one row after the other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.comparison import TemplateComparison
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.errors import LossCancelledError, VTGError
from vtg_core.inspection import inspect_templates
from vtg_core.regions import MaskPolicy
from vtg_core.template_results import TemplateResult, result_of
from vtg_core.templates import PromptTemplate
from vtg_core.video import SampledVideo

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin


@dataclass(frozen=True)
class RowComparison:
    """What the templates cost on one row.

    Attributes:
        row: its number, from 0.
        where: its place in the file, for people.
        results: one for each template, as far as they are known; empty where the row cannot be scored.
        reason: why it cannot; empty where it can.
        plain_because: why each template got a pass of its own; empty where they shared one.
        num_shared: how many tokens all templates begin with.
        num_run: how many tokens the model ran for all of them together.
        num_plain: how many it would have run in a pass of its own for each.
    """

    row: int
    where: str
    results: tuple[TemplateResult, ...]
    reason: str = ""
    plain_because: str = ""
    num_shared: int = 0
    num_run: int = 0
    num_plain: int = 0


def compare_rows(
    dataset: VideoTemporalSFTDataset,
    model: "PreTrainedModel",
    processor: "ProcessorMixin",
    templates: Sequence[PromptTemplate],
    *,
    rows: Iterable[int] | None = None,
    policy: MaskPolicy | None = None,
    on_layer: Callable[[int, int], None] | None = None,
) -> Iterator[RowComparison]:
    """Yield what the templates cost on each row; a row that cannot be scored is yielded with the reason.

    One that does not fit in memory is such a row too: a shorter video may come behind it.

    Args:
        dataset: gives video, query and windows; its own template plays no part.
        model, processor: of one checkpoint.
        templates: at least one; each is answered in the format of its own mode.
        rows: which rows, from 0; all unless given. Each is taken just before it is scored.
        policy: which regions are trained.
        on_layer: see :func:`vtg_core.shared_pass.run_plan`; what it raises ends the run.
    """
    for row in range(len(dataset)) if rows is None else rows:
        where = dataset.annotations[row].where
        try:
            yield _compare_row(row, dataset[row], model, processor, templates, policy, on_layer)
        except LossCancelledError:
            raise
        except VTGError as error:
            yield RowComparison(row, where, (), reason=str(error))


def _compare_row(
    row: int,
    sample: Sample,
    model: "PreTrainedModel",
    processor: "ProcessorMixin",
    templates: Sequence[PromptTemplate],
    policy: MaskPolicy | None,
    on_layer: Callable[[int, int], None] | None,
) -> RowComparison:
    assert isinstance(sample.video, SampledVideo)
    assert sample.annotation is not None
    inspections = inspect_templates(
        sample.video, sample.query, sample.windows, processor=processor, templates=templates, policy=policy
    )
    comparison = TemplateComparison(model, list(inspections), processor.tokenizer, on_layer=on_layer)
    plan = comparison.plan
    results = {(loss.template, loss.mode): result_of(row, sample, loss) for loss in comparison}
    return RowComparison(
        row=row,
        where=sample.annotation.where,
        results=tuple(results[template.name, template.mode] for template in templates),
        plain_because=plan.plain_because,
        num_shared=plan.tree.num_shared,
        num_run=plan.num_tokens,
        num_plain=plan.num_plain_tokens,
    )
