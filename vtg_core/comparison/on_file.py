"""Templates compared on the rows of an annotation file, one row after the other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from vtg_core.comparison.on_video import TemplateComparison, TemplateLoss
from vtg_core.comparison.results import TemplateResult, result_of
from vtg_core.dataset import Sample, VideoTemporalSFTDataset, refuse_own_words
from vtg_core.errors import LossCancelledError, VTGError
from vtg_core.inspection import Inspection, inspect_templates
from vtg_core.loss.model_shape import dtype_of
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import MaskPolicy
from vtg_core.templates import PromptTemplate
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import SampledVideo, sample_frames
from vtg_core.windows import Window

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

CHECK_TOLERANCE = {"float64": 1e-6, "float32": 1e-3, "bfloat16": 0.5, "float16": 0.1}
"""How many nats one token's NLL may be from a plain pass's, by floating point type; logits of 16 to 32 stand 0.125
apart in bfloat16 and 0.016 in float16."""


@dataclass(frozen=True)
class PlainCheck:
    """One template's tokens, held against a plain forward pass of its own.

    Attributes:
        row: its position in the file, from 0.
        template, mode: the one with the shortest sequence.
        num_tokens: how many supervised tokens were compared.
        largest_difference: nats between one token's two NLLs, at most.
        tolerance: how many are allowed in the model's floating point type.
    """

    row: int
    template: str
    mode: str
    num_tokens: int
    largest_difference: float
    tolerance: float

    @property
    def has_passed(self) -> bool:
        """The shared pass is as good as a plain one."""
        return self.largest_difference <= self.tolerance


@dataclass(frozen=True)
class RowComparison:
    """What the templates cost on one row.

    Attributes:
        row: its position in the file, from 0, rows that cannot be read counted.
        where: its place in the file, for people.
        results: one for each template, as far as they are known; empty where the row cannot be scored.
        reason: why it cannot; empty where it can.
        plain_because: why each template got a pass of its own; empty where they shared one.
        num_shared: how many tokens all templates begin with.
        num_run: how many tokens the model ran for all of them together.
        num_plain: how many it would have run in a pass of its own for each.
        check: what the shared pass was worth, where that was asked for.
    """

    row: int
    where: str
    results: tuple[TemplateResult, ...]
    reason: str = ""
    plain_because: str = ""
    num_shared: int = 0
    num_run: int = 0
    num_plain: int = 0
    check: PlainCheck | None = None


def compare_rows(
    dataset: VideoTemporalSFTDataset,
    model: "PreTrainedModel",
    processor: "ProcessorMixin",
    templates: Sequence[PromptTemplate],
    *,
    rows: Iterable[int] | None = None,
    policy: MaskPolicy | None = None,
    num_checked: int = 1,
    on_layer: Callable[[int, int], None] | None = None,
) -> Iterator[RowComparison]:
    """Yield what the templates cost on each row; a row that cannot be scored is yielded with the reason.

    One that does not fit in memory is such a row too: a shorter video may come behind it. Rows in a row about the same
    frames have them decoded and processed once.

    A shared pass proves itself on the first rows. Where it is found to differ from a plain one, that row and all behind
    it get plain passes.

    Args:
        dataset: gives video, query and windows; its own template plays no part.
        model, processor: of one checkpoint.
        templates: at least one; each is answered in the format of its own mode.
        rows: which rows, by their positions in the file; all that can be read unless given. Each is taken just
            before it is scored.
        policy: which regions are trained.
        num_checked: on how many rows that share a pass the shortest template gets a plain one too.
        on_layer: see :func:`vtg_core.loss.shared_pass.run_plan`; what it raises ends the run.
    """
    run = _Run(model, process_videos_once(processor), templates, policy, on_layer, num_checked)
    take = _remembering_the_last()
    index_of = {annotation.row: index for index, annotation in enumerate(dataset.annotations)}
    for row in index_of if rows is None else rows:
        index = index_of[row]
        try:
            yield run.compare(row, dataset.sample_with(take, index))
        except LossCancelledError:
            raise
        except VTGError as error:
            yield RowComparison(row, dataset.annotations[index].where, (), reason=str(error))


def _remembering_the_last() -> Callable[..., SampledVideo]:
    """Return :func:`sample_frames`, keeping the last video it took: files often ask several questions of one."""

    @lru_cache(maxsize=1)
    def take(path: Path, frames: FramePolicy, clip: Window | None) -> SampledVideo:
        return sample_frames(path, frames, clip=clip)

    return lambda path, frames, *, clip: take(path, frames, clip)


@dataclass
class _Run:
    """A comparison under way.

    Attributes:
        processor: remembers the pixels of the last row.
        num_unchecked: on how many rows the shared pass has still to prove itself.
        plain_because: why it is not taken any more; empty while it is.
    """

    model: "PreTrainedModel"
    processor: "ProcessorMixin"
    templates: Sequence[PromptTemplate]
    policy: MaskPolicy | None
    on_layer: Callable[[int, int], None] | None
    num_unchecked: int
    plain_because: str = ""

    def compare(self, row: int, sample: Sample) -> RowComparison:
        """Score a row."""
        assert isinstance(sample.video, SampledVideo)
        assert sample.annotation is not None
        refuse_own_words(sample.annotation)
        inspections = list(
            inspect_templates(
                sample.video, sample.query, sample.windows,
                processor=self.processor, templates=self.templates, policy=self.policy,
            )
        )  # fmt: skip
        comparison = self._comparison(inspections, self.plain_because)
        losses = {(loss.template, loss.mode): loss for loss in comparison}
        check = None
        if self.num_unchecked and not comparison.plan.plain_because:
            check = self._check(row, inspections, losses)
            self.num_unchecked -= 1
            if not check.has_passed:
                self.plain_because = (
                    f"on row {row + 1} the shared pass was {check.largest_difference:.2g} nats from a plain one, "
                    f"and {check.tolerance:g} are allowed in {dtype_of(self.model)}"
                )
                return replace(self.compare(row, sample), check=check)
        plan = comparison.plan
        return RowComparison(
            row=row,
            where=sample.annotation.where,
            results=tuple(result_of(row, sample, losses[t.name, t.mode]) for t in self.templates),
            plain_because=plan.plain_because,
            num_shared=plan.tree.num_shared,
            num_run=plan.num_tokens,
            num_plain=plan.num_plain_tokens,
            check=check,
        )

    def _comparison(self, inspections: Sequence[Inspection], plain_because: str) -> TemplateComparison:
        comparison = TemplateComparison(
            self.model, inspections, self.processor.tokenizer, on_layer=self.on_layer
        )
        if plain_because:
            comparison.plan = replace(comparison.plan, plain_because=plain_because)
        return comparison

    def _check(
        self,
        row: int,
        inspections: Sequence[Inspection],
        losses: dict[tuple[str, str], TemplateLoss],
    ) -> PlainCheck:
        shortest = min(inspections, key=lambda inspection: len(inspection.encoded))
        [plain] = self._comparison([shortest], "others are held against it")
        tokens = losses[plain.template, plain.mode].loss.tokens
        pairs = zip(tokens, plain.loss.tokens, strict=True)
        return PlainCheck(
            row=row,
            template=plain.template,
            mode=plain.mode,
            num_tokens=len(tokens),
            largest_difference=max(abs(one.nll - other.nll) for one, other in pairs),
            tolerance=CHECK_TOLERANCE[dtype_of(self.model)],
        )
