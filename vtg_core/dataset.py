"""Annotations and frames → samples: what a collator is given."""

import operator
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vtg_core.chat.conversation import Role
from vtg_core.data.annotations import Annotation, OnError, Roots, load_annotations
from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.data.answer_forms.registry import format_named
from vtg_core.data.answer_forms.times import TimeUnit
from vtg_core.data.answers import AnswerFormat, AnswerMode
from vtg_core.data.formats.registry import AUTO
from vtg_core.data.own_words import own_answer, text_of, trained_answer
from vtg_core.data.wording.prompt import Task
from vtg_core.data.wording.selection import Languages
from vtg_core.data.wording.tasks import AUTO as AUTO_TASK
from vtg_core.data.wording.tasks import TASKS, asked_windows
from vtg_core.errors import AnnotationError, TemplateError, VideoError, VTGError
from vtg_core.regions import MaskPolicy
from vtg_core.templates import Prompt, PromptTemplate, TemplateSelector
from vtg_core.video.plan import FramePlan, FramePolicy, plan_frames
from vtg_core.video.sampling import SampledVideo, probe_video, sample_frames
from vtg_core.windows import Window


@dataclass(frozen=True, eq=False)
class Sample:
    """One question about one video, with its answer.

    Attributes:
        video: the frames with their times; or which frames they would be, where no pixel is needed.
        query: what is looked for.
        windows: where it happens, in seconds of ``video``; none where a row's own answer says none that is clear.
        template: the prompt template that asks for it; one called ``own`` where the row has a
            conversation of its own.
        answer_format: how ``windows`` are written.
        annotation: the row it was made from, if it was made from one.
    """

    video: SampledVideo | FramePlan
    query: str
    windows: tuple[Window, ...]
    template: PromptTemplate
    answer_format: AnswerFormat
    annotation: Annotation | None = None

    @property
    def has_own_words(self) -> bool:
        """Whether the conversation is the row's own, and no template asks."""
        return self.annotation is not None and bool(self.annotation.messages)

    @property
    def asked(self) -> str:
        """What stands in the template: the query, or the windows where it asks for a caption of them."""
        if self.template.task is Task.CAPTION:
            return self.answer_format.render(self.windows, self.video.info.duration)
        return self.query

    @property
    def prompt(self) -> Prompt:
        """The words of the user's turn; the query alone where the conversation is the row's own."""
        return self.template.format(self.asked)

    @property
    def answers(self) -> tuple[str, ...]:
        """The text of each assistant turn."""
        if not self.has_own_words:
            return (self.answer,)
        return tuple(text_of(m) for m in self.messages if m["role"] == Role.ASSISTANT)

    @property
    def answer(self) -> str:
        """What the model is taught to write; of a row's own conversation the last answer that is trained."""
        if self.annotation is not None and self.annotation.messages:
            return trained_answer(self.annotation)
        if self.template.task is Task.CAPTION:
            return self.query
        return self.answer_format.render(self.windows, self.video.info.duration)

    @property
    def message_weights(self) -> tuple[float, ...]:
        """What the row's own file says that each message weighs in the loss; empty where a template asks."""
        return tuple(self.annotation.weights) if self.annotation is not None and self.has_own_words else ()

    def trained_by(self, policy: MaskPolicy | None) -> MaskPolicy:
        """Return ``policy`` (the default one unless given), held to the messages that the row says are trained."""
        policy = policy or MaskPolicy()
        if self.annotation is not None and not (policy.weights and policy.weights.uses_messages):
            _check_weights(self.annotation)
        if self.annotation is None or not self.annotation.messages:
            return policy
        said = frozenset(turn for turn, weight in enumerate(self.annotation.weights) if weight)
        return replace(policy, messages=said if policy.messages is None else said & policy.messages)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation in Hugging Face's chat form, as :mod:`vtg_core.chat.conversation` describes it."""
        if self.annotation is not None and self.annotation.messages:
            return [deepcopy(dict(message)) for message in self.annotation.messages]
        prompt = self.prompt
        is_typed = self.template.task is not Task.CAPTION  # windows are ours, and may be temporal tokens
        return [
            {
                "role": "user",
                "content": [
                    {"type": "video", "video": str(self.video.info.path)},
                    {
                        "type": "text",
                        "text": prompt.text,
                        "query": [prompt.query_start if is_typed else prompt.query_end, prompt.query_end],
                    },
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": self.answer}]},
        ]


class VideoTemporalSFTDataset:
    """A map-style dataset of :class:`Sample`; frames are decoded when a sample is asked for.

    Args:
        annotation_file: see :mod:`vtg_core.data.annotations`.
        video_root: the folder with the videos, or several; the annotation file's own unless given.
        use_temporal_tokens: answer in temporal tokens, and ask for them.
        use_random_templates: choose a template for each sample, or always take the first.
        template_seed: makes the choice depend on (seed, sample index) alone; random without one.
        prompt_template: one's own words with ``{query}``; switches the choice off.
        templates: one's own templates to choose among, instead of the built-in ones of the answer's mode.
        language: of the templates, English unless given: a code, several, or weights; see :class:`TemplateSelector`.
        task: what is asked, or ``auto``; see :class:`TemplateSelector`. Rows may then say that there is no window.
        frames: which frames are taken from each video.
        clip: move window ends past the video to its end, instead of raising.
        answer_form: how answers are written: a name of the table in docs/templates.md, in place of
            ``use_temporal_tokens``. Frames are numbered as they are taken.
        on_error: ``"raise"`` at a bad row, or ``"skip"`` it and list it in ``skipped``.
        weighs_messages: a row's own messages may weigh any number in the loss, which a collator with
            ``TokenWeights(uses_messages=True)`` counts; 0 or 1 alone unless given.
        format, video_name: see :func:`load_annotations`.

    Attributes:
        video_root: the folder that the rows' videos lie under.
        annotations: the rows that can be read, in the file's order; a sample's index counts them, and each says its
            own position in the file.
        unreadable: the rows that were left out.
        skipped: one sentence for each of them.
        format, why, videos: what the file was read as, and which videos are missing; see ``LoadedAnnotations``.

    Raises:
        AnnotationError: the file or a row breaks the format.
        TemplateError: ``prompt_template`` or ``templates`` are not usable.
        AnswerError: there is no such ``answer_form``.
    """

    def __init__(
        self,
        annotation_file: Path | str,
        video_root: Roots = None,
        use_temporal_tokens: bool = False,
        use_random_templates: bool = True,
        template_seed: int | None = None,
        prompt_template: str | None = None,
        *,
        templates: Sequence[PromptTemplate] | None = None,
        language: Languages | None = None,
        task: Task | str = Task.MOMENT,
        frames: FramePolicy | None = None,
        clip: bool = False,
        answer_form: str | None = None,
        on_error: OnError | str = OnError.RAISE,
        format: str = AUTO,
        video_name: str = "",
        weighs_messages: bool = False,
    ) -> None:
        self.weighs_messages = weighs_messages
        built_in = AnswerMode.TEMPORAL_TOKENS if use_temporal_tokens else AnswerMode.STANDARD
        own_form = TASKS[Task(task)].form if task in TASKS and not use_temporal_tokens else str(built_in)
        mode = answer_form or own_form
        self.answer_format = format_named(mode)
        if prompt_template is not None:
            if language is not None:
                raise TemplateError("prompt_template is one template in its own language; leave language out")
            templates = [PromptTemplate("custom", "custom", mode, prompt_template)]
        elif templates is not None:
            own = [template for template in templates if template.mode == mode]
            if not own:
                raise TemplateError(_no_template_of(mode, templates))
            templates = own
        self.selector = TemplateSelector(
            use_temporal_tokens,
            use_random_templates,
            template_seed,
            templates=templates,
            language=language,
            answer_form=mode,
            task=task,
        )
        self.frames = frames or FramePolicy()
        self.clip = clip
        roots = (video_root,) if isinstance(video_root, Path | str) else tuple(video_root or ())
        self.video_root = Path(roots[0]) if roots else Path(annotation_file).parent
        loaded = load_annotations(
            annotation_file,
            video_root=video_root,
            video_name=video_name,
            clip=clip,
            on_error=on_error,
            format=format,
            read_windows=windows_said,
            may_be_absent=task in (Task.ABSENT, AUTO_TASK),
        )
        self.format, self.why, self.videos = loaded.format, loaded.why, loaded.videos
        self.annotations, self.unreadable, self.skipped = (
            loaded.annotations,
            loaded.unreadable,
            loaded.skipped,
        )

    def __len__(self) -> int:
        return len(self.annotations)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Sample:
        """Decode the video of row ``index`` and choose its template.

        Raises:
            IndexError: there is no such row.
            TypeError: ``index`` is no whole number.
            AnnotationError: the row does not fit its video, or weighs a message otherwise than with 0 or 1.
            VideoError: the video cannot be sampled.
        """
        return self.sample_with(sample_frames, index)

    def plan(self, index: int) -> Sample:
        """Return the sample of row ``index`` with the plan of its frames: no frame is decoded.

        Words, windows, template and errors are those of ``self[index]``, but for frames that cannot be decoded.
        """
        return self.sample_with(plan_frames, index)

    def sample_with(self, take: Callable[..., SampledVideo | FramePlan], index: int) -> Sample:
        """Return the sample of row ``index`` with frames from ``take``, called as :func:`sample_frames` is.

        The errors are those of ``self[index]``.
        """
        index = range(len(self))[operator.index(index)]  # from the end, where it is negative
        return sample_of(
            self.annotations[index],
            take,
            template=self.selector.select(index, len(self.annotations[index].windows)),
            frames=self.frames,
            clip=self.clip,
            weighs_messages=self.weighs_messages,
        )


def sample_of(
    annotation: Annotation,
    take: Callable[..., SampledVideo | FramePlan],
    *,
    template: PromptTemplate,
    frames: FramePolicy,
    clip: bool = False,
    weighs_messages: bool = False,
) -> Sample:
    """Return the sample of a row.

    Args:
        annotation: the row.
        take: takes its frames, called as :func:`sample_frames` is, or plans them.
        template: asks for it, in answers of its mode, unless the row has a conversation of its own.
        frames: which frames are taken.
        clip: move window ends past the video to its end.
        weighs_messages: a message may weigh any number in the loss, and not 0 or 1 alone.

    Raises:
        AnnotationError: the row does not fit its video, or weighs a message otherwise than with 0 or 1.
        VideoError: the video cannot be sampled.
    """
    if not weighs_messages:
        _check_weights(annotation)
    try:
        video = take(annotation.video, frames, clip=clip_of(annotation))
    except VideoError as error:
        raise VideoError(f"{annotation.where}: {error}") from None
    windows = windows_in(annotation, video.info.duration, clip=clip)
    if annotation.messages:
        return _own_sample(annotation, video, windows)
    return Sample(
        video=video,
        query=annotation.query,
        windows=asked_windows(template.task, windows),
        template=template,
        answer_format=format_for(template.mode, video),
        annotation=annotation,
    )


OWN = "own"
"""The name of the template of rows that have a conversation of their own."""


def refuse_own_words(annotation: Annotation) -> None:
    """Raise ``AnnotationError`` if a row has a conversation of its own: a template around it would be another one."""
    if annotation.messages:
        raise AnnotationError(
            f"{annotation.where}: a row must be a query that a template asks for, and this one has messages of its "
            "own; audit it or train on it as it is, and take other rows here"
        )


def _check_weights(annotation: Annotation) -> None:
    for turn, weight in enumerate(annotation.weights):
        if weight not in (0, 1):
            raise AnnotationError(
                f"{annotation.where}: a message must weigh 0 or 1 in the loss, it is trained or it is not, "
                f"got {weight:g} for messages[{turn}]; say 0 or 1, or count it with weighs_messages=True and TokenWeights(uses_messages=True)"
            )


def _own_sample(
    annotation: Annotation, video: SampledVideo | FramePlan, windows: tuple[Window, ...]
) -> Sample:
    """Return the sample of a row with a conversation of its own.

    Args:
        annotation: the row.
        video: its frames or their plan.
        windows: those that the row was read with (s); with none, its answer is read again now that the video's
            duration is known.
    """
    answer = own_answer(annotation, video.info.duration, windows)
    answer_format = format_for(answer.form or AnswerMode.STANDARD, video)
    own = PromptTemplate(OWN, "the row's own words", answer_format.mode, "{query}")
    return Sample(video, annotation.query, answer.windows, own, answer_format, annotation)


def _no_template_of(mode: str, templates: Sequence[PromptTemplate]) -> str:
    others = sorted({str(template.mode) for template in templates})
    hint = f" but of {others[0]!r}; pass answer_form={others[0]!r}" if others else ""
    return f"templates must hold one of mode {mode!r}, got none{hint}"


def format_for(mode: str, video: SampledVideo | FramePlan) -> AnswerFormat:
    """Return how answers of a mode or an answer form are written; one that numbers frames knows those of the video.

    Raises:
        AnswerError: there is no form of that name.
    """
    answer_format = format_named(mode)
    if isinstance(answer_format, AnswerForm) and answer_format.unit is TimeUnit.FRAMES:
        return answer_format.counting(video.timestamps)
    return answer_format


def clip_of(annotation: Annotation) -> Window | None:
    """Return the part of the video file (s) that the row speaks of; None for the whole file.

    Rows with ``video_start`` and ``video_end`` come with the long video as often as with the clip already cut. A
    file about as long as the clip is the clip, and is not cut again.

    Raises:
        VideoError: the file cannot be read.
    """
    if annotation.video_start is None or annotation.video_end is None:
        return None
    clip = Window(annotation.video_start, annotation.video_end)
    is_cut = abs(probe_video(annotation.video).duration - clip.length) <= CUT_TOLERANCE_SECONDS
    return None if is_cut else clip


CUT_TOLERANCE_SECONDS = 1.0
"""A file this close to its clip's length has been cut already; cutting tools keep whole groups of frames."""


def windows_in(annotation: Annotation, duration: float, *, clip: bool = False) -> tuple[Window, ...]:
    """Return the row's windows, checked against the ``duration`` (s) that the video file really has.

    Raises:
        AnnotationError: a window does not lie within the video; the message names the row.
    """
    try:
        return tuple(window.check_within(duration, clip=clip) for window in annotation.windows)
    except VTGError as error:
        raise AnnotationError(f"{annotation.where}: {error}") from None
