"""Codes of length, and what was cut."""

from vtg_core.audit.findings import Code, Severity

PLACEHOLDERS = Code(
    "length.placeholders-differ", Severity.ERROR, "The prompt has not as many video placeholders as the video needs",
    "The model puts one vision feature on each placeholder, and fails, or reads other frames, where the counts differ.",
    "Let the processor expand the placeholders, and cut nothing from the ids afterwards.",
)  # fmt: skip
ANSWER_CUT = Code(
    "length.answer-cut", Severity.ERROR, "Truncation took the answer",
    "What is left to train on is no answer, or nothing at all.",
    "Raise max_length, take fewer or smaller frames, or drop the sample; never cut it.",
)  # fmt: skip
END_CUT = Code(
    "length.end-of-turn-cut", Severity.ERROR, "Truncation took the end of turn",
    "The answer is there, but the model is taught to go on after it.",
    "Raise max_length, take fewer or smaller frames, or drop the sample; never cut it.",
)  # fmt: skip
VIDEO_CUT = Code(
    "length.video-cut", Severity.ERROR, "Truncation took a part of the video",
    "The answer speaks of frames that the model does not see, and placeholders and vision features no longer match.",
    "Raise max_length, or take fewer or smaller frames.",
)  # fmt: skip
PROMPT_CUT = Code(
    "length.prompt-cut", Severity.ERROR, "Truncation took the beginning of the prompt",
    "The model is trained on a prompt that serving never writes, and may not see what is asked.",
    "Raise max_length, take fewer or smaller frames, or drop the sample; never cut it.",
)  # fmt: skip
OVER = Code(
    "length.over-max-length", Severity.ERROR, "The row is longer than max_length",
    "A trainer that cuts at max_length takes the end of the row, which is where the answer stands.",
    "Raise max_length, take fewer or smaller frames, or drop the sample.",
)  # fmt: skip
BUDGET = Code(
    "length.budget", Severity.INFO, "What the row's tokens are spent on",
    "Video takes nearly all of a row, and the answer comes last, so it is the first to be cut.",
    "Choose max_length at least as large as the longest row.",
)  # fmt: skip

CODES = (
    PLACEHOLDERS,
    ANSWER_CUT,
    END_CUT,
    VIDEO_CUT,
    PROMPT_CUT,
    OVER,
    BUDGET,
)
