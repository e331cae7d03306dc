"""Codes of the end of an answer."""

from vtg_core.audit.findings import Code, Rival, Severity

NOT_TRAINED = Code(
    "stop.not-trained", Severity.ERROR, "The end of turn is not in the loss",
    "The model is never taught to stop, and writes on until the length limit.",
    "Train the token that closes each assistant turn.",
    (
        Rival("stop.masked-as-padding", "padding has the end of turn's id there"),
        Rival("mask.control-tokens-masked"),
        Rival("length.end-of-turn-cut", "the token is not in the row at all there"),
    ),
)  # fmt: skip
MASKED_AS_PADDING = Code(
    "stop.masked-as-padding", Severity.ERROR, "The end of turn was masked as if it were padding",
    "The padding token is the end of turn, and labels were masked by that id's value: the model is never taught to stop.",
    "Mask padding by position (attention_mask), or give the tokenizer a padding token of its own.",
    (
        Rival("stop.not-trained"),
    ),
)  # fmt: skip
MISSING = Code(
    "stop.missing", Severity.ERROR, "An assistant turn has no end of turn",
    "The model is taught to go on after its answer.",
    "Render the whole conversation with the chat template, and cut nothing from its end.",
    (
        Rival("length.end-of-turn-cut", "a bound shows there: max_length, or another sample's row of the same length"),
        Rival("stop.wrong-token", "another control token stands at the end of the turn there"),
    ),
)  # fmt: skip
DOUBLED = Code(
    "stop.doubled", Severity.ERROR, "The end of turn stands twice",
    "The template and the training code both write one, so the model learns to write two.",
    "Add no end of sequence where the chat template closes the turn.",
    (
        Rival("mask.padding-trained", "the second token is not attended to there"),
    ),
)  # fmt: skip
WRONG_TOKEN = Code(
    "stop.wrong-token", Severity.ERROR, "The turn is closed by another token than the chat template's",
    "The model learns to stop with a token that serving does not wait for.",
    "Close the turn as the chat template does.",
    (
        Rival("stop.missing", "no control token stands at the end of the turn there"),
    ),
)  # fmt: skip
NO_STOP_ID = Code(
    "stop.not-a-stop-id", Severity.ERROR, "Generation does not stop at the token that is trained",
    "The checkpoint's generation config lists other ids, so the model writes on after its answer.",
    "Add the end of turn to eos_token_id of the generation config.",
    (),
)  # fmt: skip
PAD_IS_STOP = Code(
    "stop.pad-is-end-of-turn", Severity.INFO, "Padding and end of turn are one token",
    "It is right here, but code that masks padding by its id would mask the end of turn with it.",
    "Give the tokenizer a padding token of its own.",
    (),
)  # fmt: skip

CODES = (
    NOT_TRAINED,
    MASKED_AS_PADDING,
    MISSING,
    DOUBLED,
    WRONG_TOKEN,
    NO_STOP_ID,
    PAD_IS_STOP,
)
