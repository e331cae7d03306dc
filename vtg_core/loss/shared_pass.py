"""Many sequences about the same video, scored in little more than one forward pass, and exactly.

The trunk that all sequences begin with (system, role header, video) runs once, vision tower included, and its keys and
values are kept. What differs runs behind it as a tree of tokens under a mask that lets each attend to its ancestors
alone, with the positions it has in its own sequence. Where a model cannot be continued so, each sequence gets a plain
pass, and the reason is told.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.loss.continuation import continued_logits, new_cache, tree_mask, why_not_continued
from vtg_core.loss.forward_pass import (
    evaluating,
    input_device,
    layers_counted,
    num_layers,
    num_text_layers,
    raising_loss_errors,
)
from vtg_core.loss.score import check_batch, check_finite, predicting_positions, score_batch
from vtg_core.loss.token_scores import TokenScores, score_logits
from vtg_core.loss.token_tree import TokenTree, grow_tree
from vtg_core.masking.encoding import EncodedSample
from vtg_core.regions import RegionKind

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

MAX_MASK_BYTES = 2**28
"""How much memory the mask of one step takes, at most, in the model's floating point type."""


@dataclass(frozen=True, eq=False)
class SequenceScores:
    """What the N supervised tokens of one sequence cost.

    Attributes:
        number: of the sequence, in the order in which they were given.
        columns: where the tokens stand, int64, shape (N,).
        scores: what they cost, on the CPU.
        vocab_size: how many logits each position has.
    """

    number: int
    columns: "Tensor"
    scores: TokenScores
    vocab_size: int


@dataclass(frozen=True, eq=False)
class SharedPlan:
    """How sequences will be run.

    Attributes:
        tree: what they share and where they part.
        plain_because: why each gets a plain pass of its own; empty where the shared pass is taken.
        num_plain_tokens: how many tokens all plain passes together would run.
    """

    tree: TokenTree
    plain_because: str
    num_plain_tokens: int

    @property
    def num_tokens(self) -> int:
        """How many tokens the model runs."""
        return self.num_plain_tokens if self.plain_because else self.tree.num_shared + len(self.tree)


def plan_shared_pass(model: "PreTrainedModel", samples: Sequence[EncodedSample]) -> SharedPlan:
    """Return how samples will be run: at least one, all about the same video.

    A model is asked once, on a few tokens of text, whether it can be continued at a tree; the answer is kept.

    Raises:
        OutOfMemoryError: the device has no room even for that.
    """
    tree = grow_tree([needed_ids(sample) for sample in samples])
    reason = _why_not_shared(samples, tree) or why_not_continued(model)
    return SharedPlan(tree, reason, sum(map(len, samples)))


def run_plan(
    model: "PreTrainedModel",
    samples: Sequence[EncodedSample],
    plan: SharedPlan,
    *,
    on_layer: Callable[[int, int], None] | None = None,
) -> Iterator[SequenceScores]:
    """Yield the scores of each sample as soon as they are known, by the plan made for them.

    Args:
        model: run in evaluation mode.
        samples: what the plan was made for.
        plan: of :func:`plan_shared_pass`.
        on_layer: called before each layer with the number of layers begun so far, and how many there are in all;
            what it raises ends the run.

    Raises:
        OutOfMemoryError: a pass does not fit on the device.
        LossError: an id is outside the model's vocabulary, or a loss is not finite.
    """
    device = input_device(model)
    batches = [as_batch(sample) for sample in samples]
    for batch in batches:
        check_batch(model, batch)
    run = (
        _run_plain(model, batches, device)
        if plan.plain_because
        else _run_tree(model, samples, plan.tree, device)
    )
    total = (
        num_layers(model) * len(samples)
        if plan.plain_because
        else num_layers(model) + num_text_layers(model) * len(_steps(model, plan.tree))
    )

    def count(begun: int) -> None:
        if on_layer is not None:
            on_layer(min(begun, total), total)  # a pass that is run again to be explained counts no further

    longest = max(batches, key=lambda batch: batch["input_ids"].numel())
    with evaluating(model), layers_counted(model, count):
        while True:
            with raising_loss_errors(longest, device):
                scored = next(run, None)
            if scored is None:
                return
            if not bool(scored.scores.nll.isfinite().all()):
                on_device = {name: value.to(device) for name, value in batches[scored.number].items()}
                check_finite(model, on_device, scored.scores, scored.columns)
            yield scored


