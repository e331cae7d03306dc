"""One video, many templates: each read, encoded and labelled as it would be for training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.collator import SFTCollator
from vtg_core.data.wording.tasks import asked_windows
from vtg_core.dataset import Sample, format_for
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import MaskPolicy
from vtg_core.templates import PromptTemplate
from vtg_core.video.sampling import SampledVideo
from vtg_core.windows import Window

if TYPE_CHECKING:
    from transformers import ProcessorMixin


@dataclass(frozen=True, eq=False)
class Inspection:
    """A sample and what the model is given for it."""

    sample: Sample
    encoded: EncodedSample


def inspect_templates(
    video: SampledVideo,
    query: str,
    windows: Sequence[Window],
    *,
    processor: "ProcessorMixin",
    templates: Sequence[PromptTemplate],
    policy: MaskPolicy | None = None,
) -> Iterator[Inspection]:
    """Yield one inspection a template, in order; the video's pixels are processed once.

    Args:
        video: the frames.
        query: what is looked for.
        windows: where it happens, in seconds of ``video``; a template of another task may ask for one of them.
        processor: the checkpoint's own.
        templates: each is answered in the format of its own mode.
        policy: which regions are trained.

    Raises:
        WindowError: a window does not lie within the video.
        MaskingError: the mask of a template cannot be proved.
    """
    collator = SFTCollator(process_videos_once(processor), policy=policy)
    for template in templates:
        asked = asked_windows(template.task, windows)
        sample = Sample(video, query, asked, template, format_for(template.mode, video))
        yield Inspection(sample, collator.encode(sample))
