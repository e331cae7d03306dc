"""What happens when a person does something: values of the page in, values of the page out.

A handler never lets an error reach the page as such: what a person can mend is said in one sentence, what is a
bug of ours is logged and owned up to, and what was on screen stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.collator import SFTCollator
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.notices import notice
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.work.kept import Tell, keep_processor, load_checkpoint_of, video_of
from vtg_core.dashboard.work.sample import own_sample
from vtg_core.errors import as_sentence
from vtg_core.inspection import Inspection, inspect_templates
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.video.sampling import SampledVideo
from vtg_core.views.report.film import view_film
from vtg_core.views.samples import as_json, template_key, view_prompt
from vtg_core.views.tokens import FramesView, view_frames, view_tokens

if TYPE_CHECKING:
    from transformers import ProcessorMixin

    from vtg_core.checkpoints.loading import Checkpoint


@dataclass(frozen=True)
class Inspected:
    """What the tabs show after the prompts were read.

    Attributes:
        notice: JSON for the notice.
        facts: one line about the video and the checkpoint.
        prompts: JSON for the prompt cards.
        tokens: for each template's key, JSON for the token view.
        film: JSON for the frames above the timeline.
    """

    notice: str
    facts: str
    prompts: str
    tokens: dict[str, str]
    film: str = ""


def show_prompts(settings: Settings, inputs: Inputs, tell: Tell) -> Inspected:
    """Read, encode and label the prompts of all templates.

    Raises:
        VTGError: the input or the checkpoint cannot be used.
    """
    checkpoint = load_checkpoint_of(settings, tell, inputs)
    tell(0.2, "Reading the video")
    video = video_of(inputs)
    prompts, tokens = [], {}
    processor = process_videos_once(checkpoint.processor)
    count = len(inputs.templates) + (inputs.own is not None)
    for number, inspection in enumerate(_inspections(settings, inputs, video, processor), 1):
        tell(0.2 + 0.8 * number / count, f"Reading template {number} of {count}")
        sample = inspection.sample
        prompts.append(view_prompt(inspection, checkpoint.processor))
        tokens[template_key(sample.template.mode, sample.template.name)] = as_json(
            view_tokens(
                inspection.encoded,
                checkpoint.processor,
                policy=sample.trained_by(inputs.policy),
                frames=_frames(inspection, inputs),
            )
        )
    keep_processor(video, checkpoint, processor)
    return Inspected(
        notice=_remarks(inputs, video, checkpoint=checkpoint),
        facts=_facts(video, checkpoint, settings=settings),
        prompts=as_json(prompts),
        tokens=tokens,
        film=as_json(view_film(video)),
    )


def _inspections(
    settings: Settings, inputs: Inputs, video: SampledVideo, processor: "ProcessorMixin"
) -> Iterator[Inspection]:
    """Yield the row's own words, where it has some, and then what every template makes of the fields."""
    if inputs.own is not None:
        sample = own_sample(settings, inputs)
        yield Inspection(sample, SFTCollator(processor, policy=inputs.policy).encode(sample))
    yield from inspect_templates(
        video,
        inputs.query,
        inputs.windows_within(video.info.duration, clip=settings.clip),
        processor=processor,
        templates=inputs.templates,
        policy=inputs.policy,
    )


def _frames(inspection: Inspection, inputs: Inputs) -> FramesView | None:
    """Return when the frames are shown; None where the model does not say how it sees them."""
    grid, video = inspection.encoded.media.get("video_grid_thw"), inspection.sample.video
    if grid is None:
        return None
    return view_frames(
        video.timestamps, int(grid[0][0]), duration=video.info.duration, clip=inputs.clip,
        windows=inspection.sample.windows,
    )  # fmt: skip


def _facts(video: SampledVideo, checkpoint: "Checkpoint", *, settings: Settings) -> str:
    info = video.info
    return (
        f"{info.duration:.1f} s at {info.fps:g} fps, {info.width}×{info.height} {info.codec} · {len(video.timestamps)} frames "
        f"from {video.timestamps[0]:.1f} to {video.timestamps[-1]:.1f} s · {settings.model_label} "
        f"({type(checkpoint.processor).__name__}, {len(checkpoint.processor.tokenizer):,} tokens)"
    )


def _remarks(inputs: Inputs, video: SampledVideo, *, checkpoint: "Checkpoint") -> str:
    warnings = []
    if checkpoint.added_tokens:
        warnings.append(
            f"The tokenizer of {checkpoint.name} lacks {len(checkpoint.added_tokens):,} temporal tokens; they were "
            "added in memory, and their embeddings are untrained."
        )
    if inputs.windows and not any(
        start <= t <= end for start, end in inputs.windows for t in video.timestamps
    ):
        warnings.append(
            "No sampled frame lies within the window: the model cannot see what it is asked for. Take more frames."
        )
    if video.info.clock_remark:
        warnings.append(as_sentence(video.info.clock_remark))
    remarks = [*filter(None, [inputs.note]), *warnings]
    return notice("warning" if warnings else "info", " ".join(remarks)) if remarks else ""
