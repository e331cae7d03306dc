"""Time: what the prompt says of it, what the frames show of it, and what the answer can still say.

Source of the faults: LLaMA-Factory#10335 and #9620, ms-swift#6523, VeOmni#1165, lmms-eval#1393, transformers#45381.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vtg_core.audit.checks.shown_videos import num_shown_videos
from vtg_core.audit.codes.times import (
    AFTER_LAST,
    BY_DURATION,
    CLOCK_REPEATS,
    DURATION,
    FIRST_PART,
    FPS,
    NO_FRAME,
    RATE_VARIES,
    RESOLUTION,
    RESOLUTION_LOW,
    SAME_BIN,
    SECONDS,
    STAMPS,
    UNSEEN,
)
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.clock import (
    ROUNDING_SECONDS,
    Clock,
    Distance,
    StampForm,
    clock_of,
    reach_of,
    sampling_step,
)
from vtg_core.audit.row.learnt.frame_texts import frame_texts
from vtg_core.audit.row.pictures import Pictures, times_of_alike
from vtg_core.audit.row.row import Row, Scene
from vtg_core.audit.row.videos import stamps_of
from vtg_core.errors import VTGError, as_sentence
from vtg_core.masking.labelled_tokens import CODE_OF
from vtg_core.regions import RegionKind
from vtg_core.windows import Window, intersection_over_union


def check(row: Row) -> Iterator[Finding]:
    """Yield what is wrong with the times of a row."""
    scene = row.known.scene if row.known is not None else None
    yield from _seconds_per_grid(row, scene)
    clock = _clock(row, scene)
    if clock is not None:
        yield _clock_finding(row, clock)
    if scene is None:
        return
    yield from _file(row, scene)
    if clock is not None and clock.covered is not None:
        yield from _unseen(row, scene, reach_of(clock.came, scene, _form(row)))
    if _shows_other_frames(row):  # which of the windows they show is not known
        yield from _windows_as_written(row, scene)
        return
    covers_first_part = False
    if clock is None:
        for finding in _first_part(row, scene):
            covers_first_part = True
            yield finding
    if not covers_first_part:
        yield from _windows_and_frames(row, scene)
    yield from _windows_as_written(row, scene)


def best_iou(window: Window, scene: Scene) -> float | None:
    """Return the IoU of a window with itself, written in the scene's answer format and read back.

    No answer in this format does reliably better: it is what a perfect model scores. None where the format cannot
    write the window.
    """
    try:
        written = scene.answer_format.render([window], scene.duration)
    except VTGError:
        return None
    read = scene.answer_format.parse(written, scene.duration).windows
    return intersection_over_union(window, read[0]) if read else 0.0


def _clock(row: Row, scene: Scene | None) -> Clock | None:
    """Say what is wrong with the time stamps in the row; None where nothing is, or where there are none."""
    if row.is_our_encoding:
        return None
    came = stamps_of(row.own_ids, row.chat)
    num_videos = len(row.media.get("video_grid_thw", ()))
    if not came or num_videos > 1 or _has_more_videos(row):
        return None
    ours = stamps_of(row.known.tokens.input_ids, row.chat) if row.known is not None else []
    shown: list[tuple[float, float]] = []
    if row.known is not None and row.known.marks is not None and row.shows_our_frames:
        shown = times_of_alike(ours, row.known.marks)
    others = ((n, stamps_of(k.tokens.input_ids, row.chat)) for n, k in row.batch.items() if n != row.number)
    return clock_of(
        came, ours, scene, shown=shown, others=others, distance=_distance(row, scene), form=_form(row)
    )


def _form(row: Row) -> StampForm:
    """Return how the row's processor writes times."""
    texts = frame_texts(row.chat)
    rounding = texts.quantum if texts.quantum >= 1 else ROUNDING_SECONDS
    return StampForm(rounding, texts.frames_a_stamp)


