"""What a person should see of a sample: plain values, documented field by field.

Nothing here is markup. A view is turned into JSON and drawn by a component that writes text only.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from vtg_core.chat.control_tokens import placeholder_ids
from vtg_core.data.answer_forms.forms import AnswerForm
from vtg_core.data.answer_forms.registry import KNOWN_FORMS, THOUGHTS, form_named
from vtg_core.data.answer_forms.times import TimeUnit
from vtg_core.dataset import OWN, format_for
from vtg_core.errors import VTGError
from vtg_core.inspection import Inspection
from vtg_core.masking.encoding import EncodedSample
from vtg_core.regions import IGNORE_INDEX, Region, RegionKind
from vtg_core.windows import Window

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from transformers import ProcessorMixin

    from vtg_core.video.sampling import SampledVideo


MAX_WRITTEN = 48
"""So many characters of an answer are shown; several windows make it long."""

TITLES = {
    TimeUnit.SECONDS: "Seconds",
    TimeUnit.CLOCK: "Clock",
    TimeUnit.PERCENT: "Percent of the video",
    TimeUnit.FRACTION: "Fractions of the video",
    TimeUnit.FRAMES: "Frames",
    TimeUnit.BINS: "Tokens",
}


@dataclass(frozen=True)
class PromptPart:
    """One region of a prompt.

    Attributes:
        kind: of the region.
        pieces: its text in order, as (text, how often it stands there in a row). Only a placeholder stands there more
            than once; written that often, the pieces are what the model reads, character for character.
        num_tokens, num_supervised: in all; in the loss.
        num_stamps: how many time stamps the processor wrote into it.
        first_stamp, last_stamp: their texts, as the model reads them; empty without any.
    """

    kind: str
    pieces: list[tuple[str, int]]
    num_tokens: int
    num_supervised: int
    num_stamps: int = 0
    first_stamp: str = ""
    last_stamp: str = ""


@dataclass(frozen=True)
class PromptView:
    """One template's prompt as the model reads it.

    Attributes:
        key: ``mode/name``, unique; ``own`` for a row's own words.
        name, style, mode: of the template.
        rendered: what the chat template wrote, every video still one placeholder; what the copy button copies.
        answer: what the model is taught to write.
        num_tokens, num_video, num_supervised: tokens in all; of the video and its time stamps; in the loss.
        parts: the sequence in order.
        raw: the words of the template, with its placeholder; empty for a row's own words.
        messages: (role, content) of the conversation, each video one word.
    """

    key: str
    name: str
    style: str
    mode: str
    rendered: str
    answer: str
    num_tokens: int
    num_video: int
    num_supervised: int
    parts: list[PromptPart]
    raw: str
    messages: list[tuple[str, str]]


@dataclass(frozen=True)
class TypedTemplateView:
    """A template that a person typed.

    Attributes:
        typed: the words that this is about.
        problem: why it cannot be used; empty where it can.
        prompt: what the model reads of it on the sample on screen; None where it cannot be used.
        yaml: the file that ``load_templates`` reads; empty where it cannot be used.
    """

    typed: str
    problem: str = ""
    prompt: PromptView | None = None
    yaml: str = ""


@dataclass(frozen=True)
class FormView:
    """One form.

    Attributes:
        name: as ``--answer`` takes it.
        written: the windows on screen in this form; its example where there are none, or where they cannot be written.
        step: the smallest difference that it writes, in seconds; None where that is not known.
    """

    name: str
    written: str
    step: float | None


@dataclass(frozen=True)
class FormsView:
    """All forms.

    Attributes:
        groups: (title, forms of it).
    """

    groups: list[tuple[str, list[FormView]]]


def template_key(mode: str, name: str) -> str:
    """Return the key under which a template's views are kept; a row's own words are the same whatever is asked for."""
    return OWN if name == OWN else f"{mode}/{name}"


def view_prompt(inspection: Inspection, processor: "ProcessorMixin") -> PromptView:
    """Return the prompt view of an inspection that was made with ``processor``."""
    template, encoded = inspection.sample.template, inspection.encoded
    parts = list(_parts(encoded, placeholder_ids(processor)))
    return PromptView(
        key=template_key(template.mode, template.name),
        name=template.name,
        style=template.style,
        mode=str(template.mode),
        rendered=encoded.chat.text,
        answer=inspection.sample.answer,
        num_tokens=len(encoded),
        num_video=encoded.num_video,
        num_supervised=sum(part.num_supervised for part in parts),
        parts=parts,
        raw="" if template.name == OWN else template.text,
        messages=[(str(one["role"]), _content_of(one.get("content"))) for one in inspection.sample.messages],
    )


def _content_of(content: object) -> str:
    """Return what a message says: its texts in order, and a word for whatever else it shows."""
    if not isinstance(content, Sequence) or isinstance(content, str):
        return "" if content is None else str(content)
    said = [part if isinstance(part, Mapping) else {"type": "text", "text": part} for part in content]
    return "\n".join(str(part["text"]) if "text" in part else f"⟨{part.get('type', '?')}⟩" for part in said)


def _parts(encoded: EncodedSample, placeholders: Collection[int]) -> Iterator[PromptPart]:
    """Yield the text's regions, exact to the character; a token counts where its first character stands."""
    labels = encoded.labels.tolist()
    starts = [start for start, _ in encoded.offsets]
    stamps = [region for region in encoded.regions if region.kind is RegionKind.TIMESTAMP]
    for region in encoded.text_regions:
        tokens = range(bisect_left(starts, region.start), bisect_left(starts, region.end))
        own = [_text_of(encoded, stamp) for stamp in stamps if stamp.start in tokens]
        yield PromptPart(
            kind=str(region.kind),
            pieces=list(_pieces(encoded, region, tokens, placeholders)),
            num_tokens=len(tokens),
            num_supervised=sum(labels[token] != IGNORE_INDEX for token in tokens),
            num_stamps=len(own),
            first_stamp=own[0] if own else "",
            last_stamp=own[-1] if own else "",
        )


