"""The tokens of one row, as the linked view shows them: columns that stay short where a video makes the row long.

Positions are tokens of the row from 0, intervals are half-open, times are seconds. Whatever a row repeats is written once:
30,000 tokens are some tens of kilobytes.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np

from vtg_core.chat.control_tokens import placeholder_ids
from vtg_core.chat.token_text import decode_run, token_text
from vtg_core.masking.encoding import EncodedSample
from vtg_core.regions import IGNORE_INDEX, MaskPolicy, Region, RegionKind
from vtg_core.windows import Window

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin

AGREE, LEAK, HOLE = 1, 2, 3
"""What a verdict on a token says: both masks train it, this one alone does, the other one alone does."""


@dataclass(frozen=True)
class FramesView:
    """When the frames behind a row's video tokens are shown.

    Attributes:
        times: of each sampled frame, in seconds from the start of the video, or of its clip.
        num_patches: how many steps in time the model sees them as: two frames are one step of Qwen's models.
        duration: of the video, or of its clip.
        clip_start: where the clip begins in the file, in seconds.
        windows: when what is asked for happens.
    """

    times: list[float]
    num_patches: int
    duration: float
    clip_start: float
    windows: list[tuple[float, float]]


@dataclass(frozen=True)
class FilmView:
    """A few of the sampled frames, side by side in one picture that all templates share.

    Attributes:
        times: of each, in seconds from the start of the video, or of its clip.
        frames: the number of each among the sampled frames, from 0.
        width, height: of each, in pixels.
        picture: the data URI of a JPEG; empty where there is none.
    """

    times: list[float]
    frames: list[int]
    width: int
    height: int
    picture: str


@dataclass(frozen=True)
class TokenView:
    """The tokens of one row. A table row is one token; a run of one placeholder, or of padding, is one too.

    Attributes:
        num_tokens: of the row.
        ids: the distinct ids.
        pieces: their texts, see :func:`vtg_core.chat.token_text.token_text`.
        controls, placeholders, bytes: which of ``ids`` are control tokens, stand for pixels, are no whole characters.
        token: for each table row, which of ``ids``.
        runs: (table row, number of tokens) where that is not one.
        kinds: the distinct region kinds.
        regions: (which of ``kinds``, first token), in order.
        trained: (start, end) of the tokens whose label is their id.
        other_labels: (start, end, which of ``ids``) of the tokens whose label is another one.
        texts: (first table row, how many, text) of tokens that are whole characters only together.
        totals: region kind to (tokens, tokens in the loss).
        policy: the kinds of region that our policy trains; None where the labels are not ours.
        against: what the row's mask is held against; empty where that is nothing.
        verdicts: (start, end, ``AGREE``, ``LEAK`` or ``HOLE``) of the tokens that either of them trains.
        frames: of its video; None where they are not known.
        max_length: how many tokens training keeps; None for all.
        weights: (start, end, how much each counts) of the tokens that weigh something; None where all that are trained
            count alike.
    """

    num_tokens: int
    ids: list[int]
    pieces: list[str]
    controls: list[int]
    placeholders: list[int]
    bytes: list[int]
    token: list[int]
    runs: list[tuple[int, int]]
    kinds: list[str]
    regions: list[tuple[int, int]]
    trained: list[tuple[int, int]]
    other_labels: list[tuple[int, int, int]]
    texts: list[tuple[int, int, str]]
    totals: dict[str, tuple[int, int]]
    policy: list[str] | None = None
    against: str = ""
    verdicts: list[tuple[int, int, int]] | None = None
    frames: FramesView | None = None
    max_length: int | None = None
    weights: list[tuple[int, int, float]] | None = None


def view_tokens(
    encoded: EncodedSample,
    processor: "ProcessorMixin",
    *,
    policy: MaskPolicy | None = None,
    frames: FramesView | None = None,
) -> TokenView:
    """Return the token view of a sample that ``processor`` encoded under ``policy``."""
    row = encoded.input_ids.tolist(), encoded.labels.tolist()
    weights = None if encoded.loss_weights is None else encoded.loss_weights.numpy()
    return view_sequence(
        *row, encoded.regions, processor, policy=policy or MaskPolicy(), frames=frames, weights=weights
    )


def view_sequence(
    ids: Sequence[int],
    labels: Sequence[int],
    regions: Sequence[Region],
    processor: "ProcessorMixin",
    *,
    policy: MaskPolicy | None = None,
    proven: np.ndarray | None = None,
    frames: FramesView | None = None,
    max_length: int | None = None,
    weights: np.ndarray | None = None,
) -> TokenView:
    """Return the token view of any row.

    Args:
        ids, labels: L of each, as they came.
        regions: a partition of the row.
        processor: whose ids they are.
        policy: that made the labels; None where they are not ours.
        proven: what should be trained, bool, shape (L,); None where that is not known.
        frames: of its video.
        max_length: how many tokens training keeps.
        weights: how much each token counts, float32, shape (L,); None where all that are trained count alike.
    """
    tokenizer, placeholders = processor.tokenizer, placeholder_ids(processor)
    rows = list(_rows(ids, labels, regions, placeholders))
    numbers = {token_id: number for number, token_id in enumerate(dict.fromkeys(ids))}
    others = [
        (start, end, numbers.setdefault(label, len(numbers))) for start, end, label in _others(ids, labels)
    ]
    pieces = [token_text(tokenizer, token_id) for token_id in numbers]
    kinds = list(dict.fromkeys(str(region.kind) for region in regions))
    added = set(tokenizer.added_tokens_decoder)
    incomplete = {token_id for token_id in numbers if _is_incomplete(tokenizer, token_id)}
    return TokenView(
        num_tokens=len(ids),
        ids=list(numbers),
        pieces=pieces,
        controls=_numbers(numbers, added),
        placeholders=_numbers(numbers, placeholders),
        bytes=_numbers(numbers, incomplete),
        token=[numbers[ids[start]] for start, _ in rows],
        runs=[(row, count) for row, (_, count) in enumerate(rows) if count > 1],
        kinds=kinds,
        regions=[(kinds.index(str(region.kind)), region.start) for region in regions],
        trained=_runs_where(np.asarray(ids) == np.asarray(labels)),
        other_labels=others,
        texts=list(_whole_characters(rows, ids, labels, regions=regions, incomplete=incomplete, tokenizer=tokenizer)),
        totals=_totals(labels, regions),
        policy=_trained_kinds(policy) if policy is not None else None,
        against="" if proven is None else "the proven mask",
        verdicts=None if proven is None else _verdicts(np.asarray(labels) != IGNORE_INDEX, proven),
        frames=frames,
        max_length=max_length,
        weights=None if weights is None else _weighing(weights),
    )  # fmt: skip


def view_frames(
    times: Sequence[float],
    num_patches: int,
    *,
    duration: float,
    clip: Window | None = None,
    windows: Sequence[Window] = (),
) -> FramesView:
    """Return the view of a video's frames: ``times`` in seconds, seen as ``num_patches`` steps in time."""
    return FramesView(
        times=[round(time, 3) for time in times],
        num_patches=num_patches,
        duration=duration,
        clip_start=clip.start if clip is not None else 0.0,
        windows=[(window.start, window.end) for window in windows],
    )