def _distance(row: Row, scene: Scene | None) -> Distance:
    """Return what says how far the row's pictures at some times are from those of our encoding."""

    def distance(stamps: Sequence[float]) -> float | None:
        known = row.known
        pictures = Pictures.of(row.marks, row.media.get("video_grid_thw"))
        own = Pictures.of(known.marks, known.grid) if known is not None else None
        if pictures is None or own is None or scene is None:
            return None
        return pictures.distance(stamps, own, scene.timestamps)

    return distance


def _has_more_videos(row: Row) -> bool:
    """Say whether a row shows more videos than its sample has, each with a clock of its own."""
    if row.known is None:
        return False
    expected = len(row.known.grid) if row.known.grid is not None else 1
    return num_shown_videos(row, row.known) > expected


def _shows_other_frames(row: Row) -> bool:
    """Say whether a row has other frames than ours: both its pictures and its time stamps are others."""
    if row.is_our_encoding or row.known is None or row.known.marks is None or row.marks is None:
        return False
    came, ours = (stamps_of(ids, row.chat) for ids in (row.own_ids, row.known.tokens.input_ids))
    return came != ours and not row.shows_our_frames


def _clock_finding(row: Row, clock: Clock) -> Finding:
    if clock.covered is not None:
        code = FIRST_PART
    elif clock.is_choice:
        code = BY_DURATION
    else:
        code = FPS if clock.fps is not None or clock.factor is not None else STAMPS
    evidence = {
        "stamps": clock.came[:400],
        "frame_times": clock.expected[:400],
        "factor": None if clock.factor is None else round(clock.factor, 4),
        "fps": None if clock.fps is None else round(clock.fps, 4),
        "covered": clock.covered,
        "largest_difference": None if clock.largest is None else round(clock.largest, 3),
        "times_of_row": clock.other_row,
    }
    is_stamp = (row.kinds == CODE_OF[RegionKind.TIMESTAMP]) & ~row.is_padding
    finding = code.finding(clock.message, row=row.number, evidence=evidence, regions=row.regions(is_stamp))
    return finding if clock.other_row is None else replace(finding, fix=OWN_METADATA)


OWN_METADATA = (
    "Give the processor one video_metadata for each video, each video its own, in the order of the videos."
)


def _seconds_per_grid(row: Row, scene: Scene | None) -> Iterator[Finding]:
    """Compare ``second_per_grid_ts`` with the frames' times.

    Processors take the frames' rate as number of frames by duration, and frames spread from the first to the last
    lie a little further apart: both are right here, and of the very frames of our encoding nothing else is.
    """
    seconds, grid = row.media.get("second_per_grid_ts"), row.media.get("video_grid_thw")
    if seconds is None or grid is None or len(seconds) != 1 or len(grid) != 1:
        return
    if grid[0][0] <= 0:
        return  # the family of length says so
    came = float(seconds[0])
    if came <= 0 or not np.isfinite(came):
        yield SECONDS.finding(
            f"second_per_grid_ts must be above 0 s, and is {came:g}.", row=row.number, evidence={"row": came}
        )
        return
    if scene is None:
        return
    per_grid = int(getattr(row.chat.processor.video_processor, "temporal_patch_size", 2))
    low, high = _expected_seconds(scene, int(grid[0][0]), per_grid)
    joined, fits = ("or", _is_one_of) if row.shows_our_frames else ("to", _is_between)
    if fits(came, low, high):
        return
    shown = f"{low:.2f}" if high - low < 0.005 else f"{low:.2f} {joined} {high:.2f}"
    is_reciprocal = fits(1 / came, low, high)
    nearest = min((low, high), key=lambda true: abs(came - true))
    yield SECONDS.finding(
        f"second_per_grid_ts says {came:.2f} s, and {per_grid} frames last {shown} s: times are off by a factor of "
        f"{came / nearest:.2f}" + ("; it is the reciprocal, grids per second." if is_reciprocal else "."),
        row=row.number,
        evidence={"row": came, "expected": [low, high], "frames_per_grid": per_grid},
    )


