"""Samples → labelled tokens without a pixel: what looking at masks needs, for whole data sets.

No frame is decoded and none is processed. Most processors write into a video's place what follows from the shape of
its frames and from their times, so they are given frames that have a shape and no content; one that must see them
is shown them, which :attr:`PixelFreeEncoder.sees_pixels` tells. The tokens of that text
are made once for each video, a run of placeholders as one token that is then repeated; the conversation around it
is rendered, tokenised and proved for each sample, by the very code that :func:`vtg_core.masking.encoding.encode` runs.
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from vtg_core.bounded_cache import BoundedCache
from vtg_core.chat.control_tokens import Vocabulary
from vtg_core.chat.learnt_rendering import ChatRenderer
from vtg_core.chat.rendering import RenderedChat
from vtg_core.data.answer_forms.registry import template_tokens
from vtg_core.dataset import Sample
from vtg_core.errors import ConversationError, MaskingError
from vtg_core.masking.expansion import Expansion, Offsets
from vtg_core.masking.labelled_tokens import CODE_OF, LabelledTokens
from vtg_core.masking.literals import with_stand_ins
from vtg_core.masking.processor_call import adds_special_tokens, call_processor
from vtg_core.masking.token_proof import ProvedText, prove_tokens
from vtg_core.regions import MaskPolicy, RegionKind
from vtg_core.video.plan import FramePlan
from vtg_core.video.sampling import SampledVideo, decode_plan

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin

MAX_KEPT_CHARACTERS = 64_000_000
"""Of the texts that stand for videos, in each encoder."""


@dataclass(frozen=True, eq=False)
class PlaceholderText:
    """What a processor writes in the place of a video.

    Attributes:
        text: it.
        grid: the video's patches along time, height and width; int64, shape (1, 3). Empty, shape (0, 3), where
            the processor does not say.
    """

    text: str
    grid: np.ndarray


def video_expansion(video: FramePlan | SampledVideo, processor: "ProcessorMixin") -> PlaceholderText:
    """Return what ``processor`` writes in the place of a video's placeholder.

    The processor is called as for training, with that placeholder as the whole text; of a plan, with frames that
    have a shape and no content.

    Raises:
        MaskingError: the processor refuses such a video, or needs to see its pixels.
    """
    placeholder = getattr(processor, "video_token", None)
    if not placeholder:
        raise MaskingError(
            f"the processor must name its placeholder for a video, and {type(processor).__name__} has no video_token"
        )
    outputs = call_processor(processor, placeholder, [video])
    records = outputs["text_replacement_offsets"][0]
    if len(records) != 1:
        raise MaskingError(
            f"the processor must expand the placeholder of one video once, got {len(records)} expansions"
        )
    grid = outputs.get("video_grid_thw")
    return PlaceholderText(
        records[0]["replacement"],
        np.zeros((0, 3), np.int64) if grid is None else np.asarray(grid, dtype=np.int64),
    )


class PixelFreeEncoder:
    """Encode and label whole data sets without a pixel; what :meth:`vtg_core.collator.SFTCollator.encode` gives.

    Each video is measured once. The processor must not be changed while an encoder uses it.

    Args:
        processor: the checkpoint's own.
        policy: which regions are going to be trained; it decides which borders a token may not straddle.
        sees_pixels: decode every video and show it to the processor, as training does.

    Attributes:
        sees_pixels: whether videos are decoded: asked for, or found to be needed with the first of them.
    """

    def __init__(
        self, processor: "ProcessorMixin", *, policy: MaskPolicy | None = None, sees_pixels: bool = False
    ) -> None:
        self.processor = processor
        self.policy = policy or MaskPolicy()
        self.sees_pixels = sees_pixels
        self._renderer = ChatRenderer(processor)
        self._vocabulary = Vocabulary(processor.tokenizer, self._renderer.controls)
        self._frames: WeakKeyDictionary[FramePlan, tuple[Any, ...]] = WeakKeyDictionary()
        self._expansions: BoundedCache[PlaceholderText] = BoundedCache(
            MAX_KEPT_CHARACTERS, weigh=lambda expansion: len(expansion.text)
        )

    def encode(
        self,
        sample: Sample | Sequence[Mapping[str, Any]],
        plans: Sequence[FramePlan | SampledVideo] | None = None,
    ) -> LabelledTokens:
        """Encode one sample, or messages in chat form with the plan of each of their videos.

        Raises:
            ConversationError: messages came without a plan for each of their videos, or are not in chat form.
            MaskingError: the mask cannot be proved.
            VideoError: the processor must see the frames, and they cannot be decoded.
        """
        mode = None
        if isinstance(sample, Sample):
            plans, mode = [sample.video], sample.template.mode
            sample = sample.messages
        chat = self._renderer.render(sample, template_tokens=template_tokens(mode))
        if len(chat.video_sources) != len(plans or ()):
            raise ConversationError(
                f"each of the {len(chat.video_sources)} videos must have its plan, got {len(plans or ())}"
            )
        texts = [self.expansion(plan).text for plan in plans or ()]
        return encode_text(chat, self.processor, texts, policy=self.policy, vocabulary=self._vocabulary)

    def expansion(self, video: FramePlan | SampledVideo) -> PlaceholderText:
        """Return :func:`video_expansion`, computed once for frames of the same shape and times.

        Raises:
            MaskingError: the processor refuses this video.
            VideoError: the processor must see the frames, and they cannot be decoded.
        """
        plan = video.plan if isinstance(video, SampledVideo) else video
        if self.sees_pixels:
            return self._seen(video)
        try:
            return self._expansions.get(self._measures(plan), lambda: video_expansion(plan, self.processor))
        except MaskingError:
            seen = self._seen(video)  # where the processor refuses these, too, its reason is the true one
            self.sees_pixels = True
            return seen

    def _measures(self, plan: FramePlan) -> tuple[Any, ...]:
        measures = self._frames.get(plan)
        if measures is None:
            metadata = plan.metadata
            measures = (plan.shape, *(repr(metadata[name]) for name in sorted(metadata)))
            self._frames[plan] = measures
        return measures

    def _seen(self, video: FramePlan | SampledVideo) -> PlaceholderText:
        if isinstance(video, SampledVideo):
            return video_expansion(video, self.processor)
        key = (str(video.info.path), repr(video.clip), video.frame_indices, *self._measures(video))
        return self._expansions.get(key, lambda: video_expansion(decode_plan(video), self.processor))


def encode_text(
    chat: RenderedChat,
    processor: "ProcessorMixin",
    expansions: Sequence[str],
    *,
    policy: MaskPolicy | None = None,
    vocabulary: Vocabulary | None = None,
) -> LabelledTokens:
    """Encode a rendered chat whose videos become ``expansions``, and say what each token is.

    Arrays and proofs are those of :func:`vtg_core.masking.encoding.encode`; but a conversation that trains nothing is no
    error here.

    Args:
        chat: what :func:`vtg_core.chat.rendering.render` gave.
        processor: the processor it was rendered for; it is not called.
        expansions: what stands in the place of each video's placeholder, in order.
        policy: as for ``encode``.
        vocabulary: the processor's, where it is known already.

    Raises:
        MaskingError: the mask cannot be proved, or the placeholders are not as many as the expansions.
    """
    vocabulary, policy = vocabulary or Vocabulary.of(processor.tokenizer), policy or MaskPolicy()
    given = with_stand_ins(chat, vocabulary.controls)
    places = _places(
        chat, given, placeholder=getattr(processor, "video_token", None), num_videos=len(expansions)
    )
    expansion = Expansion.unexpanded(chat, places)
    around = _encode(given, expansion, text=given, vocabulary=vocabulary, policy=policy)
    blocks = [
        _block(around, place, given=given, written=written, vocabulary=vocabulary)
        for place, written in zip(places, expansions, strict=True)
    ]
    if None in blocks:  # what stands beside a video may join with it, so all is tokenised together
        expansion, text = _expanded(chat, given, places=places, expansions=expansions)
        return _encode(given, expansion, text=text, vocabulary=vocabulary, policy=policy).tokens
    return _filled(around, [block for block in blocks if block is not None], places=places)


def _places(
    chat: RenderedChat, given: str, *, placeholder: str | None, num_videos: int
) -> list[tuple[int, int]]:
    """Return where the videos' placeholders stand in ``given``."""
    places = [match.span() for match in re.finditer(re.escape(placeholder), given)] if placeholder else []
    if len(places) != num_videos:
        raise MaskingError(
            f"the prompt must hold a placeholder for each of its {num_videos} videos, got {len(places)}"
        )
    in_video = [region for region in chat.regions if region.kind is RegionKind.VIDEO]
    for start, end in places:
        if not any(region.start <= start < end <= region.end for region in in_video):
            raise MaskingError(
                f"a placeholder must stand where the chat template writes a video, and one stands at character {start}"
            )
    return places


