"""Rendered chat → token ids, and which tokens are what.

The processor is called once, on the full text with its media. Its character offsets, and its record of what it
replaced where, carry the regions from characters to tokens. Nothing is measured on the unexpanded text, and no
id is a literal.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from itertools import groupby
from operator import is_
from typing import TYPE_CHECKING, Any

from vtg_core.control_tokens import ControlTokens, control_tokens, encode_as_text
from vtg_core.errors import MaskingError, first_line
from vtg_core.expansion import Expansion
from vtg_core.regions import MaskPolicy, Region, RegionKind, labels_from_regions
from vtg_core.rendering import RenderedChat
from vtg_core.video import SampledVideo

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase, ProcessorMixin


@dataclass(frozen=True, eq=False)
class EncodedSample:
    """One training sample, ready to be padded into a batch.

    Attributes:
        chat: what was encoded.
        input_ids: int64, shape (L,), video placeholders expanded.
        labels: int64, shape (L,), aligned with ``input_ids``; ``IGNORE_INDEX`` where nothing is trained.
        regions: a partition of [0, L), in tokens.
        text: the text that was tokenised, every video expanded.
        text_regions: a partition of the characters of ``text``; a token belongs to the region of its first one.
        offsets: for each token the half-open range of characters of ``text`` it stands for, (0, 0) for a token
            that the tokenizer put there by itself.
        token_features: further tensors along the token axis, each of shape (L,), by the processor's name;
            ``mm_token_type_ids`` among them where the model needs it.
        media: the processor's tensors for the videos, by its names (``pixel_values_videos``, ...).
        answer_starts: for each assistant turn the position at which the model begins to write: the length in
            tokens of the generation prompt before it.
        num_inserted: how many tokens the processor's expansion of the videos added to the rendered text.
    """

    chat: RenderedChat
    input_ids: "Tensor"
    labels: "Tensor"
    regions: tuple[Region, ...]
    text: str
    text_regions: tuple[Region, ...]
    offsets: tuple[tuple[int, int], ...]
    token_features: Mapping[str, "Tensor"]
    media: Mapping[str, "Tensor"]
    answer_starts: tuple[int, ...]
    num_inserted: int

    def __len__(self) -> int:
        return len(self.input_ids)


def encode(
    chat: RenderedChat,
    processor: "ProcessorMixin",
    videos: Sequence[SampledVideo] = (),
    *,
    policy: MaskPolicy | None = None,
) -> EncodedSample:
    """Encode a rendered chat with its videos, and label it.

    Args:
        chat: what :func:`vtg_core.rendering.render` gave.
        processor: the processor it was rendered for; called once.
        videos: the frames of ``chat.video_sources``, in order.
        policy: which regions are trained; every answer and its end of turn unless given.

    Raises:
        MaskingError: the mask cannot be proved: a token straddles the border of an answer, the supervised tokens
            do not decode to the answer and its end of turn, the tokens before them are not the generation
            prompt's, or nothing is supervised.
    """
    import torch

    policy = policy or MaskPolicy()
    if len(videos) != len(chat.video_sources):
        raise MaskingError(
            f"each of the {len(chat.video_sources)} videos must have its frames, got {len(videos)}"
        )
    controls = control_tokens(processor.tokenizer)
    given = _with_stand_ins(chat, controls)
    outputs = _call(processor, given, videos)
    expansion = Expansion.of(chat, outputs.pop("text_replacement_offsets")[0])
    columns, offsets = _token_columns(outputs)
    if chat.literals:
        columns, offsets = _rewrite_literals(columns, offsets, expansion, processor.tokenizer)
    input_ids = columns.pop("input_ids").to(torch.int64)
    ids, entitled = input_ids.tolist(), [given[start:end] for start, end in controls.find(given)]
    _refuse_other_control_tokens(ids, offsets, expansion, entitled, controls)
    regions = tuple(_runs(list(_kinds(ids, offsets, expansion, controls, trains_newline=policy.newline))))
    sample = EncodedSample(
        chat=chat,
        input_ids=input_ids,
        labels=labels_from_regions(input_ids, regions, policy),
        regions=regions,
        text=expansion.text,
        text_regions=expansion.regions,
        offsets=tuple(offsets),
        token_features=columns,
        media=dict(outputs),
        answer_starts=tuple(_first_token_from(character, offsets) for character in expansion.answer_starts),
        num_inserted=sum(start < end and expansion.was_replaced(start) for start, end in offsets)
        - len(videos),
    )
    _verify(sample, expansion, processor.tokenizer)
    return sample


def process_videos_once(processor: "ProcessorMixin") -> "ProcessorMixin":
    """Return a copy of ``processor`` that processes the pixels of the same frames once.

    For many prompts on one video: the copy's video processor hands out the tensors of its last call again for
    as long as it is given the very same arrays. Everything else is the processor's own.
    """
    remembering = copy(processor)
    remembering.video_processor = _RememberingVideoProcessor(processor.video_processor)
    return remembering


class _RememberingVideoProcessor:
    def __init__(self, video_processor: Any) -> None:
        self._video_processor = video_processor
        self._videos: list[Any] = []
        self._options: dict[str, Any] = {}
        self._outputs: Any = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked for while copying, before there is a video processor
            raise AttributeError(name)
        return getattr(self._video_processor, name)

    def __call__(self, videos: Sequence[Any], **options: Any) -> Any:
        are_same = len(videos) == len(self._videos) and all(map(is_, videos, self._videos))
        if not are_same or options != self._options:
            self._videos = list(videos)
            self._options = deepcopy(options)  # processors change what they are given
            self._outputs = self._video_processor(videos, **options)
        return self._outputs


def _call(processor: "ProcessorMixin", text: str, videos: Sequence[SampledVideo]) -> dict[str, Any]:
    media: dict[str, Any] = {}
    if videos:
        media = {
            "videos": [video.frames for video in videos],
            "video_metadata": [video.metadata for video in videos],
            "do_sample_frames": False,
            "input_data_format": "channels_last",
        }
    bos = processor.tokenizer.bos_token
    try:
        outputs = processor(
            text=[text],
            return_tensors="pt",
            return_offsets_mapping=True,
            return_text_replacement_offsets=True,
            return_mm_token_type_ids=True,
            add_special_tokens=not (bos and text.startswith(bos)),
            **media,
        )
    except Exception as error:  # a processor is another project's code and may refuse in any way
        raise MaskingError(
            f"the processor must accept this prompt and its videos, and refuses: {first_line(error)}"
        ) from error
    return dict(outputs)


def _token_columns(outputs: dict[str, Any]) -> tuple[dict[str, "Tensor"], list[tuple[int, int]]]:
    """Take the tensors along the token axis, each of shape (L,), and the offsets out of a processor's outputs."""
    offsets = [(start, end) for start, end in outputs.pop("offset_mapping")[0].tolist()]
    outputs.pop("attention_mask", None)
    names = [name for name, value in outputs.items() if getattr(value, "shape", None) == (1, len(offsets))]
    return {name: outputs.pop(name)[0] for name in names}, offsets


