"""Codes of the audit itself: what it could not read or prove."""

from vtg_core.audit.findings import Code, Rival, Severity

CHECK_FAILED = Code(
    "ours.check-failed", Severity.ERROR, "VTG Lens itself failed on a row",
    "A check of ours raised an error, a fault of ours: what it would have found in the row is not known.",
    "Report it with the evidence and the row; what else was found stands.",
    (),
)  # fmt: skip
UNREADABLE = Code(
    "row.unreadable", Severity.ERROR, "A row cannot be read",
    "Training code skips such a row without a word, or stops in the middle of a run.",
    "Correct the row or its video, or leave the row out of the file.",
    (
        Rival("row.mask-unproved", "annotation and video are read there"),
    ),
)  # fmt: skip
UNPROVED = Code(
    "row.mask-unproved", Severity.ERROR, "No mask can be proved for a row",
    "Our own collator refuses the row, because which tokens are the answer's cannot be shown.",
    "Change what the message names, in the row or in the checkpoint.",
    (
        Rival("row.unreadable", "the annotation or its video is not read there"),
    ),
)  # fmt: skip
DECODED = Code(
    "row.frames-decoded", Severity.INFO, "The processor must see a video's frames",
    "What it writes for a video cannot be told from the frames' shape and times, so each video was decoded: slower, and "
    "just as right.",
    "Nothing; audit a part of a long file with --limit.",
    (),
)  # fmt: skip
PATHS_DIFFER = Code(
    "ours.paths-differ", Severity.ERROR, "VTG Lens itself is wrong about a row",
    "The tokens that the audit built without pixels are not those of the processor: a fault of ours.",
    "Report it with the row; until then use --verify with the number of all rows.",
    (),
)  # fmt: skip

CODES = (
    UNREADABLE,
    UNPROVED,
    DECODED,
    PATHS_DIFFER,
    CHECK_FAILED,
)
