"""What is known of a sample that our own pipeline encoded: the answers, the prompts, the task behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.audit.row.pictures import marks_of
from vtg_core.audit.row.row import Known, Scene
from vtg_core.chat.conversation import Role, TextPart, VideoPart, read_messages
from vtg_core.chat.markup import apply_chat_template
from vtg_core.chat.rendering import render
from vtg_core.data.answer_forms.registry import template_tokens
from vtg_core.data.wording.prompt import Task
from vtg_core.dataset import Sample
from vtg_core.masking.encoding import EncodedSample, encode
from vtg_core.masking.labelled_tokens import LabelledTokens
from vtg_core.masking.processor_call import call_processor
from vtg_core.regions import MaskPolicy
from vtg_core.video.sampling import SampledVideo

if TYPE_CHECKING:
    from transformers import ProcessorMixin


def encode_known(
    messages: Sequence[Mapping[str, Any]],
    processor: "ProcessorMixin",
    videos: Sequence[SampledVideo],
    *,
    scene: Scene | None = None,
    policy: MaskPolicy | None = None,
) -> tuple[EncodedSample, Known]:
    """Encode a conversation through our own pipeline, and say what is known of it.

    Args:
        messages: in chat form.
        processor: it is called once for the sample and once more for each assistant turn; give one of
            :func:`vtg_core.masking.processor_call.process_videos_once`.
        videos: the frames of the conversation's videos, in order.
        scene: the grounding task, if it is one.
        policy: which regions are trained.

    Raises:
        VTGError: the conversation cannot be encoded, or its mask not be proved.
    """
    template = scene.template if scene is not None else None
    words = template_tokens(template.mode if template is not None else None)
    chat = render(messages, processor, template_tokens=words)
    encoded = encode(chat, processor, videos, policy=policy)
    known = known_of(messages, encoded, processor, videos, scene=scene)
    return encoded, replace(known, trained=policy.messages if policy is not None else None)


def known_of(
    messages: Sequence[Mapping[str, Any]],
    encoded: EncodedSample,
    processor: "ProcessorMixin",
    videos: Sequence[SampledVideo],
    *,
    scene: Scene | None = None,
) -> Known:
    """Return what is known of a conversation that our own pipeline encoded; see :func:`encode_known`."""
    conversation = read_messages(messages)
    answers = tuple("".join(p.text for p in m.texts) for m in conversation if m.role is Role.ASSISTANT)
    grid = encoded.media.get("video_grid_thw")
    return Known(
        tokens=encoded.tokens,
        answers=answers,
        prompts=()
        if encoded.chat.literals
        else as_written(generation_prompts(messages, processor, videos), encoded.tokens, processor),
        scene=scene,
        person_texts=person_texts(messages),
        grid=np.asarray(grid) if grid is not None else None,
        marks=marks_of(encoded.media.get("pixel_values_videos")),
    )


def as_written(
    prompts: Sequence[np.ndarray], tokens: LabelledTokens, processor: "ProcessorMixin"
) -> tuple[np.ndarray, ...]:
    """Return the prompts as a row has them where only white space at their ends is otherwise.

    That is the template's doing and no row's: :mod:`vtg_core.audit.checkpoint` tells of it once.

    Args:
        prompts: for each assistant turn the ids of its generation prompt.
        tokens: the row.
        processor: whose ids they are.
    """

    def said(ids: np.ndarray) -> str:
        return str(processor.tokenizer.decode(ids, skip_special_tokens=False)).rstrip()

    ids = tokens.input_ids
    return tuple(
        prompt
        if np.array_equal(ids[: len(prompt)], prompt) or said(ids[:start]) != said(prompt)
        else ids[:start]
        for prompt, start in zip(prompts, tokens.answer_starts, strict=True)
    )


def generation_prompts(
    messages: Sequence[Mapping[str, Any]], processor: "ProcessorMixin", videos: Sequence[SampledVideo]
) -> tuple[np.ndarray, ...]:
    """Return the ids of the official generation prompt of each assistant turn, with the media before it.

    Raises:
        MaskingError: the chat template or the processor refuses.
    """
    conversation = read_messages(messages)
    prompts = []
    for turn, message in enumerate(conversation):
        if message.role is Role.ASSISTANT:
            before = conversation[:turn]
            chat = [m.with_texts([part.text for part in m.texts]) for m in before]
            num_videos = sum(isinstance(part, VideoPart) for m in before for part in m.parts)
            text = apply_chat_template(processor, chat, add_generation_prompt=True)
            outputs = call_processor(processor, text, videos[:num_videos])
            prompts.append(outputs["input_ids"][0].numpy().astype(np.int64))
    return tuple(prompts)


def scene_of(sample: Sample) -> Scene:
    """Return the grounding task of a dataset item."""
    return Scene(
        query=sample.asked,
        windows=() if sample.template.task is Task.CAPTION else sample.windows,
        duration=sample.video.info.duration,
        timestamps=sample.video.timestamps,
        answer_format=sample.answer_format,
        template=None if sample.has_own_words else sample.template,
        fps=sample.video.info.fps,
        rate_error=sample.video.info.rate_error,
        declared_duration=_declared_duration(sample),
        video=str(sample.video.info.path),
        clock_remark=sample.video.info.clock_remark,
    )


def _declared_duration(sample: Sample) -> float | None:
    """Return the length (s) that the row gives its video; None for a clip, of which or of whose video it may be."""
    row = sample.annotation
    return row.duration if row is not None and row.video_start is None else None


def person_texts(messages: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return what persons wrote into the prompt: the query where it is marked, else the whole of a user's text."""
    written = []
    for message in read_messages(messages):
        for part in message.parts:
            if message.role is Role.USER and isinstance(part, TextPart):
                written.append(part.text if part.query is None else part.text[slice(*part.query)])
    return tuple(written)
