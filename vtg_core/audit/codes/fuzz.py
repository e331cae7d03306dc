"""Codes of trying a foreign collator with texts that break weak ones."""

from vtg_core.audit.findings import Code, Rival, Severity

CHANGED = Code(
    "fuzz.supervision-changed",
    Severity.ERROR,
    "Other tokens are trained when the input varies",
    "A mask that depends on the words of a query or on the other samples of a batch is wrong for part of the data.",
    "Find the answer in the final ids by its own turn, never by a word or by a length measured elsewhere; the test in "
    "the evidence fails until it is mended.",
    (
        Rival("fuzz.wrong-as-it-is", "the plain sample is trained wrongly too there"),
        Rival("fuzz.two-messages-only", "a system message or an earlier turn was added there"),
    ),
)  # fmt: skip
REWRITTEN = Code(
    "fuzz.answer-rewritten", Severity.WARNING, "The collator trains other words than the sample's answer",
    "What the annotation says is not what the model learns, unless the collator rewrites answers on purpose.",
    "Train the answer as it is in the messages, or check the words that the collator writes.",
    (
        Rival("fuzz.wrong-as-it-is", "the mask covers other tokens than the last answer and its end there"),
    ),
)  # fmt: skip
AS_IT_IS = Code(
    "fuzz.wrong-as-it-is", Severity.ERROR, "The mask is wrong before anything is varied",
    "Where the plain sample is trained wrongly, variations of it show little more.",
    "Mend what the audit says of the sample first; the test in the evidence fails until it is mended.",
    (
        Rival("fuzz.answer-rewritten", "the mask covers the last answer and its end there, and the words are others"),
    ),
)  # fmt: skip
RAISES = Code(
    "fuzz.collator-raises",
    Severity.ERROR,
    "The collator fails on a varied input",
    "Real data hold such samples, and training stops there or leaves them out without a word.",
    "Encode what a person typed as plain text; the test in the evidence fails until it is mended.",
    (
        Rival("fuzz.two-messages-only", "a system message or an earlier turn was added there"),
    ),
)  # fmt: skip
TWO_MESSAGES = Code(
    "fuzz.two-messages-only", Severity.POLICY, "The collator takes a question and its answer alone",
    "A system message or an earlier turn is more than it reads; data that hold none lose nothing.",
    "Nothing, where no row has a system message or several turns; read all messages otherwise.",
    (
        Rival("fuzz.collator-raises", "the input has no more than a question and its answer there"),
    ),
)  # fmt: skip

CODES = (
    CHANGED,
    REWRITTEN,
    AS_IT_IS,
    RAISES,
    TWO_MESSAGES,
)
