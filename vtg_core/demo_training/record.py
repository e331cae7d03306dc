"""What was trained, how, and what came of it: written by the training script, read by the card and the picture."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from vtg_core.demo_training.evaluation import Figures
from vtg_core.errors import CheckpointError

RESPONSE_ONLY = "response-only"
"""The name of our own mask; the others have their recipe's."""


def weighted_name(time_weight: float) -> str:
    """Return the name of our own mask with another weight on the times than on the rest."""
    return RESPONSE_ONLY if time_weight == 1 else f"{RESPONSE_ONLY}, times × {time_weight:g}"


TIME_WEIGHT = 3.0
"""So much a token of a time counts in the training of the weights that are shipped."""
SHIPPED = weighted_name(TIME_WEIGHT)


class CurvePoint(NamedTuple):
    """What the time tokens of fresh clips cost after some steps.

    Attributes:
        step: how many steps were taken.
        times_nll: nats a time token.
    """

    step: int
    times_nll: float


@dataclass(frozen=True)
class TrainingRun:
    """One model, one mask, one seed.

    Attributes:
        mask: ``RESPONSE_ONLY``, the same with a weight on the times, or the name of a recipe.
        seed: of the clips and of their order.
        num_steps: of the optimiser.
        seconds: of the training, without drawing clips and without evaluation.
        curve: on the same fresh clips, the untrained model first.
        figures: of the trained model, on more of them.
        reported_nll: what the trained model's loss is under the mask that it was trained with, on the clips of the curve;
            nats a trained token, without weights.
    """

    mask: str
    seed: int
    num_steps: int
    seconds: float
    curve: tuple[CurvePoint, ...]
    figures: Figures
    reported_nll: float


@dataclass(frozen=True)
class TrainingRecord:
    """All runs that belong together.

    Attributes:
        runs: by the name of their mask; that of ``SHIPPED`` gave the shipped weights.
        spread: what the same training reached with other seeds, by seed; their weights were not kept.
        lessons: one sentence each.
        machine: what it ran on.
    """

    runs: dict[str, TrainingRun] = field(default_factory=dict)
    spread: dict[str, TrainingRun] = field(default_factory=dict)
    lessons: tuple[str, ...] = ()
    machine: str = ""

    def save(self, path: Path) -> None:
        """Write JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "TrainingRecord":
        """Read what :meth:`save` wrote; an empty record where there is no file.

        Raises:
            CheckpointError: the file holds something else.
        """
        if not path.is_file():
            return cls()
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            runs, spread = (
                {name: _run(run) for name, run in content[kind].items()} for kind in ("runs", "spread")
            )
            return cls(runs, spread, tuple(content["lessons"]), content["machine"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CheckpointError(
                f"{path.name} must hold what the training script wrote, and does not ({error}); move it away"
            ) from None


def _run(content: dict[str, Any]) -> TrainingRun:
    points = tuple(CurvePoint(*point) for point in content.pop("curve"))
    figures = Figures(**content.pop("figures"))
    return TrainingRun(**content, curve=points, figures=figures)
