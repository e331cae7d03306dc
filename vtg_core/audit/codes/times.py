"""Codes of times: stamps, frames and windows."""

from vtg_core.audit.findings import Code, Severity

STAMPS = Code(
    "time.stamps-differ", Severity.ERROR, "The time stamps are not the frames' times",
    "The model reads one clock in the prompt and is taught to answer by another.",
    "Pass the video's metadata (fps, frame indices) to the processor together with its frames.",
)  # fmt: skip
FPS = Code(
    "time.fps-assumed", Severity.ERROR, "The time stamps assume another frame rate",
    "All times in the prompt are stretched by one factor, and the answer is not.",
    "Pass video_metadata with the true fps and the frame indices; without it processors assume a rate such as 24.",
)  # fmt: skip
FIRST_PART = Code(
    "time.only-first-part", Severity.WARNING, "Only the first part of the video was sampled",
    "What happens later cannot be seen, and answers about it can only be guessed.",
    "Spread the frames over the whole video, or raise the number of frames.",
)  # fmt: skip
SECONDS = Code(
    "time.seconds-per-grid-differ", Severity.ERROR, "second_per_grid_ts is not the time between the frames",
    "The model computes its positions in time from it, so the video seems faster or slower than it is.",
    "Pass the rate at which the frames were really sampled (fps, or video_metadata) to the processor.",
)  # fmt: skip
AFTER_LAST = Code(
    "time.window-after-last-frame", Severity.WARNING, "A window ends after the last sampled frame",
    "The end of the event is not in the model's input.",
    "Sample up to the end of the video, and check the window's unit.",
)  # fmt: skip
NO_FRAME = Code(
    "time.window-without-frame", Severity.WARNING, "No sampled frame lies in a window",
    "The model never sees what it is asked to find.",
    "Sample more frames, or drop windows shorter than the sampling step.",
)  # fmt: skip
SAME_BIN = Code(
    "time.same-bin", Severity.WARNING, "Start and end of a window are written alike",
    "The answer format cannot tell them apart, so the answer has no length or a made-up one.",
    "Use a finer answer format, or drop windows this short.",
)  # fmt: skip
RESOLUTION = Code(
    "time.resolution", Severity.INFO, "The answer format rounds the windows",
    "Even a perfect answer cannot reach an IoU of 1.",
    "Use a finer answer format where that matters.",
)  # fmt: skip
RESOLUTION_LOW = Code(
    "time.resolution-low", Severity.WARNING, "The answer format is too coarse for a window",
    "Even a perfect answer misses an IoU of 0.5, so it counts as wrong.",
    "Use a finer answer format, or drop windows this short.",
)  # fmt: skip

CODES = (
    STAMPS,
    FPS,
    FIRST_PART,
    SECONDS,
    AFTER_LAST,
    NO_FRAME,
    SAME_BIN,
    RESOLUTION,
    RESOLUTION_LOW,
)