def _rows(
    ids: Sequence[int], labels: Sequence[int], regions: Sequence[Region], placeholders: Collection[int]
) -> Iterator[tuple[int, int]]:
    """Yield (first token, count); only what nobody reads is gathered, and never across a region or label."""
    for region in regions:
        is_padding = region.kind is RegionKind.PADDING
        positions = range(region.start, region.end)
        for _, run in groupby(
            positions, key=lambda i: (ids[i], labels[i], is_padding or ids[i] in placeholders or i)
        ):
            first, *rest = run
            yield first, 1 + len(rest)


def _numbers(numbers: dict[int, int], wanted: Collection[int]) -> list[int]:
    return [number for token_id, number in numbers.items() if token_id in wanted]


def _is_incomplete(tokenizer: "PreTrainedTokenizerBase", token_id: int) -> bool:
    """Say whether a token is no whole characters: a part of one, written as bytes."""
    return "\N{REPLACEMENT CHARACTER}" in _decoded(tokenizer, [token_id])


def _decoded(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> str:
    known = [token_id for token_id in ids if 0 <= token_id < len(tokenizer)]
    return decode_run(tokenizer, known)


MAX_TOGETHER = 8
"""A character is four bytes at most, and its first and last token may hold a part of the ones beside it."""


def _whole_characters(
    rows: Sequence[tuple[int, int]],
    ids: Sequence[int],
    labels: Sequence[int],
    *,
    regions: Sequence[Region],
    incomplete: Collection[int],
    tokenizer: "PreTrainedTokenizerBase",
) -> Iterator[tuple[int, int, str]]:
    """Yield (first row, how many, text) of the shortest runs of tokens that are whole characters only together."""
    starts, taken = {region.start for region in regions}, 0
    for first, (start, count) in enumerate(rows):
        if first < taken or count > 1 or ids[start] not in incomplete:
            continue
        is_trained = labels[start] == ids[start]
        for number in range(2, MAX_TOGETHER + 1):
            last = start + number - 1
            if last >= len(ids) or last in starts or (labels[last] == ids[last]) is not is_trained:
                break
            text = _decoded(tokenizer, ids[start : start + number])
            if "\N{REPLACEMENT CHARACTER}" not in text:
                yield first, number, text
                taken = first + number
                break


def _others(ids: Sequence[int], labels: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, label) of the tokens that are in the loss with another token's id."""
    for (label, is_other), run in groupby(
        range(len(ids)), key=lambda i: (labels[i], labels[i] not in (ids[i], IGNORE_INDEX))
    ):
        if is_other:
            positions = list(run)
            yield positions[0], positions[-1] + 1, label


def _runs_where(mask: np.ndarray) -> list[tuple[int, int]]:
    return [(start, end) for start, end, holds in _runs(mask) if holds]


def _verdicts(trained: np.ndarray, proven: np.ndarray) -> list[tuple[int, int, int]]:
    """Return (start, end, verdict) of what ``trained`` or ``proven`` trains; bool, shape (L,) each."""
    codes = np.select([trained & proven, trained, proven], [AGREE, LEAK, HOLE], 0)
    return [run for run in _runs(codes) if run[2]]


def _runs(values: np.ndarray) -> list[tuple[int, int, int]]:
    """Return the runs of equal values as (start, end, value)."""
    borders = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)]
    return [(start, end, int(values[start])) for start, end in pairwise(borders) if end > start]


def _weighing(weights: np.ndarray) -> list[tuple[int, int, float]]:
    """Return the runs of tokens that weigh alike, and more than nothing."""
    values, codes = np.unique(weights, return_inverse=True)
    return [(start, end, float(values[code])) for start, end, code in _runs(codes) if values[code]]


def _totals(labels: Sequence[int], regions: Sequence[Region]) -> dict[str, tuple[int, int]]:
    totals: dict[str, tuple[int, int]] = {}
    for region in regions:
        total, supervised = totals.get(str(region.kind), (0, 0))
        own = sum(label != IGNORE_INDEX for label in labels[region.start : region.end])
        totals[str(region.kind)] = (total + len(region), supervised + own)
    return totals


def _trained_kinds(policy: MaskPolicy) -> list[str]:
    """Return the kinds of region that a policy trains; ``chat`` stands for the white space after an answer."""
    kinds = [str(kind) for kind in RegionKind if policy.trains(kind)]
    return [*kinds, str(RegionKind.CHAT)] if policy.newline else kinds
