"""The text that the demo tokenizer is trained on: our templates, and sentences of the kind people search video for."""

from collections.abc import Iterator
from itertools import product

from vtg_core.templates import TEMPLATES

_SUBJECTS = (
    "a red circle", "a blue square", "a green triangle", "a yellow star", "the person", "a woman", "a man",
    "the child", "the dog", "a car", "the chef", "the goalkeeper", "someone in a white coat", "the camera",
    "the sun", "the Earth", "city lights", "a cloud", "the train", "a cyclist",
)  # fmt: skip

_EVENTS = (
    "appears", "disappears", "moves to the left", "moves to the right", "slides across the picture",
    "turns around", "opens the door", "closes the window", "sits down on the chair", "stands up",
    "picks up the cup and drinks", "puts the book back on the shelf", "cuts the onion into small pieces",
    "stirs the soup", "rides past the house", "jumps over the fence", "starts to run", "stops and waits",
    "looks into the camera", "rises above the horizon", "lights up at night", "rotates slowly",
    "walks away with the bag", "throws the ball", "catches the ball", "waves to the crowd", "falls over",
    "is visible in the corner", "leaves the picture", "turns off the light",
)  # fmt: skip

_PROSE = """
A video is a sequence of frames, and every frame has a time in seconds.
The answer names the window in which the sentence is true: where it starts and where it ends.
You watch videos and say when something happens.
The first frame is at 0.0 seconds and the last one just before the video is over.
When does it happen? It happens between the first and the last of these moments.
Only the answer is trained. The system message, the question, the video and the time stamps are not.
A token is a piece of a word. Digits stand alone, so that each of them carries its own part of the loss.
If nothing of the kind is to be seen, say so; if it happens twice, name both windows.
user
assistant
system
query answer start end time seconds video frame moment event
"""


def sentences() -> Iterator[str]:
    """Yield the corpus line by line; the same lines in the same order each time."""
    yield from _PROSE.strip().splitlines()
    for subject, event in product(_SUBJECTS, _EVENTS):
        yield f"{subject} {event}"
        yield f"{subject.capitalize()} {event}."
    for template in TEMPLATES:
        yield template.text
    for tenths in range(0, 600, 7):
        yield f"<{tenths / 10:.1f} seconds>"
        yield f"[{tenths / 10:.1f}, {tenths / 10 + 6.3:.1f}]"
