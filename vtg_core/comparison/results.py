"""What templates cost on the rows of an annotation file: flat values, one line a row and template."""

from dataclasses import dataclass, fields

from vtg_core.comparison.on_video import TemplateLoss
from vtg_core.dataset import Sample


@dataclass(frozen=True)
class TemplateResult:
    """What one template costs on one row of an annotation file; a line of the CSV.

    Attributes:
        row: position of the row in its file, from 0, rows that cannot be read counted: the element of an array, or
            the line of JSON Lines.
        where: its place in the file, for people.
        video: path of its video, as the file names it.
        query: its sentence.
        template: the template's name.
        mode: its answer format, by the name of its answer form.
        answer: the text that is taught.
        num_tokens: tokens of the whole sequence.
        num_video: how many of them are video and its time stamps.
        num_supervised: how many are in the loss.
        sum_nll: nats over all supervised tokens.
        mean_nll: nats a supervised token.
        num_times: tokens that say times.
        time_nll: nats over all of them.
        time_uniform: nats over them, guessed uniformly among what the format could have written.
        word_nll: nats over the words that the format always writes.
        end_of_turn_nll: nats of the token that closes the turn.
    """

    row: int
    where: str
    video: str
    query: str
    template: str
    mode: str
    answer: str
    num_tokens: int
    num_video: int
    num_supervised: int
    sum_nll: float
    mean_nll: float
    num_times: int
    time_nll: float
    time_uniform: float
    word_nll: float
    end_of_turn_nll: float

    @property
    def key(self) -> tuple[str, str]:
        """Name and mode: a template's name is unique within its mode only."""
        return self.template, self.mode


COLUMNS = tuple(field.name for field in fields(TemplateResult))
"""The columns of the CSV, in order."""


def result_of(row: int, sample: Sample, loss: TemplateLoss) -> TemplateResult:
    """Return the line of a template's loss on row ``row``, from 0, of the file that ``sample`` was read from."""
    annotation = sample.annotation
    total = loss.total
    return TemplateResult(
        row=row,
        where=annotation.where if annotation is not None else "",
        video=str(annotation.raw.get("video", annotation.video)) if annotation is not None else "",
        query=sample.query,
        template=loss.template,
        mode=loss.mode,
        answer=loss.answer,
        num_tokens=loss.num_tokens,
        num_video=loss.num_video,
        num_supervised=total.num_tokens,
        sum_nll=total.sum_nll,
        mean_nll=total.mean_nll or 0.0,
        num_times=loss.times.num_tokens,
        time_nll=loss.times.sum_nll,
        time_uniform=loss.times.uniform_nll or 0.0,
        word_nll=loss.words.sum_nll,
        end_of_turn_nll=loss.end_of_turn.sum_nll,
    )
