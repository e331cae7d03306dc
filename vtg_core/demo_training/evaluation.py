"""What has a model learnt? Questions on clips that it has never seen, and the figures that sum them up."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from vtg_core.collator import SFTCollator, pad
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.demo_training.practice import write_practice
from vtg_core.inspection import Inspection
from vtg_core.loss.answer_parts import time_nats
from vtg_core.loss.score import score_batch
from vtg_core.probes.controls import Control, run_controls
from vtg_core.probes.generation import generate_answer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, ProcessorMixin

FRESH_SEED = 1_000_003
"""Of the films that no training has seen: its films have seeds of their own."""

FROM_A_FILM = 4
"""How many clips are cut from each of them."""


@dataclass(frozen=True)
class Figures:
    """What a model makes of fresh clips, one question each, with the frames that a sample has by default.

    Attributes:
        num_clips: how many.
        times_nll: nats a time token, over the time tokens of all clips.
        blank_video_delta: how much more they cost with the video blanked.
        wrong_query_share: the share of clips in which another row's query makes its time tokens cost more.
        median_iou: of the greedy answer with the truth; an answer that cannot be read counts 0.
        median_iou_by_mode: the same, of each answer format alone, by its name.
        readable_share: the share of greedy answers that can be read.
    """

    num_clips: int
    times_nll: float
    blank_video_delta: float
    wrong_query_share: float
    median_iou: float
    median_iou_by_mode: dict[str, float]
    readable_share: float

    def as_dict(self) -> dict[str, Any]:
        """Return the values by their names."""
        return asdict(self)


class FreshClips:
    """Clips that no training has seen, with a question each: in turns in seconds and in temporal tokens.

    Args:
        folder: where they are drawn.
        count: how many.
        seed: of the clips.
        num_processes: that draw side by side.
    """

    def __init__(self, folder: Path, count: int, *, seed: int = FRESH_SEED, num_processes: int = 1) -> None:
        path = write_practice(
            folder,
            ceil(count / FROM_A_FILM),
            seed=seed,
            clips_a_film=FROM_A_FILM,
            num_processes=num_processes,
        )
        self._by_mode = [
            VideoTemporalSFTDataset(path, use_temporal_tokens=is_temporal, template_seed=seed)
            for is_temporal in (False, True)
        ]
        rows = self._by_mode[0].annotations
        clips = [(row.video, row.video_start, row.video_end) for row in rows]
        self._rows = [clips.index(clip) for clip in dict.fromkeys(clips)][:count]
        self._queries = [row.query for row in rows]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> Sample:
        """Decode and return the question of one clip."""
        return self._by_mode[number % 2][self._rows[number]]

    def other_query(self, number: int) -> str:
        """Return the query of the next row that asks for something else."""
        row = self._rows[number]
        behind = self._queries[row + 1 :] + self._queries[:row]
        return next(query for query in behind if query != self._queries[row])


def times_nll(model: "PreTrainedModel", processor: "ProcessorMixin", samples: Iterable[Sample]) -> float:
    """Return what the time tokens of samples cost, nats a token, over all of them; one pass a sample."""
    import torch

    collator, total, count = SFTCollator(processor), 0.0, 0
    was_training = model.training
    model.eval()
    for sample in samples:
        encoded = collator.encode(sample)
        batch = {name: value.to(model.device) for name, value in pad([encoded], processor).items()}
        with torch.inference_mode():
            scored = score_batch(model, batch)
        is_time = torch.from_numpy(time_nats(encoded, sample.answer_format) > 0)[scored.columns]
        total += float(scored.scores.nll[is_time].sum())
        count += int(is_time.sum())
    model.train(was_training)
    return total / count


def reported_nll(
    model: "PreTrainedModel",
    collate: "Callable[[Sequence[Sample]], dict[str, Tensor]]",
    samples: Sequence[Sample],
) -> float:
    """Return the loss that a training reports: nats a token that ``collate`` trains, over all samples."""
    import torch

    total, count = 0.0, 0
    for sample in samples:
        batch = {name: value.to(model.device) for name, value in collate([sample]).items()}
        with torch.inference_mode():
            nll = score_batch(model, batch).scores.nll
        total, count = total + float(nll.sum()), count + len(nll)
    return total / count


def evaluate(
    model: "PreTrainedModel",
    processor: "ProcessorMixin",
    stop_ids: frozenset[int],
    clips: FreshClips,
    *,
    on_clip: Callable[[int], None] | None = None,
) -> Figures:
    """Ask a model about every clip: the real sample, the controls, and what it would answer itself.

    Args:
        model, processor, stop_ids: of one checkpoint.
        clips: what is asked.
        on_clip: called before each clip with how many were asked.
    """
    collator = SFTCollator(processor)
    real, blank, num_times = 0.0, 0.0, 0
    rises, are_readable = [], []
    overlaps: dict[str, list[float]] = {}
    for number in range(len(clips)):
        if on_clip is not None:
            on_clip(number)
        sample = clips[number]
        report = run_controls(model, sample, processor, other_query=clips.other_query(number))
        times = [report.of(control).times for control in (Control.REAL, Control.BLANK, Control.OTHER_QUERY)]
        [as_is, blanked, asked_otherwise] = [part for part in times if part is not None]
        real, blank = real + as_is.sum_nll, blank + blanked.sum_nll
        num_times += as_is.num_tokens
        rises.append(asked_otherwise.sum_nll > as_is.sum_nll)
        answer = generate_answer(model, Inspection(sample, collator.encode(sample)), processor, stop_ids)
        overlaps.setdefault(str(answer.mode), []).append(answer.iou or 0.0)
        are_readable.append(answer.iou is not None)
    return Figures(
        num_clips=len(clips),
        times_nll=real / num_times,
        blank_video_delta=(blank - real) / num_times,
        wrong_query_share=fmean(rises),
        median_iou=median(iou for ious in overlaps.values() for iou in ious),
        median_iou_by_mode={mode: median(ious) for mode, ious in overlaps.items()},
        readable_share=fmean(are_readable),
    )
