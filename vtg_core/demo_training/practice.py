"""Clips for the demo model to learn from and to be asked about: as many as one wants, of the kind of the demo's own.

Films are drawn, a minute and a half each, and clips are cut from them by their rows' ``video_start`` and ``video_end``:
a film holds dozens of clips that differ in what is seen when, so that a model learns to look instead of learning clips
by heart. A clip shows one to three coloured shapes, no two of a colour and no two at a time, on the background that the
demo clips have, with their grey ball and their clock.
"""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from vtg_core.demo.clips import (
    BLUE,
    CIRCLE,
    GREEN,
    HEIGHT,
    RED,
    SQUARE,
    STAR,
    TRIANGLE,
    WIDTH,
    YELLOW,
    Clip,
    Event,
    Quality,
    write_clip,
)
from vtg_core.windows import Window

SHAPES = {"circle": CIRCLE, "square": SQUARE, "triangle": TRIANGLE, "star": STAR}
COLORS = {"red": RED, "blue": BLUE, "green": GREEN, "yellow": YELLOW}
DURATIONS = (20, 24, 30, 32)
LENGTHS = range(3, 9)
GAPS = range(1, 16)
"""Seconds, all whole: of a clip, of what happens in it, and from the end of one event of a film to the next."""

FILM_SECONDS, CLIPS_A_FILM = 90, 20
MOST_SHAPES = 3
"""In a clip; no two of so many events in a row share a colour."""

ROWS_NAME = "annotations.json"
QUICK = Quality(fps=4, supersampling=2, preset="ultrafast", crf=18)
"""How films by the hundred are drawn: a few hundredths of a second for each second of them."""


class Cut(NamedTuple):
    """A clip of a film.

    Attributes:
        window: where it is in the film, seconds.
        events: all that it shows, each from start to end; their windows are those of the film.
    """

    window: Window
    events: tuple[Event, ...]


def practice_film(seed: int, number: int) -> Clip:
    """Return the film of that number: the same for the same arguments, on every machine.

    Args:
        seed: of the set of films.
        number: of the film in it.
    """
    draw = random.Random(f"{seed}/{number}")
    events: list[Event] = []
    start = draw.choice(GAPS) - 1
    while (end := start + draw.choice(LENGTHS)) <= FILM_SECONDS:
        recent = {event.color for event in events[1 - MOST_SHAPES :]}
        color = draw.choice([name for name, rgb in COLORS.items() if rgb not in recent])
        events.append(_event(draw, Window(start, end), color))
        start = end + draw.choice(GAPS)
    return Clip(f"{number:05}.mp4", float(FILM_SECONDS), tuple(events), hue=draw.random())


def cuts_of(film: Clip) -> list[Cut]:
    """Return the clips that a film holds: of 1 to ``MOST_SHAPES`` events, none of which is cut through."""
    cuts = []
    for duration in DURATIONS:
        for start in range(FILM_SECONDS - duration + 1):
            window = Window(start, start + duration)
            seen = [event for event in film.events if _overlap(event.window, window)]
            if 1 <= len(seen) <= MOST_SHAPES and all(_holds(window, event.window) for event in seen):
                cuts.append(Cut(window, tuple(seen)))
    return cuts


def write_practice(
    folder: Path, num_films: int, *, seed: int, clips_a_film: int = CLIPS_A_FILM, num_processes: int = 1
) -> Path:
    """Draw and encode films into ``folder``, and return the path of their annotation file.

    It has a row for each event of each clip; those of a clip stand together, in no order. Clips with more shapes are as
    frequent as clips with few.

    Args:
        folder: is made where it is not there.
        num_films: how many.
        seed: as in :func:`practice_film`.
        clips_a_film: how many clips are cut from each; fewer where it holds no more.
        num_processes: that draw side by side.
    """
    folder.mkdir(parents=True, exist_ok=True)
    films = [practice_film(seed, number) for number in range(num_films)]
    write = partial(write_clip, folder=folder, quality=QUICK)
    if num_processes > 1:
        with ProcessPoolExecutor(num_processes) as pool:
            list(pool.map(write, films, chunksize=4))
    else:
        list(map(write, films))
    rows = [row for film in films for row in _rows(film, seed, clips_a_film)]
    path = folder / ROWS_NAME
    path.write_text(json.dumps(rows, indent=0) + "\n", encoding="utf-8")
    return path


def _rows(film: Clip, seed: int, num_clips: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(f"{seed}/{film.name}/clips")
    by_count: dict[int, list[Cut]] = {}
    for cut in draw.sample(cuts := cuts_of(film), len(cuts)):
        by_count.setdefault(len(cut.events), []).append(cut)
    for _ in range(min(num_clips, len(cuts))):
        count = draw.choice(sorted(by_count))
        cut = by_count[count].pop()
        if not by_count[count]:
            del by_count[count]
        for event in draw.sample(cut.events, count):
            yield _row(film, cut, event)


def _row(film: Clip, cut: Cut, event: Event) -> dict[str, Any]:
    """Return the annotation row that asks for an event of a clip; its times are those of the clip."""
    start, end = event.window.start - cut.window.start, event.window.end - cut.window.start
    is_last = event.window.end == cut.window.end and event.query.endswith(" appears")
    return {
        "video": film.name,
        "video_start": cut.window.start,
        "video_end": cut.window.end,
        "duration": cut.window.length,
        "timestamp": [start, end],
        "sentence": f"{event.query} at the very end" if is_last else event.query,
    }


def _overlap(one: Window, other: Window) -> bool:
    return one.start < other.end and other.start < one.end


def _holds(outer: Window, inner: Window) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _event(draw: random.Random, window: Window, color: str) -> Event:
    shape = draw.choice(sorted(SHAPES))
    x, y = draw.uniform(0.2, 0.8) * WIDTH, draw.uniform(0.32, 0.56) * HEIGHT
    path, does = ((x, y), (x, y)), "appears"
    if draw.random() < 0.3:
        sides = draw.sample((0.14 * WIDTH, 0.86 * WIDTH), 2)
        path, does = ((sides[0], y), (sides[1], y)), "slides across the screen"
    radius = draw.uniform(34.0, 50.0)
    return Event(f"a {color} {shape} {does}", window, SHAPES[shape], COLORS[color], path, radius)
