"""Codes of the answer's own text."""

from vtg_core.audit.findings import Code, Rival, Severity

DOES_NOT_PARSE = Code(
    "answer.does-not-parse", Severity.ERROR, "The answer cannot be read back",
    "What the model learns to write cannot be scored, and the reward or metric of such an answer is 0.",
    "Write the windows with the answer format that reads them.",
    (
        Rival("answer.form-differs", "another form that is known reads the annotation's times there"),
        Rival("length.answer-cut", "the row ends within its answer there"),
    ),
)  # fmt: skip
WINDOW_DIFFERS = Code(
    "answer.window-differs", Severity.ERROR, "The answer says another window than the annotation",
    "The model is taught a wrong time.",
    "Check the unit, the clip's offset, and that the answer belongs to this row.",
    (
        Rival("answer.form-differs", "the times are the annotation's, in another form, there"),
        Rival("The answer is another row's of the batch.", "the finding names the row"),
    ),
)  # fmt: skip
FORM_DIFFERS = Code(
    "answer.form-differs", Severity.WARNING, "The answer is not in the form that the prompt asks for",
    "Prompt and answer contradict each other, so the model learns to ignore the instruction, and parsers miss the answer.",
    "Write the answer in the form that the template promises, and nothing around it.",
    (
        Rival("answer.window-differs", "no form that is known reads the annotation's times there"),
    ),
)  # fmt: skip
FORM_UNKNOWN = Code(
    "answer.form-unknown", Severity.POLICY, "The answer is in a form of one's own that is not known",
    "Whether its times are the annotation's cannot be said; the mask is judged all the same.",
    "Check on a few rows that the answer says the annotation's times.",
    (
        Rival("answer.does-not-parse", "the prompt asks for a form of ours there, or the answer is empty"),
    ),
)  # fmt: skip
SPLIT = Code(
    "answer.tokens-split", Severity.ERROR, "Temporal tokens are split into pieces",
    "A time that should be one token is spelled in characters, so its embedding is never trained.",
    "Add the temporal tokens to the tokenizer, resize the embeddings, and let the tokenizer recognise them in answers.",
    (
        Rival("The tokenizer does not have the tokens.", "the finding names those that it lacks"),
    ),
)  # fmt: skip

CODES = (
    DOES_NOT_PARSE,
    WINDOW_DIFFERS,
    FORM_DIFFERS,
    FORM_UNKNOWN,
    SPLIT,
)
