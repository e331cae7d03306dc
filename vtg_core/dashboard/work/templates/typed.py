"""A template that a person types on the page: checked as one of a file, and shown beside the sixteen. It is never run."""

from dataclasses import replace

from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import ENCODING, load_checkpoint_of, processor_with, tell_nobody, video_of
from vtg_core.data.wording.files import read_template
from vtg_core.errors import TemplateError, VTGError, as_sentence
from vtg_core.inspection import inspect_templates
from vtg_core.templates import MAX_TEMPLATE_CHARS, PromptTemplate
from vtg_core.views.samples import PromptView, TypedTemplateView, view_prompt

MAX_NAME = 60
KEY = "typed"
"""The key of its prompt among those of the page."""


def show_typed_template(
    settings: Settings, inputs: Inputs | None, *, name: str, mode: str, text: str
) -> TypedTemplateView:
    """Return what the model reads of a template on the sample on screen, and the file that holds it.

    Args:
        settings: what the page was started with.
        inputs: what the page shows; None where it shows nothing that could be read.
        name, mode, text: as a person typed them; ``mode`` is the name of an answer form.
    """
    try:
        row = {"name": name.strip() or "mine", "style": "custom", "mode": mode, "text": text}
        if len(row["name"]) > MAX_NAME or not row["name"].isprintable():
            raise TemplateError(f"the name must be one line of at most {MAX_NAME} characters")
        if len(text) > MAX_TEMPLATE_CHARS:
            raise TemplateError(
                f"the words must have at most {MAX_TEMPLATE_CHARS:,} characters, got {len(text):,}"
            )
        template = read_template(row, "your template")
        return TypedTemplateView(text, "", _prompt(settings, inputs, template), yaml_of(row))
    except VTGError as error:
        return TypedTemplateView(text, as_sentence(str(error)))


def yaml_of(row: dict[str, str]) -> str:
    """Return the file that :func:`vtg_core.load_templates` reads a template of."""
    import yaml

    written: str = yaml.safe_dump([row], allow_unicode=True, sort_keys=False, width=100)
    return written


def _prompt(settings: Settings, inputs: Inputs | None, template: PromptTemplate) -> PromptView:
    if inputs is None:
        raise VTGError("there must be a sample to ask about; read one first")
    if not inputs.windows:
        raise VTGError(
            "a template asks for a window, and the row's own answer says none; type a start and an end"
        )
    checkpoint, video = load_checkpoint_of(settings, tell_nobody), video_of(inputs)
    windows = inputs.windows_within(video.info.duration, clip=settings.clip)
    with ENCODING:
        processor = processor_with(video, checkpoint)
        [inspection] = inspect_templates(
            video, inputs.query, windows, processor=processor, templates=[template], policy=inputs.policy
        )
        return replace(view_prompt(inspection, checkpoint.processor), key=KEY)
