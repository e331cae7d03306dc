"""What the page offers on a first visit: our clips, and the real video that Gradio's package ships."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vtg_core.demo.clips import CLIPS
from vtg_core.windows import Window


@dataclass(frozen=True)
class Example:
    """A video with a query that a person can check by eye."""

    video: Path
    query: str
    window: Window


def examples(assets: Path) -> list[Example]:
    """Return the examples whose video is there, the demo clips in ``assets`` first."""
    found = [
        Example(assets / clip.name, event.query, event.window) for clip in CLIPS for event in clip.events
    ]
    spec = find_spec("gradio")
    if spec is not None and spec.origin is not None:
        earth = Path(spec.origin).parent / "media_assets" / "videos" / "world.mp4"
        found += [Example(earth, query, window) for query, window in _EARTH]
    return [example for example in found if example.video.is_file()]


_EARTH = (
    ("the whole of Africa is in view", Window(5.0, 9.0)),
    ("the lights of the United States are in view", Window(10.0, 22.0)),
)