def as_batch(sample: EncodedSample) -> dict[str, "Tensor"]:
    """Return a sample as a batch of one, without padding."""
    import torch

    batch = {"input_ids": sample.input_ids, "labels": sample.labels, **sample.token_features}
    batch = {name: value[None] for name, value in batch.items()}
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    return batch | {name: torch.as_tensor(value) for name, value in sample.media.items()}


def _run_plain(
    model: "PreTrainedModel", batches: Sequence[Mapping[str, "Tensor"]], device: "torch.device"
) -> Iterator[SequenceScores]:
    for number, batch in enumerate(batches):
        measured = score_batch(model, {name: value.to(device) for name, value in batch.items()})
        yield SequenceScores(number, measured.columns, measured.scores, measured.vocab_size)


def _run_tree(
    model: "PreTrainedModel", samples: Sequence[EncodedSample], tree: TokenTree, device: "torch.device"
) -> Iterator[SequenceScores]:
    """Run the trunk, then the branches a step at a time; a sequence is done once its last prediction is there."""
    cache, positions, seen = new_cache(model), _positions(model, samples, tree), tree.is_ancestor()
    wanted = _Wanted.of(samples, tree)
    kept = [*wanted.sources_in(0, tree.num_shared - 1), tree.num_shared - 1]
    inputs = {name: value.to(device) for name, value in _trunk(samples[0], tree.num_shared).items()}
    logits = continued_logits(model, cache, kept, **inputs)
    yield from wanted.take(kept, logits)
    for start, end in _steps(model, tree):
        before, behind = tree.num_shared + start, tree.num_shared + end
        kept = wanted.sources_in(before, behind) or [behind - 1]
        logits = continued_logits(
            model,
            cache,
            [source - before for source in kept],
            input_ids=_tensor(tree.ids[start:end], device)[None],
            attention_mask=tree_mask(seen[start:end, :end], tree.num_shared, model.dtype).to(device),
            position_ids=positions[..., start:end].to(device),
        )
        yield from wanted.take(kept, logits)


@dataclass(eq=False)
class _Wanted:
    """The predictions that are asked for, and those that are known: N of all sequences, one behind the other.

    Attributes:
        columns: for each sequence where its supervised tokens stand.
        numbers: which sequence each prediction is for, int64, shape (N,).
        sources: from where it is made: a position in the trunk, or ``num_shared`` + node; int64, shape (N,).
        targets: the id that is predicted, int64, shape (N,).
        taken: the scores by sequence, in the order in which they came, with which of the N each is.
    """

    columns: list["Tensor"]
    numbers: np.ndarray
    sources: np.ndarray
    targets: "Tensor"
    taken: list[tuple[np.ndarray, TokenScores]]

    @classmethod
    def of(cls, samples: Sequence[EncodedSample], tree: TokenTree) -> "_Wanted":
        import torch

        columns = [predicting_positions(sample.labels[None])[1] for sample in samples]
        sources = []
        for nodes, found in zip(tree.nodes, columns, strict=True):
            behind = (before := found.numpy() - 1) - tree.num_shared
            sources.append(np.where(behind < 0, before, tree.num_shared + nodes[np.maximum(behind, 0)]))
        return cls(
            columns,
            np.repeat(np.arange(len(samples)), list(map(len, columns))),
            np.concatenate(sources),
            torch.cat([sample.labels[found] for sample, found in zip(samples, columns, strict=True)]),
            [],
        )

    def sources_in(self, start: int, end: int) -> list[int]:
        """Return the distinct sources in ``[start, end)``, in order."""
        found: list[int] = np.unique(self.sources[(self.sources >= start) & (self.sources < end)]).tolist()
        return found

    def take(self, kept: Sequence[int], logits: "Tensor") -> Iterator[SequenceScores]:
        """Take in the logits at the sources ``kept``, shape (len(kept), V); yield the sequences that are now known."""
        import torch

        asked = np.flatnonzero(np.isin(self.sources, kept))
        rows = torch.from_numpy(np.searchsorted(kept, self.sources[asked]))
        self.taken.append((asked, score_logits(logits[rows.to(logits.device)], self.targets[asked]).cpu()))
        known = np.concatenate([which for which, _ in self.taken])
        for number in np.unique(self.numbers[asked]).tolist():
            own = np.flatnonzero(self.numbers == number)
            if np.isin(own, known).all():
                order = torch.from_numpy(np.argsort(known)[np.searchsorted(np.sort(known), own)])
                scores = TokenScores.joined([scores for _, scores in self.taken]).at(order)
                yield SequenceScores(number, self.columns[number], scores, logits.shape[1])


