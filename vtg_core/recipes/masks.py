"""Other people's ways to mask, applied to the same tokens as ours, so that they can be compared.

Each is a few lines over one :class:`vtg_core.masking.encoding.EncodedSample`. Some are right, some imitate a bug of public
code on purpose; the functions name where each is found.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.chat.rendering import render
from vtg_core.collator import SFTCollator, pad
from vtg_core.data.answer_forms.registry import template_tokens
from vtg_core.errors import MaskingError, VTGError
from vtg_core.masking.encoding import EncodedSample, encode
from vtg_core.masking.labelled_tokens import KINDS, LabelledTokens
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.recipes.rules import RULES, Given, Recipe
from vtg_core.regions import IGNORE_INDEX, RegionKind
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import SampledVideo

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import ProcessorMixin

Collator = Callable[[Sequence[Mapping[str, Any]]], dict[str, "Tensor"]]


class Agreement(StrEnum):
    """What two masks say of one token; the order is that of ``RecipeComparison.codes``."""

    MASKED = "masked"
    AGREE = "agree"
    LEAK = "leak"
    HOLE = "hole"


@dataclass(frozen=True, eq=False)
class RecipeMask:
    """What a recipe trains of one sample.

    Attributes:
        recipe: whose mask it is; any other name for a mask that is no recipe's, such as our own.
        supervised: bool, shape (L,); None where the recipe cannot be applied.
        reason: why it cannot; empty where it can.
    """

    recipe: Recipe | str
    supervised: np.ndarray | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class RecipeComparison:
    """A recipe's mask beside ours.

    Attributes:
        recipe: whose mask it is.
        num_supervised: how many tokens it trains.
        leaks: how many tokens of each region it trains and we do not, most first.
        holes: how many tokens of each region we train and it does not, most first.
        codes: int8, shape (L,): what both say of each token, as an index into ``tuple(Agreement)``.
    """

    recipe: Recipe | str
    num_supervised: int
    leaks: Mapping[RegionKind, int]
    holes: Mapping[RegionKind, int]
    codes: np.ndarray


def apply_recipe(
    recipe: Recipe | str,
    encoded: EncodedSample,
    processor: "ProcessorMixin",
    *,
    messages: Sequence[Mapping[str, Any]] = (),
    videos: Sequence[SampledVideo] = (),
) -> RecipeMask:
    """Return what a recipe trains of a sample.

    Args:
        recipe: which one.
        encoded: the sample as our own pipeline encodes it.
        processor: it was encoded with; with one of :func:`vtg_core.masking.processor_call.process_videos_once` that has seen the
            same frames, no pixel is processed again.
        messages: the conversation; only ``generation-tags`` asks for it.
        videos: its frames; only ``processor-prefix`` and ``generation-tags`` ask for them.
    """
    recipe = Recipe(recipe)
    try:
        given = Given(encoded, processor, tuple(messages), tuple(videos))
        supervised = RULES[recipe](given)
    except VTGError as error:  # the chat template or the processor refuses what this recipe asks of it
        supervised = str(error)
    if isinstance(supervised, str):
        return RecipeMask(recipe, None, supervised)
    return RecipeMask(recipe, supervised)


def compare(mask: RecipeMask, tokens: LabelledTokens, ours: np.ndarray) -> RecipeComparison:
    """Compare a recipe's mask with ours.

    Args:
        mask: of a recipe that can be applied.
        tokens: what each token of the sample is.
        ours: what we train; bool, shape (L,).

    Raises:
        MaskingError: the recipe cannot be applied to this sample.
    """
    if mask.supervised is None:
        raise MaskingError(f"recipe {mask.recipe} must have a mask to compare, and has none: {mask.reason}")
    theirs = mask.supervised
    codes = np.select([theirs & ours, theirs & ~ours, ours & ~theirs], [1, 2, 3], 0).astype(np.int8)
    return RecipeComparison(
        recipe=mask.recipe,
        num_supervised=int(theirs.sum()),
        leaks=_count_by_kind(tokens.kinds[codes == 2]),
        holes=_count_by_kind(tokens.kinds[codes == 3]),
        codes=codes,
    )


def recipe_collator(
    recipe: Recipe | str, processor: "ProcessorMixin", *, frames: FramePolicy | None = None
) -> Collator:
    """Return a collator that masks by a recipe, as somebody would train with it.

    Args:
        recipe: which one.
        processor: the checkpoint's own.
        frames: which frames are taken from a video that a sample names without bringing its frames.

    Returns:
        Takes sample mappings (:mod:`vtg_core.audit.foreign.collators` lists their fields), and raises ``MaskingError``
        where the recipe cannot be applied to one.
    """
    return _RecipeCollator(Recipe(recipe), process_videos_once(processor), frames)


def text_prefix(processor: "ProcessorMixin") -> Collator:
    """Mask as many tokens as the prompt has before its video is expanded.

    Source: preprocess_chatml in yeliudev/VideoMind, videomind/dataset/utils.py, since transformers no longer writes
    the expansion into the text it is given (huggingface/transformers#36865, #37342).
    """
    return recipe_collator(Recipe.TEXT_PREFIX, processor)


def processor_prefix(processor: "ProcessorMixin") -> Collator:
    """Mask as many tokens as the processor makes of the prompt with its media.

    Source: _render_messages in hiyouga/LLaMA-Factory, src/llamafactory/v1/core/rendering/rendering.py.
    """
    return recipe_collator(Recipe.PROCESSOR_PREFIX, processor)


def role_markers(processor: "ProcessorMixin") -> Collator:
    """Train from each assistant's header to the token that closes the turn.

    Source: build_labels_from_template in NVIDIA-NeMo/Automodel, nemo_automodel/components/datasets/vlm/collate_fns.py.
    """
    return recipe_collator(Recipe.ROLE_MARKERS, processor)


def bare_assistant(processor: "ProcessorMixin") -> Collator:
    """Train what follows any token that reads ``assistant``, a query's own among them.

    Source: preprocess_qwen_visual in QwenLM/Qwen3-VL, qwen-vl-finetune/qwenvl/data/data_processor.py
    (QwenLM/Qwen3-VL#2010).
    """
    return recipe_collator(Recipe.BARE_ASSISTANT, processor)


def generation_tags(processor: "ProcessorMixin") -> Collator:
    """Train what the chat template puts between ``{% generation %}`` tags.

    Source: ``assistant_only_loss`` in huggingface/trl, trl/trainer/sft_trainer.py.
    """
    return recipe_collator(Recipe.GENERATION_TAGS, processor)


def pad_only(processor: "ProcessorMixin") -> Collator:
    """Mask padding and the videos' placeholders, and nothing else.

    Source: collate_fn in www-Ye/Time-R1, src/open_r1/sft.py.
    """
    return recipe_collator(Recipe.PAD_ONLY, processor)


def all_tokens(processor: "ProcessorMixin") -> Collator:
    """Train every token but padding.

    Source: DataCollatorForVisionLanguageModeling in huggingface/trl, trl/trainer/sft_trainer.py, for ``messages``.
    """
    return recipe_collator(Recipe.ALL_TOKENS, processor)


class _RecipeCollator:
    def __init__(self, recipe: Recipe, processor: "ProcessorMixin", frames: FramePolicy | None) -> None:
        self._recipe, self._processor = recipe, processor
        self._own = SFTCollator(processor, frames=frames)

    def __call__(self, samples: Sequence[Mapping[str, Any]]) -> dict[str, "Tensor"]:
        return pad([self._encode(sample) for sample in samples], self._processor)

    def _encode(self, sample: Mapping[str, Any]) -> EncodedSample:
        messages = sample["messages"]
        chat = render(messages, self._processor, template_tokens=template_tokens(sample.get("mode")))
        videos = self._own.videos_of(sample, chat.video_sources)
        encoded = encode(chat, self._processor, videos)
        mask = apply_recipe(self._recipe, encoded, self._processor, messages=messages, videos=videos)
        if mask.supervised is None:
            raise MaskingError(
                f"recipe {self._recipe} must be applicable to each sample, and is not: {mask.reason}"
            )
        labels = np.where(mask.supervised, encoded.input_ids.numpy(), IGNORE_INDEX)
        return replace(encoded, labels=encoded.input_ids.new_tensor(labels))


def _count_by_kind(kinds: np.ndarray) -> dict[RegionKind, int]:
    counts = np.bincount(kinds, minlength=len(KINDS))
    return {KINDS[i]: int(counts[i]) for i in np.argsort(-counts, kind="stable") if counts[i]}
