"""Rendered chat → token ids, and which tokens are what.

The processor is called once, on the full text with its media. Its character offsets, and its record of what it
replaced where, carry the regions from characters to tokens. Nothing is measured on the unexpanded text, and no
id is a literal.
"""

from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from itertools import groupby
from operator import is_
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.control_tokens import ControlTokens, control_tokens, encode_as_text
from vtg_core.errors import MaskingError, first_line
from vtg_core.expansion import Expansion
from vtg_core.frame_plan import FramePlan
from vtg_core.regions import MaskPolicy, Region, labels_from_regions
from vtg_core.rendering import RenderedChat
from vtg_core.token_labelling import Offsets, label_tokens, regions_of
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
    given = with_stand_ins(chat, controls)
    outputs = call_processor(processor, given, videos)
    expansion = Expansion.of(chat, outputs.pop("text_replacement_offsets")[0])
    offsets: Offsets = outputs.pop("offset_mapping")[0]
    columns = _take_columns(outputs, len(offsets))
    input_ids = columns.pop("input_ids").to(torch.int64)
    if chat.literals:
        old_ids = input_ids.numpy()
        ids, offsets, kept = rewrite_literals(old_ids, offsets, expansion, processor.tokenizer, controls)
        columns = {name: _moved(column, kept) for name, column in columns.items()}
        input_ids = torch.from_numpy(ids)
    entitled = [given[start:end] for start, end in controls.find(given)]
    labels = label_tokens(
        input_ids.numpy(), offsets, expansion, entitled, processor.tokenizer, controls, trains_newline=policy.newline
    )  # fmt: skip
    regions = regions_of(labels.kinds, labels.turns)
    return EncodedSample(
        chat=chat,
        input_ids=input_ids,
        labels=labels_from_regions(input_ids, regions, policy),
        regions=regions,
        text=expansion.text,
        text_regions=expansion.regions,
        offsets=tuple(offsets),
        token_features=columns,
        media=dict(outputs),
        answer_starts=labels.answer_starts,
        num_inserted=int(labels.replaced.sum()) - len(videos),
    )


def _take_columns(outputs: dict[str, Any], num_tokens: int) -> dict[str, "Tensor"]:
    """Take the tensors along the token axis out of a processor's outputs, each of shape (L,)."""
    outputs.pop("attention_mask", None)
    names = [name for name, value in outputs.items() if getattr(value, "shape", None) == (1, num_tokens)]
    return {name: outputs.pop(name)[0] for name in names}


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


def call_processor(
    processor: "ProcessorMixin", text: str | None, videos: Sequence[SampledVideo | FramePlan]
) -> dict[str, Any]:
    """Call a processor the one way in which we call it.

    Args:
        processor: the checkpoint's own.
        text: one rendered conversation, or None for its videos alone.
        videos: the videos; of a plan, frames without pixels are given, which a processor can measure and not see.

    Returns:
        Its outputs for a batch of one: tensors, but for ``offset_mapping``, ``text_replacement_offsets`` and, with
        no text, ``video_metadata``.

    Raises:
        MaskingError: the processor refuses.
    """
    options: dict[str, Any] = {}
    if videos:
        options = {
            "videos": [_frames_of(video) for video in videos],
            "video_metadata": [video.metadata for video in videos],
            "do_sample_frames": False,
            "input_data_format": "channels_last",
        }
    if text is None:
        options["return_metadata"] = True
    else:
        options |= {
            "text": [text],
            "return_offsets_mapping": True,
            "return_text_replacement_offsets": True,
            "return_mm_token_type_ids": True,
            "add_special_tokens": adds_special_tokens(processor.tokenizer, text),
        }
    try:
        outputs = processor(**options)
        lists = {name: outputs.pop(name) for name in _LISTS if name in outputs}
        return dict(outputs.convert_to_tensors("pt")) | lists
    except Exception as error:  # a processor is another project's code and may refuse in any way
        raise MaskingError(
            f"the processor must accept this prompt and its videos, and refuses: {first_line(error)}"
        ) from error


_LISTS = ("offset_mapping", "text_replacement_offsets", "video_metadata")


def _frames_of(video: SampledVideo | FramePlan) -> Any:
    import torch

    if isinstance(video, SampledVideo):
        return video.frames
    return torch.empty(video.shape, dtype=torch.uint8, device="meta")


def adds_special_tokens(tokenizer: "PreTrainedTokenizerBase", text: str) -> bool:
    """Say whether the tokenizer is to add its special tokens: not where the text begins with one already."""
    bos = tokenizer.bos_token
    return not (bos and text.startswith(bos))


def with_stand_ins(chat: RenderedChat, controls: ControlTokens) -> str:
    """Return the text with harmless characters in the place of every control token that a person wrote."""
    text = chat.text
    if not chat.literals:
        return text
    entitled = set(controls.find(text)) - set(chat.literals)
    ranges = list(chat.literals)
    while ranges:
        for start, end in ranges:
            text = text[:start] + _STAND_IN * (end - start) + text[end:]
        ranges = [span for span in controls.find(text) if span not in entitled]  # what the others had hidden
    return text


_STAND_IN = "\N{MIDDLE DOT}"


def rewrite_literals(
    ids: np.ndarray,
    offsets: Offsets,
    expansion: Expansion,
    tokenizer: "PreTrainedTokenizerBase",
    controls: ControlTokens,
) -> tuple[np.ndarray, Offsets, np.ndarray]:
    """Encode again, as plain text, every stretch between control tokens in which a person wrote one.

    Control tokens split the text before it is tokenised, so a stretch encodes alone as it does in its place.

    Returns:
        The new ids, int64; their offsets; and for each of them its old position, -1 where it is new, int64.
    """
    rewritten: list[np.ndarray] = []
    positions: list[np.ndarray] = []
    rewritten_offsets: list[tuple[int, int]] = []
    remaining, is_control_id = set(expansion.literals), controls.is_control(ids).tolist()
    for is_control, group in groupby(range(len(ids)), key=is_control_id.__getitem__):
        first, *_, last = (*(stretch := list(group)), stretch[-1])
        start = offsets[first - 1][1] if first else 0
        end = offsets[last + 1][0] if last + 1 < len(ids) else len(expansion.text)
        touched = {(a, b) for a, b in expansion.literals if a < end and start < b}
        if is_control or not touched:
            rewritten.append(ids[first : last + 1])
            positions.append(np.arange(first, last + 1))
            rewritten_offsets += offsets[first : last + 1]
            continue
        remaining -= touched
        new_ids, new_offsets = encode_as_text(tokenizer, expansion.text[start:end])
        rewritten.append(np.array(new_ids, dtype=np.int64))
        positions.append(np.full(len(new_ids), -1))
        rewritten_offsets += [(start + a, start + b) for a, b in new_offsets]
    if remaining:
        raise MaskingError(
            f"each of the {len(expansion.literals)} control tokens in a person's text must be encoded as plain text, "
            f"and {len(remaining)} cannot be found again in the ids; remove them from the text"
        )
    return np.concatenate(rewritten), rewritten_offsets, np.concatenate(positions)


def _moved(column: "Tensor", kept: np.ndarray) -> "Tensor":
    """Return a column along the token axis with its values at their new positions, 0 for new tokens."""
    moved = column.new_zeros(len(kept))
    moved[kept >= 0] = column[kept[kept >= 0]]
    return moved