def _is_one_of(came: float, low: float, high: float) -> bool:
    return any(abs(came - true) <= EXACT * true for true in (low, high))


def _is_between(came: float, low: float, high: float) -> bool:
    return 0.95 * low <= came <= 1.05 * high


EXACT = 0.01
"""Durations of one file differ by as much between those who read it."""


def _expected_seconds(scene: Scene, grid_t: int, per_grid: int) -> tuple[float, float]:
    """Return the least and the most seconds that ``per_grid`` frames can take where they cover the video."""
    num_frames = len(scene.timestamps)
    if -(-num_frames // per_grid) == grid_t:
        step = sampling_step(scene.timestamps)
        rate = scene.duration / num_frames
        return per_grid * min(step or rate, rate), per_grid * max(step or rate, rate)
    fewest = max(1, (grid_t - 1) * per_grid)  # other frames than ours; the last of an odd number is doubled
    return scene.duration / grid_t, per_grid * scene.duration / fewest


def _file(row: Row, scene: Scene) -> Iterator[Finding]:
    """Compare the video file with a constant frame rate and with the duration that the row declares."""
    if scene.clock_remark:
        yield CLOCK_REPEATS.finding(
            as_sentence(scene.clock_remark), row=row.number, evidence={"video": scene.video}
        )
    if scene.rate_error > ROUNDING_SECONDS:
        rate = f" ({scene.fps:.4g} fps)" if scene.fps else ""
        yield RATE_VARIES.finding(
            f"The frame rate of {Path(scene.video).name or 'the file'} varies: a frame's index divided by the mean rate{rate} misses the time at which "
            f"the frame is shown by up to {scene.rate_error:.2f} s.",
            row=row.number,
            evidence={
                "largest_difference": round(scene.rate_error, 3),
                "mean_fps": scene.fps,
                "video": scene.video,
            },
        )
    declared = scene.declared_duration
    if declared is None or abs(declared - scene.duration) <= max(
        DURATION_SECONDS, DURATION_SHARE * scene.duration
    ):
        return
    longer = scene.duration - declared
    if not 0.5 < declared / scene.duration < 2:
        why = ", as where it is in another unit or of another video"
    elif longer > 0:
        why = (
            ", as where it was cut without re-encoding and begins at an earlier key frame: its times may then be "
            f"{longer:.1f} s too early"
        )
    else:
        why = ", as where its end is missing"
    yield DURATION.finding(
        f"The row says that the video lasts {declared:.2f} s, and the file's picture lasts {scene.duration:.2f} s{why}.",
        row=row.number,
        evidence={"declared": declared, "file": round(scene.duration, 3)},
    )


DURATION_SECONDS = 0.5
"""Releases of one data set differ by up to 0.3 s in the durations that they give."""
DURATION_SHARE = 0.01


def _unseen(row: Row, scene: Scene, reach: float) -> Iterator[Finding]:
    """Name the windows that lie wholly behind the last time that frames reach."""
    unseen = [window for window in scene.windows if window.start > reach + ROUNDING_SECONDS]
    if unseen:
        yield UNSEEN.finding(
            f"The window {_shown(unseen)} lies wholly behind the frames, which reach {reach:.1f} s of "
            f"{scene.duration:.1f} s at most.",
            row=row.number,
            evidence={"windows": [list(w) for w in unseen], "reach": round(reach, 3)},
        )


def _first_part(row: Row, scene: Scene) -> Iterator[Finding]:
    step = sampling_step(scene.timestamps)
    if step is None:
        return
    covered = (scene.timestamps[-1] + step) / scene.duration
    if covered >= COVERED_ENOUGH:
        return
    last = scene.timestamps[-1]
    beyond = [window for window in scene.windows if window.end > last + step]
    yield FIRST_PART.finding(
        f"The {len(scene.timestamps)} frames end at {last:.1f} s of {scene.duration:.1f} s"
        + (f", and {len(beyond)} of {len(scene.windows)} windows end later." if beyond else "."),
        row=row.number,
        evidence={"last_frame": last, "duration": scene.duration, "covered": round(covered, 4)},
    )
    yield from _unseen(row, scene, last + step)


COVERED_ENOUGH = 0.9
"""Frames that reach so far into the video, as a share of it, cover the whole."""


def _windows_and_frames(row: Row, scene: Scene) -> Iterator[Finding]:
    """Look for windows that the sampled frames do not show; one finding of each code for all windows."""
    times, step = scene.timestamps, sampling_step(scene.timestamps)
    after = [window for window in scene.windows if step is not None and window.end > times[-1] + step]
    if after:
        yield AFTER_LAST.finding(
            f"The window {_shown(after)} ends after the last frame at {times[-1]:.1f} s; frames lie {step:.1f} s apart.",
            row=row.number,
            evidence={"windows": [list(w) for w in after], "last_frame": times[-1], "step": step},
        )
    unseen = [
        window
        for window in scene.windows
        if window not in after and bisect_left(times, window.start) == bisect_right(times, window.end)
    ]
    if unseen:
        apart = f"; frames lie {step:.1f} s apart" if step is not None else ""
        yield NO_FRAME.finding(
            f"None of the {len(times)} frames lies in the window {_shown(unseen)}{apart}.",
            row=row.number,
            evidence={"windows": [list(w) for w in unseen], "step": step},
        )


def _windows_as_written(row: Row, scene: Scene) -> Iterator[Finding]:
    """Look for windows that the answer format writes too coarsely."""
    alike = [window for window in scene.windows if _is_written_alike(window, scene)]
    quantum = scene.answer_format.quantum(scene.duration)
    if alike:
        yield SAME_BIN.finding(
            f"The window {_shown(alike)} begins and ends within one step of {quantum:.3g} s, the finest that the answer can say.",
            row=row.number,
            evidence={"windows": [list(w) for w in alike], "quantum": quantum},
        )
    scores = [
        (score, w) for w in scene.windows if w not in alike and (score := best_iou(w, scene)) is not None
    ]
    if not scores or min(scores)[0] >= IOU_WORTH_KNOWING:
        return
    score, window = min(scores)
    step = sampling_step(scene.timestamps)
    yield (RESOLUTION_LOW if score < IOU_TOO_LOW else RESOLUTION).finding(
        f"Written in steps of {quantum:.3g} s, the window {_shown([window])} can be answered with an IoU of {score:.2f} at best"
        + (f"; frames lie {step:.1f} s apart." if step is not None else "."),
        row=row.number,
        evidence={
            "best_iou": round(score, 4),
            "window": list(window),
            "quantum": quantum,
            "step": step,
            "best_iou_of_frames": _iou_of_frames(window, scene),
        },
    )


IOU_WORTH_KNOWING = 0.9
IOU_TOO_LOW = 0.5


def _is_written_alike(window: Window, scene: Scene) -> bool:
    """Say whether start and end fall into one step of the answer format."""
    quantum = scene.answer_format.quantum(scene.duration)
    if window.length >= quantum:
        return False
    if scene.answer_format.unit == "seconds":  # decimals are rounded
        return f"{window.start:.1f}" == f"{window.end:.1f}"
    return int(window.start / quantum) == int(window.end / quantum)


def _iou_of_frames(window: Window, scene: Scene) -> float:
    """Return the IoU of a window with itself, its ends moved to the nearest sampled frames."""
    times = np.asarray(scene.timestamps)
    start, end = (float(times[np.argmin(np.abs(times - t))]) for t in window)
    return round(intersection_over_union(window, Window(start, end)), 4) if start < end else 0.0


def _shown(windows: list[Window]) -> str:
    """Return up to four windows in words."""
    return ", ".join(f"{window.start:.2f} to {window.end:.2f} s" for window in windows[:4])
