"""What is counted in an annotation file: the name of each figure, how bad it is, and what to do."""

from dataclasses import dataclass

from vtg_core.audit.findings import Severity


@dataclass(frozen=True)
class Kind:
    """One thing that rows are counted for.

    Attributes:
        name: stable; ``--show`` takes it.
        severity: how bad one such row is.
        title: what the rows are, to complete "in N rows ...".
        fix: what to do.
    """

    name: str
    severity: Severity
    title: str
    fix: str = ""


UNREADABLE = Kind(
    "unreadable", Severity.ERROR, "a field is missing or breaks the format", "Correct the field."
)
PAST_END = Kind(
    "past_end", Severity.ERROR, "a window ends more than 0.05 s past the video",
    "Clip it with --fix, or see --unit where it is far past.",
)  # fmt: skip
OUTSIDE = Kind(
    "outside", Severity.ERROR, "a window lies outside the video as a whole, or begins before it",
    "Correct the window; --fix leaves it out.",
)  # fmt: skip
INVERTED = Kind(
    "inverted", Severity.ERROR, "a window ends before it starts",
    "Swap the ends, as --fix does, after a look at the video.",
)  # fmt: skip
EMPTY = Kind("empty", Severity.ERROR, "a window has no length", "Correct the window; --fix leaves it out.")
MISSING_VIDEO = Kind(
    "missing_video", Severity.ERROR, "the video has no file, though others have",
    "Give its folder as --video-root.",
)  # fmt: skip
NO_VIDEOS = Kind(
    "no_videos", Severity.WARNING, "the video has no file, as in all others",
    "Give the folder of the videos as --video-root.",
)  # fmt: skip
OTHER_DURATION = Kind(
    "other_duration", Severity.WARNING, "another duration is given than the video file has, by more than 1 s and 5 %",
    "Check that the file is the one that was annotated; --fix writes the file's.",
)  # fmt: skip
ROUNDED_END = Kind(
    "rounded_end", Severity.INFO, "a window ends at most 0.05 s past the video, which is rounding"
)
WHOLE_VIDEO = Kind(
    "whole_video", Severity.WARNING, "a window covers 95 % of the video or more",
    "Such a row teaches little about when; see whether it is meant.",
)  # fmt: skip
NO_WINDOWS = Kind("no_windows", Severity.INFO, "the answer of a conversation says no window")
NO_DURATION = Kind(
    "no_duration", Severity.INFO, "no duration is given, and the video is not there to be asked"
)
REPEATED = Kind(
    "repeated", Severity.WARNING, "video, query and windows are those of an earlier row", "Keep one of them."
)
CONFLICTING = Kind(
    "conflicting", Severity.WARNING, "a query is asked again of the same video, with other windows",
    "One answer cannot be right for both: join their windows, or tell the queries apart.",
)  # fmt: skip
NEARLY_REPEATED = Kind(
    "nearly_repeated", Severity.WARNING, "a query is nearly one that was asked of the same video",
    "See whether they mean the same moment.",
)  # fmt: skip
TOO_LONG = Kind(
    "too_long", Severity.ERROR, "there are more tokens than --max-length keeps",
    "Take fewer frames or smaller ones, or raise the bound.",
)  # fmt: skip
UNCOUNTED = Kind("uncounted", Severity.ERROR, "the row cannot be made into tokens", "See what the row says.")
UNDER_A_STEP = Kind(
    "under_a_step", Severity.WARNING, "a window is shorter than the smallest step that answers are written in",
    "Choose a finer answer form with --answer.",
)  # fmt: skip

KINDS = (
    UNREADABLE, PAST_END, OUTSIDE, INVERTED, EMPTY, MISSING_VIDEO, TOO_LONG, UNCOUNTED, NO_VIDEOS, OTHER_DURATION,
    WHOLE_VIDEO, REPEATED, CONFLICTING, NEARLY_REPEATED, UNDER_A_STEP, ROUNDED_END, NO_WINDOWS, NO_DURATION,
)  # fmt: skip
"""All of them, the worst first."""

NEAR_MEASURE = (
    "same video and same set of words, whatever their case, order and punctuation, without articles, forms of 'be' "
    "and the endings -s, -es, -ed and -ing"
)
"""When two queries are nearly the same."""