def _with_stand_ins(chat: RenderedChat, controls: ControlTokens) -> str:
    """Return the text with harmless characters in the place of every control token that a person wrote."""
    text = chat.text
    entitled = set(controls.find(text)) - set(chat.literals)
    ranges = list(chat.literals)
    while ranges:
        for start, end in ranges:
            text = text[:start] + _STAND_IN * (end - start) + text[end:]
        ranges = [span for span in controls.find(text) if span not in entitled]  # what the others had hidden
    return text


_STAND_IN = "\N{MIDDLE DOT}"


def _rewrite_literals(
    columns: dict[str, "Tensor"],
    offsets: list[tuple[int, int]],
    expansion: Expansion,
    tokenizer: "PreTrainedTokenizerBase",
) -> tuple[dict[str, "Tensor"], list[tuple[int, int]]]:
    """Encode again, as plain text, every stretch between control tokens in which a person wrote one.

    Control tokens split the text before it is tokenised, so a stretch encodes alone as it does in its place.
    """
    import torch

    control_ids = set(control_tokens(tokenizer).ids.values())
    rewritten: dict[str, list[Tensor]] = {name: [] for name in columns}
    rewritten_offsets: list[tuple[int, int]] = []
    ids, remaining = columns["input_ids"].tolist(), set(expansion.literals)
    for is_control, group in groupby(range(len(ids)), key=lambda i: ids[i] in control_ids):
        first, *_, last = (*(positions := list(group)), positions[-1])
        start = offsets[first - 1][1] if first else 0
        end = offsets[last + 1][0] if last + 1 < len(ids) else len(expansion.text)
        touched = {(a, b) for a, b in expansion.literals if a < end and start < b}
        if is_control or not touched:
            for name, column in columns.items():
                rewritten[name].append(column[first : last + 1])
            rewritten_offsets += offsets[first : last + 1]
            continue
        remaining -= touched
        new_ids, new_offsets = encode_as_text(tokenizer, expansion.text[start:end])
        for name, column in columns.items():
            values = new_ids if name == "input_ids" else [0] * len(new_ids)
            rewritten[name].append(torch.tensor(values, dtype=column.dtype))
        rewritten_offsets += [(start + a, start + b) for a, b in new_offsets]
    if remaining:
        raise MaskingError(
            f"each of the {len(expansion.literals)} control tokens in a person's text must be encoded as plain text, "
            f"and {len(remaining)} cannot be found again in the ids; remove them from the text"
        )
    return {name: torch.cat(parts) for name, parts in rewritten.items()}, rewritten_offsets


