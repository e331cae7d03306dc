"""Sets of templates besides the sixteen, by what is asked: several windows, none, the first one, a point, a caption."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.registry import form_named
from vtg_core.data.answer_forms.times import TimeUnit
from vtg_core.data.answers import AnswerMode
from vtg_core.data.wording.prompt import PromptTemplate, Task
from vtg_core.errors import TemplateError
from vtg_core.windows import Window

AUTO = "auto"
"""In the place of a task: each row's own windows choose."""


@dataclass(frozen=True)
class TaskSet:
    """The templates of a task, for any answer form that it can have.

    Attributes:
        title: what is asked, for people.
        form: the answer form unless another one is chosen.
        texts: from the name of each template to its words; ``{format}`` stands for the form's own words, ``{formats}``
            for those of two windows, ``{unit}`` for what its numbers count, ``{nothing}`` for what it writes where
            there is no window.
        needs_nothing: whether the form must be able to say that there is no window.
        is_point: whether the form must be one of points in time.
    """

    title: str
    form: str
    texts: Mapping[str, str]
    needs_nothing: bool = False
    is_point: bool = False


TASKS: dict[Task, TaskSet] = {
    Task.SEVERAL: TaskSet(
        "every time that it happens",
        "standard",
        {
            "direct": 'Given the video, please identify every moment described by the following query: "{query}"\n'
            "Give the start and end of each, in order, {unit}. Provide the answer in this format, here for two: {formats}",
            "question": 'During which parts of this video does the following happen: "{query}"?\n'
            "It may be more than one. Reply with all of them in order, {unit}, as here for two: {formats}.",
            "concise": 'Find every time "{query}" occurs in the video.\nAnswer {unit}, for two: {formats}',
            "conversational": 'Hey, could you help me with this video? I am looking for every bit where "{query}". '
            "When does each one start, and when is it over? Just list them {unit}, like {formats} for two, thanks!",
        },
    ),
    Task.ABSENT: TaskSet(
        "it may not happen",
        "seconds_1_sentence",
        {
            "direct": "Given the video, please identify the start and end time of the moment described by the following "
            'query, if there is one: "{query}"\nProvide the answer {unit} in the format: {format}\n'
            "If it does not happen in the video, answer: {nothing}",
            "question": 'Does the following happen in this video, and when: "{query}"?\n'
            "Reply {unit}: {format}\nWhere it does not happen, reply: {nothing}",
            "concise": 'Find when "{query}" occurs in the video, if it does.\nAnswer {unit}: {format}\nIf not: {nothing}',
            "conversational": 'Hey, could you help me with this video? I am looking for the bit where "{query}", but maybe '
            "it is not there. If it is, tell me {unit} when it starts and ends, like this: {format}\nIf it is not, just say: "
            "{nothing}",
        },
        needs_nothing=True,
    ),
    Task.FIRST: TaskSet(
        "the first time that it happens",
        "standard",
        {
            "direct": "Given the video, please identify the start and end time of the first occurrence of what the following "
            'query describes: "{query}"\nProvide the answer {unit} in the format: {format}',
            "question": 'When does the following happen for the first time in this video: "{query}"?\n'
            "Reply {unit} as {format}.",
            "concise": 'Find the first time "{query}" occurs in the video.\nAnswer {unit}: {format}',
            "conversational": "Hey, could you help me with this video? I am looking for the very first time that "
            '"{query}". When does it start and when is it over? Just give it to me {unit} as {format}, thanks!',
        },
    ),
    Task.LAST: TaskSet(
        "the last time that it happens",
        "standard",
        {
            "direct": "Given the video, please identify the start and end time of the last occurrence of what the following "
            'query describes: "{query}"\nProvide the answer {unit} in the format: {format}',
            "question": 'When does the following happen for the last time in this video: "{query}"?\n'
            "Reply {unit} as {format}.",
            "concise": 'Find the last time "{query}" occurs in the video.\nAnswer {unit}: {format}',
            "conversational": "Hey, could you help me with this video? I am looking for the very last time that "
            '"{query}". When does it start and when is it over? Just give it to me {unit} as {format}, thanks!',
        },
    ),
    Task.POINT: TaskSet(
        "a point in time",
        "seconds_1_point",
        {
            "direct": "Given the video, please identify the point in time that the following query describes: "
            '"{query}"\nProvide the answer {unit} in the format: {format}',
            "question": 'At what time in this video does the following happen: "{query}"?\nReply {unit} as {format}.',
            "concise": 'Find the instant of "{query}" in the video.\nAnswer {unit}: {format}',
            "conversational": "Hey, could you help me with this video? I am looking for the very instant when "
            '"{query}". Just give me the time {unit} as {format}, thanks!',
        },
        is_point=True,
    ),
    Task.SHORT: TaskSet(
        "a clip of a few seconds",
        "seconds_2_brackets",
        {
            "direct": "The video is a clip of a few seconds. Please identify, as exactly as you can, when the following "
            'begins and ends in it: "{query}"\nProvide the answer {unit} in the format: {format}',
            "question": 'In this short clip, from when to when exactly does the following happen: "{query}"?\n'
            "Reply {unit} as {format}.",
            "concise": 'Short clip: find exactly when "{query}" occurs.\nAnswer {unit}: {format}',
            "conversational": 'Hey, could you look at this little clip with me? I need to know exactly when "{query}". '
            "Just give me start and end {unit} as {format}, thanks!",
        },
    ),
    Task.LONG: TaskSet(
        "a video of an hour and more",
        "clock_hours_brackets",
        {
            "direct": "The video is long. Please find the one moment in all of it that the following query describes: "
            '"{query}"\nCount from the beginning of the video {unit}, and provide the answer in the format: {format}',
            "question": 'Where in this long video does the following happen: "{query}"?\n'
            "Reply {unit}, counted from its beginning, as {format}.",
            "concise": 'Long video: find when "{query}" occurs.\nAnswer {unit} from its beginning: {format}',
            "conversational": "Hey, this video is really long and I cannot watch all of it. Could you tell me where "
            '"{query}"? Just say it {unit} from the beginning as {format}, thanks!',
        },
    ),
    Task.CAPTION: TaskSet(
        "what happens in a given part: dense captioning, the inverse",
        "standard",
        {
            "direct": "Given the video, please describe in one sentence what happens in this part of it, which is given "
            "{unit} as {format}: {query}",
            "question": "What happens in this video in the following part, given {unit} as {format}: {query}?\n"
            "Reply with one sentence.",
            "concise": "Say in one sentence what the video shows here, {unit} as {format}: {query}",
            "conversational": "Hey, could you help me with this video? Tell me in one sentence what is going on in this bit, "
            "{unit} as {format}: {query}. Thanks!",
        },
    ),
}
"""The set of each task but ``moment``, whose templates are the sixteen."""

