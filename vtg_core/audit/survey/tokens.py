"""How many tokens each row has, without a pixel."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vtg_core.data.annotations import Annotation
from vtg_core.dataset import sample_of
from vtg_core.masking.pixel_free import PixelFreeEncoder
from vtg_core.templates import TemplateSelector
from vtg_core.video.plan import FramePolicy, plan_frames

if TYPE_CHECKING:
    from transformers import ProcessorMixin


@dataclass(frozen=True)
class TokenRules:
    """What decides how many tokens a row has.

    Attributes:
        processor: the checkpoint's own.
        frames: which frames are taken.
        selector: chooses the template of each row, as an audit does.
        max_length: the most tokens that training keeps; None for no bound.
    """

    processor: "ProcessorMixin"
    frames: FramePolicy
    selector: TemplateSelector
    max_length: int | None = None


class TokenCounter:
    """Counts the tokens of rows whose video is there."""

    def __init__(self, rules: TokenRules) -> None:
        self.rules = rules
        self._encoder = PixelFreeEncoder(rules.processor)
        self._selector = rules.selector

    def count(self, annotation: Annotation, index: int) -> int:
        """Return how many tokens a row has, the video's included.

        Args:
            annotation: the row, with its windows.
            index: its position among the rows that can be read, from 0; the template depends on it.

        Raises:
            VTGError: it cannot be made into tokens.
        """
        template = self._selector.select(index, len(annotation.windows))
        return len(
            self._encoder.encode(
                sample_of(annotation, plan_frames, template=template, frames=self.rules.frames)
            )
        )