def _pieces(
    encoded: EncodedSample, region: Region, tokens: range, placeholders: Collection[int]
) -> Iterator[tuple[str, int]]:
    """Yield a region of the text piece by piece: a run of one placeholder as its text and its number."""
    ids = dict(zip(tokens, encoded.input_ids[tokens.start : tokens.stop].tolist(), strict=True))
    written = region.start
    for token_id, run in groupby(
        tokens, key=lambda token: ids[token] if ids[token] in placeholders else None
    ):
        if token_id is None:
            continue
        first, *others = run
        (start, end), count = encoded.offsets[first], 1 + len(others)
        piece, stop = encoded.text[start:end], encoded.offsets[first + len(others)][1]
        if encoded.text[start:stop] != piece * count:  # white space between two of them is read too
            continue
        if written < start:
            yield encoded.text[written:start], 1
        yield piece, count
        written = stop
    if written < region.end:
        yield encoded.text[written : region.end], 1


def _text_of(encoded: EncodedSample, region: Region) -> str:
    """Return the text of a region of tokens."""
    return encoded.text[encoded.offsets[region.start][0] : encoded.offsets[region.end - 1][1]]


def view_forms(chosen: str, windows: Sequence[Window] = (), video: "SampledVideo | None" = None) -> FormsView:
    """Return the view of the forms.

    Args:
        chosen: the name of the one that is chosen; it is among them whatever the table has.
        windows: on screen, in seconds.
        video: they are of; None where none is read yet.
    """
    groups = [(title, [_view(f.name, windows, video) for f in _of(unit)]) for unit, title in TITLES.items()]
    base = chosen.removesuffix(THOUGHTS)
    others = [*([] if base in KNOWN_FORMS else [base]), f"{base}{THOUGHTS}"]
    return FormsView([*groups, ("More of the chosen form", [_view(name, windows, video) for name in others])])


def _of(unit: TimeUnit) -> Iterator[AnswerForm]:
    return (form for form in KNOWN_FORMS.values() if form.unit is unit)


def _view(name: str, windows: Sequence[Window], video: "SampledVideo | None") -> FormView:
    if video is None or not windows:
        return FormView(name, _short(form_named(name).example), None)
    form, duration = format_for(name, video), video.info.duration
    try:
        return FormView(name, _short(form.render(windows, duration)), round(form.quantum(duration), 6))
    except VTGError:  # nothing to write in it; whoever reads the fields is told why
        return FormView(name, _short(form_named(name).example), None)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_WRITTEN else f"{line[: MAX_WRITTEN - 1]}…"


def as_json(views: "Sequence[DataclassInstance] | DataclassInstance") -> str:
    """Return a view, or views, as JSON for the components of the page."""
    import json

    value = [asdict(view) for view in views] if isinstance(views, Sequence) else asdict(views)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