UNIT_PHRASES: Mapping[TimeUnit, str] = {
    TimeUnit.SECONDS: "in seconds",
    TimeUnit.CLOCK: "in minutes and seconds",
    TimeUnit.PERCENT: "in percent of the video",
    TimeUnit.FRACTION: "as fractions of the video",
    TimeUnit.FRAMES: "in frames",
    TimeUnit.BINS: "with temporal tokens",
}
"""How the words of a set name what an answer counts."""


def task_templates(task: Task, mode: str | None = None) -> tuple[PromptTemplate, ...]:
    """Return the templates of a task besides the sixteen.

    Args:
        task: any but ``moment``.
        mode: the answer form; the task's own unless given.

    Raises:
        AnswerError: there is no answer form of that name.
        TemplateError: the form cannot answer the task.
    """
    asked = TASKS[task]
    form = form_named(mode or asked.form)
    if asked.needs_nothing and (form.is_built_in or form.is_point):
        raise TemplateError(
            f"task '{task}' needs an answer form that can say that nothing happens, such as {asked.form}, got {form.name!r}"
        )
    if asked.is_point != form.is_point:
        raise TemplateError(
            f"task '{task}' needs an answer form of {'points' if asked.is_point else 'windows'}, such as {asked.form}, "
            f"got {form.name!r}"
        )
    return tuple(_templates(task, form))


def _templates(task: Task, form: AnswerForm) -> Iterator[PromptTemplate]:
    mode = AnswerMode(form.name) if form.is_built_in else form.name
    said = {
        "{formats}": form.example_of(2),
        "{format}": form.example,
        "{unit}": "in hours, minutes and seconds" if form.example.count("hh:") else UNIT_PHRASES[form.unit],
        "{nothing}": form.nothing,
    }
    for name, text in TASKS[task].texts.items():
        for mark, words in said.items():
            text = text.replace(mark, words)
        yield PromptTemplate(name, f"{task}: {name}", mode, text, task=task)


def task_of(num_windows: int) -> Task:
    """Return the task that a row's own windows choose: none, one, or several."""
    return Task.ABSENT if not num_windows else Task.MOMENT if num_windows == 1 else Task.SEVERAL


def asked_windows(task: Task, windows: Sequence[Window]) -> tuple[Window, ...]:
    """Return the windows (s) that a task asks for, of all those in which a sentence is true."""
    if task is Task.FIRST and windows:
        return (min(windows, key=lambda window: window.start),)
    if task is Task.LAST and windows:
        return (max(windows, key=lambda window: window.start),)
    return tuple(windows)
