"""Every error a person may be shown, in one tree.

::

    VTGError(ValueError)      the root: one sentence that a page or the command line shows as it is
    ├── AnnotationError       a row or an annotation file breaks its format
    ├── WindowError           a time window breaks 0 <= start < end <= duration
    ├── VideoError            a file is no video, or cannot be sampled as asked
    ├── TemplateError         a prompt template is not usable, or has no such name
    ├── AnswerError           a window cannot be written in an answer format
    ├── ConversationError     messages are not in the chat form this project reads
    ├── MaskingError          which tokens are supervised cannot be proved
    ├── LengthError           a sample is longer than ``max_length`` allows
    ├── CheckpointError       a processor or a model cannot be loaded
    └── LossError             a forward pass cannot be run or gives no usable loss
        ├── NotFiniteError      the loss is infinite or no number
        ├── OutOfMemoryError    it needs more memory than the device has
        └── LossCancelledError  a person stopped it

A message says what must hold, what came, and what to do. Anything else that is raised is a bug of ours.
"""


class VTGError(ValueError):
    """Root of every error whose message is written for the person who reads it."""


class AnnotationError(VTGError):
    """A row or an annotation file breaks its format; the message names file, line and field."""


class WindowError(VTGError):
    """A time window breaks ``0 <= start < end <= duration``."""


class VideoError(VTGError):
    """A file is no video, or cannot be sampled as asked."""


class TemplateError(VTGError):
    """A prompt template is not usable, or there is none of that name."""


class AnswerError(VTGError):
    """A window cannot be written in an answer format."""


class ConversationError(VTGError):
    """Messages are not in the chat form this project reads."""


class MaskingError(VTGError):
    """Which tokens are supervised cannot be proved; no mask is returned."""


class LengthError(VTGError):
    """A sample is longer than ``max_length`` allows; nothing is cut."""


class CheckpointError(VTGError):
    """A processor or a model cannot be loaded."""


class LossError(VTGError):
    """A forward pass cannot be run, or gives no usable loss."""


class NotFiniteError(LossError):
    """A loss is infinite or no number; the message names the token and the layer where that began."""


class OutOfMemoryError(LossError):
    """A forward pass needs more memory than the device has."""


class LossCancelledError(LossError):
    """A person stopped a forward pass."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error of another project says, at most 300 characters; its name if it is silent."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def as_sentence(text: str) -> str:
    """Return a message as a sentence of its own: a capital first, unless a file's name stands there, and a full stop."""
    if text.split(" ")[0].isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
