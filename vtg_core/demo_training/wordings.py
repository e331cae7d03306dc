"""Which templates make the better model? The demo trained on several sets of templates, each asked in the words of all.

All sets are trained from one start, the lessons that hold no template, and on the same clips, questions and steps: only the
words around the questions differ. The video of a question is processed once for all of them.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from vtg_core.collator import SFTCollator, pad
from vtg_core.dataset import Sample
from vtg_core.demo_training.evaluation import FreshClips, times_nll
from vtg_core.demo_training.lessons import LESSONS, Ask, Conversations, Lesson
from vtg_core.demo_training.loop import Learner, MaskedBatches, lesson_seed, read_ahead
from vtg_core.demo_training.patches import patches_as_product
from vtg_core.inspection import Inspection
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.probes.generation import generate_answer
from vtg_core.templates import TEMPLATES, PromptTemplate

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, ProcessorMixin

ONE = "concise"
"""The template that stands alone, of either answer format."""

Wordings = Mapping[str, Sequence[PromptTemplate]]
"""Sets of templates by their names; each holds some of both answer formats."""


@dataclass(frozen=True)
class Outcome:
    """What a model that was trained on one set makes of questions in the words of another.

    Attributes:
        times_nll: nats a time token.
        median_iou: of the greedy answers with the truth; an answer that cannot be read counts 0.
        readable_share: the share of them that can be read.
    """

    times_nll: float
    median_iou: float
    readable_share: float


def wordings(grown: Sequence[PromptTemplate]) -> Wordings:
    """Return the sets that are compared: one template, the other built-in ones with it, and grown ones alone."""
    return {"one": [own for own in TEMPLATES if own.name == ONE], "sixteen": TEMPLATES, "grown": grown}


def train_each(
    model: "PreTrainedModel",
    processor: "ProcessorMixin",
    annotation_file: Path,
    *,
    sets: Wordings,
    seed: int,
    lessons: Sequence[Lesson] = LESSONS,
    num_workers: int = 1,
) -> "Iterator[dict[str, PreTrainedModel]]":
    """Train a copy of a model on each set, and yield all of them after each step: the same one until a template is asked.

    Args:
        model: left as it is.
        processor: of its checkpoint.
        annotation_file: of :func:`vtg_core.demo_training.practice.write_practice`.
        sets: the templates of each copy.
        seed: of what is asked about which clip.
        lessons: what is shown, in order.
        num_workers: processes that read and encode ahead.
    """
    learner = Learner(deepcopy(model), sum(lesson.num_steps for lesson in lessons))
    num_alike = next(
        n for n, lesson in enumerate((*lessons, None)) if lesson is None or Ask.TEMPLATE in lesson.asks
    )
    collate: Any = MaskedBatches(processor)
    with patches_as_product(learner.model):
        for number, lesson in enumerate(lessons[:num_alike]):
            conversations = Conversations(lesson, annotation_file, lesson_seed(seed, number))
            for batch in read_ahead(conversations, collate, lesson.batch_size, num_workers=num_workers):
                learner.step(batch)
                yield dict.fromkeys(sets, learner.model)
    learners = {name: deepcopy(learner) for name in sets}
    models = {name: own.model for name, own in learners.items()}
    for number, lesson in enumerate(lessons[num_alike:], start=num_alike):
        asked = AskedAlike(Conversations(lesson, annotation_file, lesson_seed(seed, number)), sets)
        for batches in read_ahead(asked, BatchOfEach(processor), lesson.batch_size, num_workers=num_workers):
            for name, batch in batches.items():
                with patches_as_product(models[name]):
                    learners[name].step(batch)
            yield models
    for own in models.values():
        own.eval()


class AskedAlike:
    """Conversations, a question in a template being asked in one of each set; by the sets' names."""

    def __init__(self, conversations: Conversations, sets: Wordings) -> None:
        self.conversations, self.sets = conversations, sets

    def __len__(self) -> int:
        return len(self.conversations)

    def __getitem__(self, index: int) -> dict[str, Sample | dict[str, Any]]:
        """Return the same conversation for each set, or the same question in other words."""
        said = self.conversations[index]
        if not isinstance(said, Sample) or said.template not in TEMPLATES:
            return dict.fromkeys(self.sets, said)
        return {
            name: in_words_of(said, own, f"{self.conversations.seed}/{index}")
            for name, own in self.sets.items()
        }


def in_words_of(sample: Sample, templates: Sequence[PromptTemplate], seed: str) -> Sample:
    """Return a sample asked in one of the templates of its answer format, the same for the same seed."""
    fitting = [own for own in templates if str(own.mode) == str(sample.template.mode)]
    return replace(sample, template=random.Random(seed).choice(fitting))


class BatchOfEach:
    """A batch for each set; a video that all of them ask about is processed once."""

    def __init__(self, processor: "ProcessorMixin") -> None:
        self.collator = SFTCollator(process_videos_once(processor))

    def __call__(self, conversations: Sequence[dict[str, Any]]) -> "dict[str, dict[str, Tensor]]":
        """Return the batches by their sets' names."""
        encoded = [{name: self.collator.encode(own) for name, own in each.items()} for each in conversations]
        return {name: pad([own[name] for own in encoded], self.collator.processor) for name in encoded[0]}


def ask(
    model: "PreTrainedModel",
    processor: "ProcessorMixin",
    stop_ids: frozenset[int],
    clips: FreshClips,
    templates: Sequence[PromptTemplate],
) -> Outcome:
    """Ask a model about every clip in the words of a set."""
    samples = (in_words_of(clips[number], templates, str(number)) for number in range(len(clips)))
    collator, overlaps, nll = SFTCollator(processor), [], times_nll(model, processor, samples)
    for number in range(len(clips)):
        sample = in_words_of(clips[number], templates, str(number))
        answer = generate_answer(model, Inspection(sample, collator.encode(sample)), processor, stop_ids)
        overlaps.append(answer.iou)
    readable = [iou for iou in overlaps if iou is not None]
    return Outcome(nll, median(iou or 0.0 for iou in overlaps), len(readable) / len(overlaps))
