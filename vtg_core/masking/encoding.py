"""Rendered chat → token ids, and which tokens are what.

The processor is called once, on the full text with its media. Its character offsets, and its record of what it
replaced where, carry the regions from characters to tokens. Nothing is measured on the unexpanded text, and no
id is a literal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from vtg_core.chat.control_tokens import Vocabulary
from vtg_core.chat.rendering import RenderedChat
from vtg_core.errors import MaskingError
from vtg_core.masking.expansion import Expansion, Offsets
from vtg_core.masking.labelled_tokens import LabelledTokens
from vtg_core.masking.literals import moved, with_stand_ins
from vtg_core.masking.processor_call import call_processor
from vtg_core.masking.token_proof import prove_tokens
from vtg_core.regions import MaskPolicy, Region, labels_from_regions
from vtg_core.video.sampling import SampledVideo

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import ProcessorMixin


@dataclass(frozen=True, eq=False)
class EncodedSample:
    """One training sample, ready to be padded into a batch.

    Attributes:
        chat: what was encoded.
        tokens: its L tokens, and what each of them is.
        labels: int64, shape (L,), aligned with ``input_ids``; ``IGNORE_INDEX`` where nothing is trained.
        text: the text that was tokenised, every video expanded.
        text_regions: a partition of the characters of ``text``; a token belongs to the region of its first one.
        offsets: for each token the half-open range of characters of ``text`` it stands for, (0, 0) for a token
            that the tokenizer put there by itself.
        token_features: further tensors along the token axis, each of shape (L,), by the processor's name;
            ``mm_token_type_ids`` among them where the model needs it.
        media: the processor's tensors for the videos, by its names (``pixel_values_videos``, ...).
        loss_weights: float32, shape (L,), aligned with ``labels`` and 0 where they are masked; None where every
            trained token counts alike.
    """

    chat: RenderedChat
    tokens: LabelledTokens
    labels: "Tensor"
    text: str
    text_regions: tuple[Region, ...]
    offsets: tuple[tuple[int, int], ...]
    token_features: Mapping[str, "Tensor"]
    media: Mapping[str, "Tensor"]
    loss_weights: "Tensor | None" = None

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def input_ids(self) -> "Tensor":
        """The ids of ``tokens``, video placeholders expanded; int64, shape (L,)."""
        import torch

        return torch.from_numpy(self.tokens.input_ids)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The partition of [0, L) into what the tokens are."""
        return self.tokens.regions

    @property
    def answer_starts(self) -> tuple[int, ...]:
        """For each assistant turn the position at which the model begins to write; see :class:`LabelledTokens`."""
        return self.tokens.answer_starts

    @property
    def num_video(self) -> int:
        """How many tokens are video or its time stamps."""
        return self.tokens.num_video

    @property
    def num_inserted(self) -> int:
        """How many tokens the processor's expansion of the videos added to the rendered text."""
        return self.tokens.num_inserted


def encode(
    chat: RenderedChat,
    processor: "ProcessorMixin",
    videos: Sequence[SampledVideo] = (),
    *,
    policy: MaskPolicy | None = None,
) -> EncodedSample:
    """Encode a rendered chat with its videos, and label it.

    Args:
        chat: what :func:`vtg_core.chat.rendering.render` gave.
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
    vocabulary = Vocabulary.of(processor.tokenizer)
    given = with_stand_ins(chat, vocabulary.controls)
    outputs = call_processor(processor, given, videos)
    expansion = Expansion.of(chat, outputs.pop("text_replacement_offsets")[0])
    offsets: Offsets = outputs.pop("offset_mapping")[0]
    columns = _take_columns(outputs, len(offsets))
    ids = columns.pop("input_ids").to(torch.int64).numpy()
    proved = prove_tokens(
        ids,
        offsets,
        expansion=expansion,
        given=given,
        vocabulary=vocabulary,
        policy=policy,
    )
    tokens = proved.tokens
    if chat.literals:
        columns = {name: moved(column, proved.kept) for name, column in columns.items()}
    return EncodedSample(
        chat=chat,
        tokens=tokens,
        labels=labels_from_regions(torch.from_numpy(tokens.input_ids), tokens.regions, policy),
        text=expansion.text,
        text_regions=expansion.regions,
        offsets=tuple(proved.offsets),
        token_features=columns,
        media=dict(outputs),
    )


def _take_columns(outputs: dict[str, Any], num_tokens: int) -> dict[str, "Tensor"]:
    """Take the tensors along the token axis out of a processor's outputs, each of shape (L,)."""
    outputs.pop("attention_mask", None)
    names = [name for name, value in outputs.items() if getattr(value, "shape", None) == (1, num_tokens)]
    return {name: outputs.pop(name)[0] for name in names}
