"""What happens when a person does something: values of the page in, values of the page out.

A handler never lets an error reach the page as such: what a person can mend is said in one sentence, what is a
bug of ours is logged and owned up to, and what was on screen stays.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.loaded import Tell, keep_processor, load_checkpoint_of, video_of
from vtg_core.dashboard.settings import Settings
from vtg_core.encoding import process_videos_once
from vtg_core.errors import LossCancelledError, VTGError, as_sentence
from vtg_core.inspection import Inspection, inspect_templates
from vtg_core.templates import PromptTemplate
from vtg_core.video import SampledVideo
from vtg_core.views import NO_LOSS, as_json, template_key, view_loss, view_prompt, view_tokens

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    from transformers import ProcessorMixin

    from vtg_core.checkpoints import Checkpoint
    from vtg_core.loss import LossReport

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inspected:
    """What the tabs show after the prompts were read.

    Attributes:
        notice: JSON for the notice.
        facts: one line about the video and the checkpoint.
        prompts: JSON for the prompt cards.
        tokens: for each template's key, JSON for the token view.
    """

    notice: str
    facts: str
    prompts: str
    tokens: dict[str, str]


@dataclass(frozen=True)
class Scored:
    """What the Loss tab shows after a forward pass; empty where there was none."""

    facts: str = as_json(NO_LOSS)
    figure: "go.Figure | None" = None
    table: "pd.DataFrame | None" = None


def notice(level: str, text: str) -> str:
    """Return the JSON of a notice: ``error``, ``warning`` or ``info``, and its text."""
    return json.dumps({"level": level, "text": text})


@contextmanager
def explained(failures: list[str]) -> Iterator[None]:
    """Catch whatever a handler raises, and leave the notice for it in ``failures``."""
    try:
        yield
    except LossCancelledError as error:
        failures.append(notice("info", as_sentence(str(error))))
    except VTGError as error:
        failures.append(notice("error", as_sentence(str(error))))
    except Exception as error:
        logger.exception("a handler failed")
        failures.append(
            notice("error", f"Something went wrong inside VTG Lens ({type(error).__name__}). Your input is kept; "
                            "the terminal that runs it has the details.")
        )  # fmt: skip


def inspect(settings: Settings, inputs: Inputs, tell: Tell) -> Inspected:
    """Read, encode and label the prompts of all templates.

    Raises:
        VTGError: the input or the checkpoint cannot be used.
    """
    checkpoint = load_checkpoint_of(settings, tell)
    tell(0.2, "Reading the video")
    video = video_of(inputs)
    prompts, tokens = [], {}
    processor = process_videos_once(checkpoint.processor)
    for number, inspection in enumerate(
        _inspections(settings, inputs, video, processor, inputs.templates), 1
    ):
        tell(
            0.2 + 0.8 * number / len(inputs.templates),
            f"Reading template {number} of {len(inputs.templates)}",
        )
        template = inspection.sample.template
        prompts.append(view_prompt(inspection))
        tokens[template_key(template.mode, template.name)] = as_json(
            view_tokens(inspection.encoded, checkpoint.processor.tokenizer)
        )
    keep_processor(video, checkpoint, processor)
    return Inspected(
        notice=_remarks(inputs, video, checkpoint),
        facts=_facts(video, checkpoint),
        prompts=as_json(prompts),
        tokens=tokens,
    )


def score(settings: Settings, inputs: Inputs, tell: Tell, is_cancelled: Callable[[], bool]) -> Scored:
    """Run a forward pass on the template on screen.

    Raises:
        VTGError: the input or the checkpoint cannot be used, the pass does not fit, or it was cancelled.
    """
    import pandas as pd

    from vtg_core.checkpoints import load_model
    from vtg_core.dashboard.plots import loss_bars

    checkpoint = load_checkpoint_of(settings, tell)
    tell(0.2, "Reading the video")
    chosen = [t for t in inputs.templates if (t.mode, t.name) == (inputs.mode, inputs.template)]
    [inspection] = _inspections(settings, inputs, video_of(inputs), checkpoint.processor, chosen)
    tell(0.4, f"Loading the model of {settings.checkpoint}")
    model = load_model(settings.checkpoint, device=settings.device, dtype=settings.dtype)
    tell(0.6, f"Running {len(inspection.encoded):,} tokens through the model")
    report = _report(model, inspection, checkpoint, tell, is_cancelled)
    view = view_loss(report, inspection.sample)
    table = pd.DataFrame(view.tokens, columns=["index", "id", "text", "NLL (nats)", "probability", "rank"])
    table["text"] = table["text"].map(repr)
    return Scored(as_json(view), loss_bars(report), table.round({"NLL (nats)": 4, "probability": 6}))


def _report(
    model: Any, inspection: Inspection, checkpoint: "Checkpoint", tell: Tell, is_cancelled: Callable[[], bool]
) -> "LossReport":
    from vtg_core.collator import pad
    from vtg_core.forward_pass import num_layers
    from vtg_core.loss import score as score_batch

    total = 2 * num_layers(model)  # our pass, and the model's own for the cross-check

    def on_layer(begun: int) -> None:
        if is_cancelled():
            raise LossCancelledError("the forward pass was cancelled; your input is kept")
        tell(
            0.6 + 0.4 * min(begun / total, 1.0),
            f"Running {len(inspection.encoded):,} tokens, layer {begun} of {total}",
        )

    batch = pad([inspection.encoded], checkpoint.processor)
    [report] = score_batch(model, batch, checkpoint.processor.tokenizer, on_layer=on_layer)
    return report


def _inspections(
    settings: Settings,
    inputs: Inputs,
    video: SampledVideo,
    processor: "ProcessorMixin",
    templates: list[PromptTemplate],
) -> Iterator[Inspection]:
    return inspect_templates(
        video,
        inputs.query,
        [window.check_within(video.info.duration, clip=settings.clip) for window in inputs.windows],
        processor=processor,
        templates=templates,
        policy=inputs.policy,
    )


def _facts(video: SampledVideo, checkpoint: "Checkpoint") -> str:
    info = video.info
    return (
        f"{info.duration:.1f} s at {info.fps:g} fps, {info.width}×{info.height} {info.codec} · {len(video.timestamps)} frames "
        f"from {video.timestamps[0]:.1f} to {video.timestamps[-1]:.1f} s · {checkpoint.name} "
        f"({type(checkpoint.processor).__name__}, {len(checkpoint.processor.tokenizer):,} tokens)"
    )


def _remarks(inputs: Inputs, video: SampledVideo, checkpoint: "Checkpoint") -> str:
    warnings = []
    if checkpoint.added_tokens:
        warnings.append(
            f"The tokenizer of {checkpoint.name} lacks {len(checkpoint.added_tokens):,} temporal tokens; they were "
            "added in memory, and their embeddings are untrained."
        )
    if not any(start <= t <= end for start, end in inputs.windows for t in video.timestamps):
        warnings.append(
            "No sampled frame lies within the window: the model cannot see what it is asked for. Take more frames."
        )
    remarks = [*filter(None, [inputs.note]), *warnings]
    return notice("warning" if warnings else "info", " ".join(remarks)) if remarks else ""