def _encode(
    given: str, expansion: Expansion, *, text: str, vocabulary: Vocabulary, policy: MaskPolicy
) -> ProvedText:
    """Encode ``text``, which is that of ``expansion`` with harmless characters for what persons wrote, and prove it."""
    tokenizer = vocabulary.tokenizer
    ids, offsets = _tokenize(text, tokenizer, adds_special=adds_special_tokens(tokenizer, given))
    return prove_tokens(
        ids,
        offsets,
        expansion=expansion,
        given=given,
        vocabulary=vocabulary,
        policy=policy,
    )


def _expanded(
    chat: RenderedChat, given: str, *, places: Sequence[tuple[int, int]], expansions: Sequence[str]
) -> tuple[Expansion, str]:
    """Return the expanded chat, and the same with the harmless characters of ``given``."""
    records, text, last = [], "", 0
    for (start, end), replacement in zip(places, expansions, strict=True):
        text += given[last:start]
        new_span = (len(text), len(text) + len(replacement))
        records.append(
            {"span": (start, end), "new_span": new_span, "text": given[start:end], "replacement": replacement}
        )
        text, last = text + replacement, end
    return Expansion.of(chat, records), text + given[last:]


def _tokenize(
    text: str, tokenizer: "PreTrainedTokenizerBase", *, adds_special: bool
) -> tuple[np.ndarray, Offsets]:
    """Tokenise as the tokenizer's own call does, without what that call costs beside."""
    backend = tokenizer.backend_tokenizer
    is_plain = backend.truncation is None and backend.padding is None
    if is_plain and backend.encode_special_tokens == tokenizer.split_special_tokens:
        encoding = backend.encode(text, add_special_tokens=adds_special)
        return np.array(encoding.ids, dtype=np.int64), encoding.offsets
    outputs = tokenizer(text, return_offsets_mapping=True, add_special_tokens=adds_special)
    return np.array(outputs["input_ids"], dtype=np.int64), outputs["offset_mapping"]


