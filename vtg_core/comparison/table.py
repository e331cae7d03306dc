"""Results by sample and template, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vtg_core.comparison.results import TemplateResult
from vtg_core.errors import LossError

Key = tuple[str, str]
"""Name and mode of a template; the mode is the name of an answer form."""

FIELDS = (
    "sum_nll", "mean_nll", "time_nll", "time_uniform", "end_of_turn_nll", "num_tokens", "num_video", "num_supervised",
    "num_times",
)  # fmt: skip
"""The figures of a result that are kept."""

_LARGEST = float(np.finfo(np.float32).max)  # what a model can say at most


@dataclass(frozen=True)
class ResultTable:
    """Results by sample and template.

    Attributes:
        rows, wheres: the samples, in the order of the file.
        keys: the templates, in the order in which they came.
        modes: for each mode, the columns of its templates.
        values: for each field, float64, shape (samples, templates); NaN where there is no result.
    """

    rows: list[int]
    wheres: list[str]
    keys: list[Key]
    modes: dict[str, list[int]]
    values: dict[str, np.ndarray]

    @classmethod
    def of(cls, results: Sequence[TemplateResult]) -> "ResultTable":
        """Take in results; of several of one row and template the last counts.

        Raises:
            LossError: a figure is not finite.
        """
        wheres = {result.row: result.where for result in results}
        rows = sorted(wheres)
        keys = list(dict.fromkeys(result.key for result in results))
        row_of, column_of = ({one: at for at, one in enumerate(ordered)} for ordered in (rows, keys))
        cells = np.full((len(FIELDS), len(rows), len(keys)), np.nan)
        at = [row_of[result.row] for result in results], [column_of[result.key] for result in results]
        for number, field in enumerate(FIELDS):
            given = np.array([getattr(result, field) for result in results], dtype=np.float64)
            if (wrong := np.flatnonzero(~(np.abs(given) <= _LARGEST))).size:
                bad = results[wrong[0]]
                raise LossError(
                    f"{field} must be a finite number, got {given[wrong[0]]} for template {bad.template!r} of "
                    f"mode {str(bad.mode)!r} on row {bad.row + 1}; score that row again in float32"
                )
            cells[(number, *at)] = given
        modes = {
            mode: [column for column, key in enumerate(keys) if key[1] == mode]
            for mode in dict.fromkeys(mode for _, mode in keys)
        }
        values = dict(zip(FIELDS, cells, strict=True))
        return cls(rows, [wheres[row] for row in rows], keys, modes, values)
