"""Samples → a training batch whose loss is the response's alone."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.chat.rendering import render
from vtg_core.data.answer_forms.registry import format_named, template_tokens
from vtg_core.data.answers import STANDARD_ANSWER, AnswerFormat
from vtg_core.dataset import Sample
from vtg_core.errors import AnswerError, ConversationError, LengthError, VideoError, first_line
from vtg_core.masking.encoding import EncodedSample, encode
from vtg_core.masking.weights import token_weights
from vtg_core.regions import IGNORE_INDEX, MaskPolicy
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import SampledVideo, sample_frames
from vtg_core.video.timeline import VideoInfo

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import ProcessorMixin

logger = logging.getLogger(__name__)


class OverLength(StrEnum):
    """What to do with a sample that is longer than ``max_length``."""

    RAISE = "raise"
    DROP = "drop"


class SFTCollator:
    """Turn samples into a batch for ``transformers.Trainer(data_collator=...)``.

    A sample is an item of :class:`vtg_core.dataset.VideoTemporalSFTDataset`, or a mapping with ``"messages"`` in
    Hugging Face's chat form, whose video parts name local files. With mappings, set ``remove_unused_columns=False``
    in the trainer's arguments: it would take ``"messages"`` away. In a user's text of a mapping, control tokens reach
    the model as plain text, unless the part says which characters a person typed (``"query": [start, end]``): the
    rest is then a template's own words, and may hold the tokens of the answer form that ``"mode"`` names, or of both
    built-in ones where the mapping has no ``"mode"``.
    A mapping that brings ``"videos"`` and ``"video_metadata"`` (:mod:`vtg_core.audit.foreign.collators`) is not decoded again.

    Args:
        processor: its tokenizer's ``padding_side`` says where padding goes.
        policy: which regions are trained, and how much each token counts; every answer and its end of turn, all
            alike, unless given.
        max_length: the most tokens a sample may have, video included; no bound unless given. Nothing is ever cut.
        over_length: raise at a longer sample, or drop it, log why, and list it in ``dropped``.
        frames: which frames are taken from a video that a mapping names.
        earlier: for weights by difficulty, from a row's position in its file (``Annotation.row``) to the NLL of its
            trained tokens in an earlier pass, in nats and in order.

    Attributes:
        dropped: one sentence for each sample that was dropped by this collator, in this process.
    """

    def __init__(
        self,
        processor: "ProcessorMixin",
        *,
        policy: MaskPolicy | None = None,
        max_length: int | None = None,
        over_length: OverLength | str = OverLength.RAISE,
        frames: FramePolicy | None = None,
        earlier: Mapping[int, Sequence[float]] | None = None,
    ) -> None:
        if max_length is not None and max_length < 1:
            raise LengthError(f"max_length must be at least 1 token, got {max_length}")
        self.processor = processor
        self.policy = policy or MaskPolicy()
        self.max_length = max_length
        self.over_length = OverLength(over_length)
        self.frames = frames or FramePolicy()
        self.earlier = dict(earlier or {})
        self.dropped: list[str] = []

    def __call__(self, samples: Sequence[Sample | Mapping[str, Any]]) -> dict[str, "Tensor"]:
        """Return ``input_ids``, ``labels`` and ``attention_mask``, int64, shape (B, L), and the media's tensors.

        Labels are aligned with ``input_ids``; padding is masked by position, never by its id. Where the policy has
        weights, ``loss_weights``, float32, shape (B, L), stands beside them: aligned with the labels, and 0 where they
        are masked. :func:`vtg_core.loss.weighted.training.use_loss_weights` makes a trainer count them.

        Raises:
            MaskingError: the mask of a sample cannot be proved.
            LengthError: a sample is too long, or all were dropped.
        """
        if not samples:
            raise ConversationError("a batch must have at least one sample, got none")
        encoded = [sample for sample in map(self.encode, samples) if self._fits(sample)]
        if not encoded:
            raise LengthError(
                f"a batch must keep at least one sample, and all {len(samples)} are longer than "
                f"max_length={self.max_length:,}; raise it or take fewer frames"
            )
        return pad(encoded, self.processor)

    def encode(self, sample: Sample | Mapping[str, Any]) -> EncodedSample:
        """Encode and label one sample, without padding and without a bound on its length.

        Raises:
            ConversationError: the sample is neither a dataset item nor a mapping with messages in chat form.
            MaskingError: its mask cannot be proved.
            VideoError: a video that it names cannot be sampled.
        """
        if isinstance(sample, Sample):
            if not isinstance(sample.video, SampledVideo):
                raise ConversationError(
                    "a sample must have its frames, got the plan of them; take dataset[index], not dataset.plan(index)"
                )
            chat = render(
                sample.messages, self.processor, template_tokens=template_tokens(sample.template.mode)
            )
            encoded = encode(chat, self.processor, [sample.video], policy=sample.trained_by(self.policy))
            row = sample.annotation.row if sample.annotation is not None else None
            return self._weighed(encoded, sample.answer_format, sample.message_weights, row)
        if not isinstance(sample, Mapping) or "messages" not in sample:
            raise ConversationError(
                "a sample must be a dataset item or a mapping with 'messages', "
                f"got {sorted(sample) if isinstance(sample, Mapping) else type(sample).__name__}; "
                "set remove_unused_columns=False in the trainer's arguments if it took them away"
            )
        words = template_tokens(sample.get("mode"))
        chat = render(sample["messages"], self.processor, template_tokens=words)
        videos = self.videos_of(sample, chat.video_sources)
        encoded = encode(chat, self.processor, videos, policy=self.policy)
        own = [message.get("loss_scale", 1.0) for message in sample["messages"]]
        return self._weighed(encoded, _answer_format_of(sample), own)

    def _weighed(
        self,
        encoded: EncodedSample,
        answer_format: AnswerFormat,
        message_weights: Sequence[float],
        row: int | None = None,
    ) -> EncodedSample:
        weights = self.policy.weights
        if weights is None:
            return encoded
        earlier = self.earlier.get(row) if row is not None else None
        own = token_weights(encoded, weights, answer_format, message_weights=message_weights, earlier=earlier)
        return replace(encoded, loss_weights=own)

    def videos_of(self, sample: Mapping[str, Any], sources: Sequence[Any]) -> list[SampledVideo]:
        """Return the frames of a mapping's videos: those it brings with it, or else decoded from ``sources``.

        Raises:
            ConversationError: a source is no path, or the frames that the mapping brings do not fit its messages.
            VideoError: a video cannot be sampled.
        """
        if "videos" not in sample or "video_metadata" not in sample:
            return [self._frames_of(source) for source in sources]
        frames, metadata = sample["videos"], sample["video_metadata"]
        times = sample.get("timestamps") or [None] * len(frames)
        if not len(frames) == len(metadata) == len(times) == len(sources):
            raise ConversationError(
                f"'videos' and 'video_metadata' must have an entry for each of the {len(sources)} videos in "
                f"'messages', got {len(frames)} and {len(metadata)}"
            )
        return [
            _video_given(source, own, metadata=described, times=shown)
            for source, own, described, shown in zip(sources, frames, metadata, times, strict=True)
        ]

    def _frames_of(self, source: Any) -> SampledVideo:
        if isinstance(source, SampledVideo):
            return source
        if not isinstance(source, str | PathLike):
            raise ConversationError(f"a video must be the path of a local file, got {type(source).__name__}")
        return sample_frames(source, self.frames)

    def _fits(self, sample: EncodedSample) -> bool:
        if self.max_length is None or len(sample) <= self.max_length:
            return True
        reason = (
            f"a sample must have at most max_length={self.max_length:,} tokens, got {len(sample):,}, "
            f"{sample.num_video:,} of them video; raise max_length or take fewer or smaller frames"
        )
        if self.over_length is OverLength.RAISE:
            raise LengthError(reason)
        logger.warning("dropped: %s", reason)
        self.dropped.append(reason)
        return False


def _video_given(
    source: Any, frames: Any, *, metadata: Mapping[str, Any], times: Sequence[float] | None
) -> SampledVideo:
    """Return frames that came with their ``video_metadata``; without ``times`` (s), those that the metadata tells."""
    try:
        fps = float(metadata["fps"])
        timestamps = tuple(float(t) for t in times or [i / fps for i in metadata["frames_indices"]])
        info = VideoInfo(
            path=Path(str(source)),
            duration=float(metadata["duration"]),
            fps=fps,
            num_frames=int(metadata["total_num_frames"]),
            width=int(metadata["width"]),
            height=int(metadata["height"]),
            codec="",
        )
        return SampledVideo(info, frames, timestamps, tuple(range(len(timestamps))))
    except VideoError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise ConversationError(
            "'videos' must hold uint8 arrays of shape (T, H, W, 3) and 'video_metadata' what transformers' "
            f"VideoMetadata holds, got {type(error).__name__}: {first_line(error)}"
        ) from error


def pad(samples: Sequence[EncodedSample], processor: "ProcessorMixin") -> dict[str, "Tensor"]:
    """Pad samples to one length, on the tokenizer's side, and join their media.

    Returns:
        ``input_ids``, ``labels`` and ``attention_mask``, int64, and the processor's token features in their own
        dtype, all of shape (B, L), and ``loss_weights``, float32, where a sample has them; the media's tensors, joined
        along their first axis.

    Raises:
        ConversationError: the media's tensors have not one shape: the family needs as many frames of each video.
    """
    import torch

    tokenizer = processor.tokenizer
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    length = max(len(sample) for sample in samples)
    is_left = tokenizer.padding_side == "left"

    def padded(values: Sequence["Tensor"], fill: int) -> "Tensor":
        batch = values[0].new_full((len(values), length), fill)
        for row, value in zip(batch, values, strict=True):
            start = length - len(value) if is_left else 0
            row[start : start + len(value)] = value
        return batch

    batch = {
        "input_ids": padded([sample.input_ids for sample in samples], pad_id),
        "attention_mask": padded([torch.ones_like(sample.input_ids) for sample in samples], 0),
        "labels": padded([sample.labels for sample in samples], IGNORE_INDEX),
    }
    if any(sample.loss_weights is not None for sample in samples):
        batch["loss_weights"] = padded([_weights_of(sample) for sample in samples], 0)
    for name in samples[0].token_features:
        batch[name] = padded([sample.token_features[name] for sample in samples], 0)
    for name in sorted({name for sample in samples for name in sample.media}):
        parts = [torch.as_tensor(sample.media[name]) for sample in samples if name in sample.media]
        _check_one_shape(name, parts)
        if name in _INDICES:
            pixels = [sample.media[_INDICES[name]] for sample in samples if name in sample.media]
            parts = list(_behind_each_other(parts, pixels))
        batch[name] = torch.cat(parts)
    return batch


_INDICES = {"video_token_pooling": "pixel_values_videos", "image_token_pooling": "pixel_values"}
"""Molmo's indices into all patches of a batch, by the tensor that holds the patches, shape (frames, patches, numbers)."""


