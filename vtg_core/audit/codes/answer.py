"""Codes of the answer's own text."""

from vtg_core.audit.findings import Code, Severity

DOES_NOT_PARSE = Code(
    "answer.does-not-parse", Severity.ERROR, "The answer cannot be read back",
    "What the model learns to write cannot be scored, and the reward or metric of such an answer is 0.",
    "Write the windows with the answer format that reads them.",
)  # fmt: skip
WINDOW_DIFFERS = Code(
    "answer.window-differs", Severity.ERROR, "The answer says another window than the annotation",
    "The model is taught a wrong time.",
    "Check the unit, the clip's offset, and that the answer belongs to this row.",
)  # fmt: skip
FORM_DIFFERS = Code(
    "answer.form-differs", Severity.WARNING, "The answer is not in the form that the prompt asks for",
    "Prompt and answer contradict each other, so the model learns to ignore the instruction, and parsers miss the answer.",
    "Write the answer in the form that the template promises, and nothing around it.",
)  # fmt: skip
FORM_UNKNOWN = Code(
    "answer.form-unknown", Severity.POLICY, "The answer is in a form of one's own that is not known",
    "Whether its times are the annotation's cannot be said; the mask is judged all the same.",
    "Check on a few rows that the answer says the annotation's times.",
)  # fmt: skip
SPLIT = Code(
    "answer.tokens-split", Severity.ERROR, "Temporal tokens are split into pieces",
    "A time that should be one token is spelled in characters, so its embedding is never trained.",
    "Add the temporal tokens to the tokenizer, resize the embeddings, and let the tokenizer recognise them in answers.",
)  # fmt: skip

CODES = (
    DOES_NOT_PARSE,
    WINDOW_DIFFERS,
    FORM_DIFFERS,
    FORM_UNKNOWN,
    SPLIT,
)
