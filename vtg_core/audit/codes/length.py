"""Codes of length, and what was cut."""

from vtg_core.audit.findings import Code, Rival, Severity

PLACEHOLDERS = Code(
    "length.placeholders-differ", Severity.ERROR, "The prompt has not as many video placeholders as the video needs",
    "The model puts one vision feature on each placeholder, and fails, or reads other frames, where the counts differ.",
    "Let the processor expand the placeholders, and cut nothing from the ids afterwards.",
    (
        Rival("length.video-cut", "the row ends within the video there"),
        Rival("length.video-missing", "the row has no placeholder at all there"),
        Rival("batch.videos-differ", "a grid belongs to no row of the batch there"),
    ),
)  # fmt: skip
VIDEO_MISSING = Code(
    "length.video-missing", Severity.ERROR, "The row trains without its video",
    "The model is taught to name times that it cannot see; a file that could not be read was probably left out.",
    "Raise where a video cannot be read, or drop the row; never train its answer on the text alone.",
    (
        Rival("length.video-as-images", "placeholders of images stand in the row there"),
        Rival("length.videos-too-few", "one of several videos is shown there"),
    ),
)  # fmt: skip
VIDEOS_TOO_FEW = Code(
    "length.videos-too-few", Severity.ERROR, "The row shows fewer videos than its sample has",
    "The answer may speak of the video that is not there.",
    "Write one placeholder for each video of the messages, and pass the frames of each.",
    (
        Rival("length.video-missing", "none is shown there"),
    ),
)  # fmt: skip
AS_IMAGES = Code(
    "length.video-as-images", Severity.WARNING, "The row shows images in place of its video",
    "A model gives images other positions than frames of a video, and no times; serving may show it a video.",
    "Pass the frames as a video with its metadata, or serve with images too, their times in the text.",
    (
        Rival("length.video-missing", "no placeholder of images stands in the row there"),
    ),
)  # fmt: skip
ANSWER_CUT = Code(
    "length.answer-cut", Severity.ERROR, "Truncation took the answer",
    "What is left to train on is no answer, or nothing at all.",
    "Raise max_length, take fewer or smaller frames, or drop the sample; never cut it.",
    (
        Rival("mask.nothing-trained", "the answer stands in the row there, and none of it is in the loss"),
        Rival("parity.generation-prompt-behind", "an answer that is closed stands before the empty turn there"),
    ),
)  # fmt: skip
END_CUT = Code(
    "length.end-of-turn-cut", Severity.ERROR, "Truncation took the end of turn",
    "The answer is there, but the model is taught to go on after it.",
    "Raise max_length, take fewer or smaller frames, or drop the sample; never cut it.",
    (
        Rival("stop.missing", "no bound shows there: no max_length that the row reaches, and no other row of its length"),
    ),
)  # fmt: skip
VIDEO_CUT = Code(
    "length.video-cut", Severity.ERROR, "Truncation took a part of the video",
    "The answer speaks of frames that the model does not see, and placeholders and vision features no longer match.",
    "Raise max_length, or take fewer or smaller frames.",
    (
        Rival("length.placeholders-differ", "the row goes on behind the video there"),
    ),
)  # fmt: skip
PROMPT_CUT = Code(
    "length.prompt-cut", Severity.ERROR, "Truncation took the beginning of the prompt",
    "The model is trained on a prompt that serving never writes, and may not see what is asked.",
    "Raise max_length, take fewer or smaller frames, or drop the sample; never cut it.",
    (
        Rival("parity.system-differs", "the row begins with a turn there, and only the system turn is missing"),
    ),
)  # fmt: skip
OVER = Code(
    "length.over-max-length", Severity.ERROR, "The row is longer than max_length",
    "A trainer that cuts at max_length takes the end of the row, which is where the answer stands.",
    "Raise max_length, take fewer or smaller frames, or drop the sample.",
    (
        Rival("length.answer-cut", "the row was cut already there"),
    ),
)  # fmt: skip
BUDGET = Code(
    "length.budget", Severity.INFO, "What the row's tokens are spent on",
    "Video takes nearly all of a row, and the answer comes last, so it is the first to be cut.",
    "Choose max_length at least as large as the longest row.",
    (),
)  # fmt: skip

CODES = (
    PLACEHOLDERS,
    VIDEO_MISSING,
    VIDEOS_TOO_FEW,
    AS_IMAGES,
    ANSWER_CUT,
    END_CUT,
    VIDEO_CUT,
    PROMPT_CUT,
    OVER,
    BUDGET,
)
