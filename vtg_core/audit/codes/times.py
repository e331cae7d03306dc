"""Codes of times: stamps, frames and windows."""

from vtg_core.audit.findings import Code, Rival, Severity

STAMPS = Code(
    "time.stamps-differ", Severity.ERROR, "The time stamps are not the frames' times",
    "The model reads one clock in the prompt and is taught to answer by another.",
    "Pass the video's metadata (fps, frame indices) to the processor together with its frames.",
    (
        Rival("time.fps-assumed", "one factor explains all stamps there"),
        Rival("The stamps are another row's of the batch.", "the finding names the row"),
        Rival("time.rate-varies", "the file's own rate varies there, and the finding says by how much"),
    ),
)  # fmt: skip
FPS = Code(
    "time.fps-assumed", Severity.ERROR, "The time stamps assume another frame rate",
    "All times in the prompt are stretched by one factor, and the answer is not.",
    "Pass video_metadata with the true fps and the frame indices; without it processors assume a rate such as 24.",
    (
        Rival("time.only-first-part"),
    ),
)  # fmt: skip
BY_DURATION = Code(
    "time.linspace-rate", Severity.POLICY, "Frames up to the last are stamped by their number over the duration",
    "They lie duration / (n - 1) apart, so that n / duration as their rate makes all times short by 1/n; no window moves "
    "by as much as the answer can say.",
    "Nothing, if serving does so too; else stamp each frame by its own place in the file.",
    (
        Rival("time.stamps-differ", "a window's border moves by more than the answer's own unit there"),
        Rival("time.fps-assumed", "the factor is another one than (n - 1) / n of n frames there"),
    ),
)  # fmt: skip
FIRST_PART = Code(
    "time.only-first-part", Severity.WARNING, "Only the first part of the video was sampled",
    "What happens later cannot be seen, and answers about it can only be guessed.",
    "Spread the frames over the whole video, or raise the number of frames.",
    (
        Rival("time.fps-assumed"),
    ),
)  # fmt: skip
SECONDS = Code(
    "time.seconds-per-grid-differ", Severity.ERROR, "second_per_grid_ts is not the time between the frames",
    "The model computes its positions in time from it, so the video seems faster or slower than it is.",
    "Pass the rate at which the frames were really sampled (fps, or video_metadata) to the processor.",
    (
        Rival("The collator took other frames than ours.", "any seconds with which the grid covers the video are right then"),
    ),
)  # fmt: skip
AFTER_LAST = Code(
    "time.window-after-last-frame", Severity.WARNING, "A window ends after the last sampled frame",
    "The end of the event is not in the model's input.",
    "Sample up to the end of the video, and check the window's unit.",
    (
        Rival("time.only-first-part", "the frames end before nine tenths of the video there"),
        Rival("time.unit-suspected", "many rows of the file run past their videos there, and one factor brings them back"),
    ),
)  # fmt: skip
NO_FRAME = Code(
    "time.window-without-frame", Severity.WARNING, "No sampled frame lies in a window",
    "The model never sees what it is asked to find.",
    "Sample more frames, or drop windows shorter than the sampling step.",
    (
        Rival("time.window-unseen", "the window lies behind all frames there, and here between two"),
        Rival("time.unit-suspected", "all windows of the file are too short for their videos there"),
    ),
)  # fmt: skip
SAME_BIN = Code(
    "time.same-bin", Severity.WARNING, "Start and end of a window are written alike",
    "The answer format cannot tell them apart, so the answer has no length or a made-up one.",
    "Use a finer answer format, or drop windows this short.",
    (
        Rival("time.unit-suspected", "all windows of the file lie in the very beginning of their videos there"),
    ),
)  # fmt: skip
RESOLUTION = Code(
    "time.resolution", Severity.INFO, "The answer format rounds the windows",
    "Even a perfect answer cannot reach an IoU of 1.",
    "Use a finer answer format where that matters.",
    (),
)  # fmt: skip
RESOLUTION_LOW = Code(
    "time.resolution-low", Severity.WARNING, "The answer format is too coarse for a window",
    "Even a perfect answer misses an IoU of 0.5, so it counts as wrong.",
    "Use a finer answer format, or drop windows this short.",
    (
        Rival("time.unit-suspected", "all windows of the file lie in the very beginning of their videos there"),
    ),
)  # fmt: skip
UNSEEN = Code(
    "time.window-unseen", Severity.ERROR, "A window lies in a part of the video that was not sampled",
    "No frame of the event is in the model's input, and the answer is taught all the same.",
    "Spread the frames over the whole video, or drop the windows that they do not reach.",
    (
        Rival("time.window-without-frame", "frames stand on either side of the window there"),
    ),
)  # fmt: skip
RATE_VARIES = Code(
    "time.rate-varies", Severity.INFO, "The frame rate of a video file varies",
    "Code that divides a frame's index by the mean rate writes other times than those at which frames are shown.",
    "Take the presentation times of the frames, as VTG Lens does, or convert the file to a constant frame rate.",
    (),
)  # fmt: skip
CLOCK_REPEATS = Code(
    "time.clock-repeats", Severity.WARNING, "Frames of a video file repeat their times",
    "Readers disagree about such a file: some drop the frames whose time was there before, others count on, and the times of "
    "all later frames differ by as much.",
    "Convert the file to MP4 with re-encoding, and look at the window in what comes of it; VTG Lens keeps all frames and "
    "counts on.",
    (
        Rival("time.rate-varies", "each frame has a time of its own there"),
    ),
)  # fmt: skip
DURATION = Code(
    "time.duration-differs", Severity.WARNING, "The annotated duration is not that of the video file",
    "The file may be another cut than the one that was annotated, and then all its times are shifted or stretched.",
    "Look at the window in the video; cut the file anew with re-encoding, or correct the row's duration and times.",
    (
        Rival("time.unit-suspected", "the duration is the file's in another unit there"),
    ),
)  # fmt: skip
UNIT = Code(
    "time.unit-suspected", Severity.WARNING, "The times of the file seem not to be seconds",
    "The answers name other moments than those that were annotated, or the rows cannot be read at all.",
    "Look at a window in its video, then convert all times of the file to seconds by the factor.",
    (
        Rival("time.duration-differs", "the times fit the duration that the row gives there, and not the file"),
    ),
)  # fmt: skip
UNTOLD = Code(
    "time.none-told", Severity.WARNING, "The model is told no time",
    "Neither stamps nor seconds a step reach it, so it cannot answer in seconds but by learning how frames are counted: "
    "with another number of frames, or another length of video, its answers are off by that factor.",
    "Write the video's length and the number of frames into the prompt, always take as many frames, or choose a family "
    "whose processor writes times.",
    (),
)  # fmt: skip

CODES = (
    STAMPS,
    FPS,
    BY_DURATION,
    FIRST_PART,
    SECONDS,
    AFTER_LAST,
    NO_FRAME,
    SAME_BIN,
    RESOLUTION,
    RESOLUTION_LOW,
    UNSEEN,
    RATE_VARIES,
    CLOCK_REPEATS,
    DURATION,
    UNIT,
    UNTOLD,
)
