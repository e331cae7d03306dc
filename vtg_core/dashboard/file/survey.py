"""What an annotation file holds, from the page: the survey of ``vtg-lens data``."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.dashboard.inputs import is_form, read_chat, read_frames
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell, load_checkpoint_of
from vtg_core.errors import VTGError
from vtg_core.templates import TemplateSelector, templates_for
from vtg_core.video.plan import FramePolicy
from vtg_core.views.samples import as_json
from vtg_core.views.survey import view_running, view_survey

if TYPE_CHECKING:
    from vtg_core.audit.survey.results import Survey
    from vtg_core.audit.survey.tokens import TokenRules

SECONDS_BETWEEN = 0.5
"""So often a person is shown how far it is."""
MAX_LENGTH = 10_000_000


@dataclass(frozen=True)
class FileSurvey:
    """What is asked of the file.

    Attributes:
        mode: the name of the form that answers are going to be written in.
        frames: which frames are taken.
        counts_tokens: count the tokens of each row whose video is there.
        max_length: the most tokens that training keeps; None for no bound.
        chat: what is added to the checkpoint's chat template.
    """

    mode: str
    frames: FramePolicy
    counts_tokens: bool
    max_length: int | None
    chat: TemplateChange = field(default_factory=TemplateChange)

    @classmethod
    def read(
        cls,
        settings: Settings,
        mode: str,
        num_frames: float | None,
        counts: bool,
        max_length: float | None,
        template_args: str | None = None,
    ) -> "FileSurvey":
        """Read the values of the page; without ``template_args``, those that it was started with.

        Raises:
            VTGError: a value is out of range, or none of the page's own.
        """
        if not is_form(mode):
            raise VTGError("the answer must be among the page's own choices")
        bound = _bound(max_length) if counts and max_length else None
        chat = read_chat(settings, template_args)
        return cls(mode, read_frames(settings, num_frames), bool(counts), bound, chat)


@dataclass(frozen=True)
class Surveyed:
    """How far a survey is: the JSON of its view, and what it came to once it is over."""

    view: str
    survey: "Survey | None" = None


def show_file_survey(
    settings: Settings, wanted: FileSurvey, tell: Tell, is_stopped: Callable[[], bool]
) -> Iterator[Surveyed]:
    """Yield how far the survey is, and at last what the file holds: of the rows that were come to, if it is stopped.

    Raises:
        VTGError: the file or the checkpoint cannot be used.
    """
    from vtg_core.audit.survey.run import Surveyor
    from vtg_core.data.annotations import AnnotationReader
    from vtg_core.data.answer_forms.reading import windows_said
    from vtg_core.data.answer_forms.registry import format_named

    assert settings.annotation_file is not None
    yield Surveyed(as_json(view_running(0, settings.num_in_file)))
    rules = _rules(settings, wanted, tell) if wanted.counts_tokens else None
    reader = AnnotationReader(settings.annotation_file, **settings.reading, read_windows=windows_said)
    surveyor, told, is_partial = Surveyor(reader, format_named(wanted.mode), rules), time.monotonic(), False
    for _ in surveyor.rows():
        if is_stopped():
            is_partial = True
            break
        if time.monotonic() - told > SECONDS_BETWEEN:
            told = time.monotonic()
            yield Surveyed(as_json(view_running(surveyor.num_rows, settings.num_in_file)))
    survey = surveyor.done(is_partial=is_partial)
    yield Surveyed(as_json(view_survey(survey, settings.num_in_file)), survey)


def _rules(settings: Settings, wanted: FileSurvey, tell: Tell) -> "TokenRules":
    from vtg_core.audit.survey.tokens import TokenRules

    processor = load_checkpoint_of(replace(settings, template=wanted.chat), tell).processor
    return TokenRules(
        processor,
        wanted.frames,
        TemplateSelector(seed=0, templates=templates_for(wanted.mode, settings.language)),
        wanted.max_length,
    )


def _bound(max_length: float) -> int:
    if not 1 <= max_length <= MAX_LENGTH or max_length != int(max_length):
        raise VTGError(f"the longest row must be a whole number from 1 to {MAX_LENGTH:,}, got {max_length:g}")
    return int(max_length)