def _tensor(values: np.ndarray, device: "torch.device") -> "Tensor":
    import torch

    return torch.from_numpy(values).to(device)


def needed_ids(sample: EncodedSample) -> np.ndarray:
    """Return the ids up to the last prediction of a supervised token: what comes after it is in no loss."""
    columns = predicting_positions(sample.labels[None])[1]
    return sample.input_ids[: int(columns.max()) if len(columns) else 1].numpy()


def _trunk(sample: EncodedSample, length: int) -> dict[str, "Tensor"]:
    batch = as_batch(sample)
    along = {"input_ids", "attention_mask", *sample.token_features}
    return {
        name: value[:, :length] if name in along else value
        for name, value in batch.items()
        if name != "labels"
    }


def _positions(model: "PreTrainedModel", samples: Sequence[EncodedSample], tree: TokenTree) -> "Tensor":
    """Return the position ids of the tree's tokens, int64, shape ([3,] 1, S): those they have in a whole sequence.

    Behind a trunk that holds every video there is text alone, so a position follows from the depth.
    """
    longest = max(samples, key=len)
    return position_ids(model, as_batch(longest))[..., tree.depths]


def position_ids(model: "PreTrainedModel", batch: Mapping[str, "Tensor"]) -> "Tensor":
    """Return the position ids that a model gives a batch of one, on the CPU.

    Args:
        model: one with multimodal rotary positions is asked for them by its own ``get_rope_index``.
        batch: one row without padding.

    Returns:
        int64, shape (3, 1, L) for multimodal rotary positions, else (1, L).
    """
    import torch

    ask = getattr(getattr(model, "model", model), "get_rope_index", None)
    has_media = any(name.endswith("grid_thw") for name in batch)
    if ask is None or not has_media:
        return torch.arange(batch["input_ids"].shape[1])[None]
    takes = signature(ask).parameters
    named = {_CALLED.get(name, name): value for name, value in batch.items()}
    given: dict[str, Any] = {name: value for name, value in named.items() if name in takes}
    positions: Tensor = ask(**given)[0]
    return positions


_CALLED = {"video_second_per_grid": "second_per_grids"}
"""What ``get_rope_index`` calls an input of the model that has another name there."""


def _steps(model: "PreTrainedModel", tree: TokenTree) -> list[tuple[int, int]]:
    """Return the half-open ranges of nodes that run together, so that each mask keeps within its bound."""
    width = tree.num_shared + len(tree)
    size = max(1, MAX_MASK_BYTES // (width * model.dtype.itemsize))
    return [(start, min(start + size, len(tree))) for start in range(0, len(tree), size)]


def _why_not_shared(samples: Sequence[EncodedSample], tree: TokenTree) -> str:
    first = samples[0]
    is_same = all(_has_media_of(sample, first) for sample in samples[1:])
    if not is_same:
        return "the samples do not show the same video"
    videos = [region.end for region in first.regions if region.kind is RegionKind.VIDEO]
    if videos and max(videos) > tree.num_shared:
        return "the samples part before their video ends"
    return ""


def _has_media_of(sample: EncodedSample, other: EncodedSample) -> bool:
    import torch

    if sample.media.keys() != other.media.keys():
        return False
    pairs = [(sample.media[name], other.media[name]) for name in sample.media]
    return all(a is b or torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in pairs)