def _refuse_other_control_tokens(
    ids: Sequence[int],
    offsets: Sequence[tuple[int, int]],
    expansion: Expansion,
    expected: Sequence[str],
    controls: ControlTokens,
) -> None:
    """Check that the only control tokens are those that someone was entitled to write."""
    control_ids = set(controls.ids.values())
    found = [
        token_id
        for token_id, (start, end) in zip(ids, offsets, strict=True)
        if token_id in control_ids and start < end and not expansion.was_replaced(start)
    ]
    entitled = [controls.ids[token] for token in expected if token not in expansion.placeholders]
    if found != entitled:
        raise MaskingError(
            f"the prompt must hold {len(entitled)} control tokens beside its videos, and its ids hold {len(found)}: "
            "the tokenizer makes one of a person's text; remove what looks like a control token from it"
        )


def _kinds(
    ids: Sequence[int],
    offsets: Sequence[tuple[int, int]],
    expansion: Expansion,
    controls: ControlTokens,
    *,
    trains_newline: bool,
) -> Iterator[tuple[RegionKind, int | None]]:
    """Yield kind and turn of each token: those of its first character."""
    starts = [region.start for region in expansion.regions]
    control_ids = set(controls.ids.values())
    trainable = _TRAINABLE | {RegionKind.CHAT} if trains_newline else _TRAINABLE
    for token_id, (start, end) in zip(ids, offsets, strict=True):
        if start == end:  # the tokenizer put it there by itself
            yield RegionKind.CHAT, None
            continue
        region = expansion.regions[bisect_right(starts, start) - 1]
        if end > region.end:
            _refuse_straddling(start, end, expansion, trainable)
        is_stamp = expansion.was_replaced(start) and token_id not in control_ids
        yield (RegionKind.TIMESTAMP if is_stamp else region.kind), region.turn


_TRAINABLE = frozenset({RegionKind.ANSWER, RegionKind.END_OF_TURN, RegionKind.THINKING})


def _refuse_straddling(start: int, end: int, expansion: Expansion, trainable: frozenset[RegionKind]) -> None:
    reached = [region for region in expansion.regions if region.start < end and start < region.end]
    if any(region.kind in trainable for region in reached):
        raise MaskingError(
            f"a token must not straddle the border of what is trained, and {expansion.text[start:end]!r} reaches "
            f"from {reached[0].kind} into {reached[-1].kind}; {_border_advice(expansion, reached)}"
        )


def _border_advice(expansion: Expansion, regions: Sequence[Region]) -> str:
    answers = [expansion.text[r.start : r.end] for r in regions if r.kind is RegionKind.ANSWER]
    if any(answer != answer.strip() for answer in answers):
        return "remove white space at the answer's ends"
    return "this tokenizer joins what the chat template writes there, so no mask can be proved for the checkpoint"


def _runs(kinds: Sequence[tuple[RegionKind, int | None]]) -> Iterator[Region]:
    start = 0
    for (kind, turn), group in groupby(kinds):
        end = start + sum(1 for _ in group)
        yield Region(kind, start, end, turn)
        start = end


def _first_token_from(character: int, offsets: Sequence[tuple[int, int]]) -> int:
    return next((i for i, (start, _) in enumerate(offsets) if start >= character), len(offsets))


def _verify(sample: EncodedSample, expansion: Expansion, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Prove the regions of every answer on the ids, or raise."""
    for region in expansion.regions:
        if region.kind in _TRAINABLE:
            _verify_text(sample, region, expansion.text[region.start : region.end], tokenizer)
    for character, position in zip(expansion.answer_starts, sample.answer_starts, strict=True):
        _verify_prompt_end(sample, character, position, tokenizer)


def _verify_text(
    sample: EncodedSample, region: Region, text: str, tokenizer: "PreTrainedTokenizerBase"
) -> None:
    ids = [
        token_id
        for r in sample.regions
        if (r.kind, r.turn) == (region.kind, region.turn)
        for token_id in sample.input_ids[r.start : r.end].tolist()
    ]
    decoded = tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    normalizer = tokenizer.backend_tokenizer.normalizer
    normalized = normalizer.normalize_str(text) if normalizer is not None else text
    if decoded not in (text, normalized, unicodedata.normalize("NFC", text)):
        raise MaskingError(
            f"the {region.kind} tokens of messages[{region.turn}] must decode to {text!r:.80}, got {decoded!r:.80}"
        )


def _verify_prompt_end(
    sample: EncodedSample, character: int, position: int, tokenizer: "PreTrainedTokenizerBase"
) -> None:
    """Check that the prompt's last stretch encodes alone to the ids it has here, so that the prompt does."""
    control_ids = set(control_tokens(tokenizer).ids.values())
    end = first = position
    while first and int(sample.input_ids[first - 1]) not in control_ids:
        first -= 1
    start = sample.offsets[first - 1][1] if first else 0
    alone = tokenizer.encode(sample.text[start:character], add_special_tokens=False)
    if alone != sample.input_ids[first:end].tolist():
        raise MaskingError(
            f"the tokens before an answer must be the generation prompt's, and {sample.text[start:character]!r} is "
            "tokenised differently before this answer; remove white space at its start, or, where there is none, "
            "take a checkpoint whose template ends the prompt with a token of its own"
        )
