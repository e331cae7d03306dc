"""A comparison of templates on rows, summed up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.checkpoints.placement import resolve_device, resolve_precision
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.comparison.analytics import Analytics, Metric, summarise
from vtg_core.comparison.files import ComparisonSettings
from vtg_core.regions import MaskPolicy
from vtg_core.templates import PromptTemplate
from vtg_core.video.plan import FramePolicy

if TYPE_CHECKING:
    from vtg_core.comparison.store import ComparisonStore


@dataclass(frozen=True)
class SummedUp:
    """What the results of a store come to, beside the results themselves.

    Attributes:
        analytics: all of it; None where no row is scored.
        summary: one a template.
        comparison: distributions, differences and win rates.
    """

    analytics: Analytics | None
    summary: list[Any]
    comparison: dict[str, Any]


def sum_up(store: "ComparisonStore", metric: Metric) -> SummedUp:
    """Sum up what was scored; differences are of ``metric``."""
    if not store.rows:
        return SummedUp(None, [], {})
    analytics = summarise(store.results, metric=metric)
    comparison = analytics.as_dict()
    summary = list(comparison.pop("templates"))
    for name in ("rows", "wheres", "matrix"):  # what the results say already
        del comparison[name]
    return SummedUp(analytics, summary, comparison)


def open_rows(store: "ComparisonStore", rows: Iterable[int]) -> list[int]:
    """Return the rows that were not come to: neither scored nor found unreadable."""
    told = {row.row for row in store.unreadable}
    return [row for row in store.missing(rows) if row not in told]


def comparison_settings(
    checkpoint: str,
    templates: Sequence[PromptTemplate],
    *,
    frames: FramePolicy,
    device: str,
    dtype: str,
    adapter: str = "",
    load_in_4bit: bool = False,
    template: TemplateChange | None = None,
) -> ComparisonSettings:
    """Return the settings of a comparison that runs with the default mask policy.

    Args:
        checkpoint, device, dtype, adapter, load_in_4bit: see :func:`vtg_core.checkpoints.loading.load_model`.
        templates: that are compared.
        frames: of every row.
        template: what is added to the checkpoint's chat template.

    Raises:
        CheckpointError: there is no such checkpoint, adapter or device.
    """
    return ComparisonSettings.of(
        checkpoint,
        adapter=adapter,
        load_in_4bit=load_in_4bit,
        template=template,
        dtype=resolve_precision(dtype, resolve_device(device)),
        frames=frames,
        policy=MaskPolicy(),
        templates=templates,
    )