@dataclass(frozen=True, eq=False)
class _Block:
    """The tokens in a video's place; ``kinds`` as in :class:`LabelledTokens`."""

    ids: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def _block(
    around: ProvedText, place: tuple[int, int], *, given: str, written: str, vocabulary: Vocabulary
) -> _Block | None:
    """Return a video's tokens; None unless control tokens on both sides keep them apart from the rest."""
    at = _token_at(place, around)
    if not 0 < at < len(around.tokens) - 1 or around.offsets[at] != place:
        return None
    (start, left_end), (right_start, end) = around.offsets[at - 1], around.offsets[at + 1]
    left, right = given[start:left_end], given[right_start:end]
    is_apart = (left_end, right_start) == place and {left, right} <= vocabulary.controls.apart
    if not is_apart:
        return None
    placeholder = given[slice(*place)]
    made = vocabulary.controls.remember(
        ("block", left, placeholder, right, written),
        lambda: _make_block(placeholder, written, left=left, right=right, vocabulary=vocabulary),
    )
    return made if len(made) else None


def _make_block(placeholder: str, written: str, *, left: str, right: str, vocabulary: Vocabulary) -> _Block:
    """Tokenise a video between its neighbours, every run of placeholders as one; empty where that proves nothing."""
    runs: dict[int, int] = {}
    text, last = left, 0
    if _repeats(placeholder, vocabulary):
        for run in re.finditer(f"(?:{re.escape(placeholder)}){{2,}}", written):
            text += written[last : run.start()]
            runs[len(text)] = len(run[0]) // len(placeholder)
            text, last = text + placeholder, run.end()
    text += written[last:] + right
    ids, offsets = _tokenize(text, vocabulary.tokenizer, adds_special=False)
    ends = [(0, len(left)), (len(text) - len(right), len(text))]
    counts = np.ones(len(ids), dtype=np.int64)
    for start, length in runs.items():
        at = bisect_left(offsets, (start, start + len(placeholder)))
        if at == len(offsets) or offsets[at] != (start, start + len(placeholder)):
            return _NO_BLOCK
        counts[at] = length
    if [offsets[0], offsets[-1]] != ends or any(start == end for start, end in offsets):
        return _NO_BLOCK
    is_control = vocabulary.controls.is_control(ids)
    kinds = np.where(is_control, CODE_OF[RegionKind.VIDEO], CODE_OF[RegionKind.TIMESTAMP])
    counts = counts[1:-1]
    return _Block(np.repeat(ids[1:-1], counts), np.repeat(kinds[1:-1].astype(np.int8), counts))


_NO_BLOCK = _Block(np.zeros(0, np.int64), np.zeros(0, np.int8))


def _repeats(token: str, vocabulary: Vocabulary) -> bool:
    """Say whether a run of ``token`` is always a run of its id."""
    if token not in vocabulary.controls.apart:
        return False
    ids, _ = _tokenize(token * 3, vocabulary.tokenizer, adds_special=False)
    return bool(ids.tolist() == [vocabulary.controls.ids[token]] * 3)


def _token_at(place: tuple[int, int], around: ProvedText) -> int:
    """Return the position of the token that stands for the characters of ``place``, if there is one."""
    return bisect_left(around.offsets, place)


def _filled(
    around: ProvedText, blocks: Sequence[_Block], *, places: Sequence[tuple[int, int]]
) -> LabelledTokens:
    """Put the videos' tokens into the places of their placeholders, which are a token each."""
    if not blocks:
        return around.tokens
    old, counts = around.tokens, np.ones(len(around.tokens), dtype=np.int64)
    ids, kinds, last = [], [], 0
    for place, block in zip(places, blocks, strict=True):
        at = _token_at(place, around)
        ids += [old.input_ids[last:at], block.ids]
        kinds += [old.kinds[last:at], block.kinds]
        counts[at], last = len(block), at + 1
    return LabelledTokens(
        input_ids=np.concatenate([*ids, old.input_ids[last:]]),
        kinds=np.concatenate([*kinds, old.kinds[last:]]),
        turns=np.repeat(old.turns, counts),
        answer_starts=tuple(int(counts[:start].sum()) for start in old.answer_starts),
        num_inserted=sum(map(len, blocks)) - len(blocks),
    )