def _behind_each_other(parts: Sequence["Tensor"], pixels: Sequence["Tensor"]) -> "Iterator[Tensor]":
    """Yield indices into each sample's patches as those into the patches of all samples; -1 stands for none."""
    before = 0
    for part, patches in zip(parts, pixels, strict=True):
        yield part + before * (part >= 0)
        before += patches.shape[0] * patches.shape[1]


def _weights_of(sample: EncodedSample) -> "Tensor":
    """Return the weights of a sample's tokens; 1 on each trained one where it has none."""
    return sample.loss_weights if sample.loss_weights is not None else (sample.labels != IGNORE_INDEX).float()


def _answer_format_of(sample: Mapping[str, Any]) -> AnswerFormat:
    """Return how a mapping's answers are written, by its ``mode``; the standard form where that names none."""
    try:
        return format_named(str(sample.get("mode")))
    except AnswerError:
        return STANDARD_ANSWER


def _check_one_shape(name: str, parts: Sequence["Tensor"]) -> None:
    """Check that a medium's tensors can be joined along their first axis."""
    shapes = sorted({tuple(part.shape[1:]) for part in parts})
    if len(shapes) > 1:
        raise ConversationError(
            f"this checkpoint's {name} must have one shape in all samples of a batch, got {' and '.join(map(str, shapes))}; "
            "take as many frames of each video (num_frames), or batches of one"
        )
