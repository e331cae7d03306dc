"""Codes of the mask itself: what is in the loss and should not be, and what is not and should."""

from vtg_core.audit.findings import Code, Rival, Severity
from vtg_core.regions import IGNORE_INDEX

NOTHING_MASKED = Code(
    "mask.nothing-masked", Severity.ERROR, "Every token is in the loss",
    "The model is trained to write its own prompt and thousands of video placeholders; the answer hardly counts.",
    "Mask everything before each answer; copying input_ids to labels is not enough.",
    (
        Rival("mask.only-media-masked", "placeholders are masked there, and padding is masked in both"),
        Rival("mask.counted-keys", "the first two or three tokens are masked there"),
    ),
)  # fmt: skip
ONLY_MEDIA_MASKED = Code(
    "mask.only-media-masked", Severity.ERROR, "Only padding and video placeholders are masked",
    "System prompt, headers, instruction and query are all in the loss beside the answer.",
    "Mask the prompt up to where the assistant begins to write, not only the placeholder ids.",
    (
        Rival("mask.nothing-masked", "placeholders are in the loss there"),
        Rival("mask.prompt-trained", "a token of the prompt beside the media is masked there"),
    ),
)  # fmt: skip
BEFORE_EXPANSION = Code(
    "mask.counted-before-expansion", Severity.ERROR, "The prompt was measured before the video was expanded",
    "The processor turns one placeholder into thousands of tokens, so a length measured on the text masks too little.",
    "Measure the prompt on the processor's output, with the same video, or find the answer in the final ids.",
    (
        Rival("mask.prompt-trained", "here the mask begins as far before the answer as the expansion inserted tokens, give or take a header"),
        Rival("mask.counted-keys", "the mask begins behind the third token at the latest there"),
    ),
)  # fmt: skip
COUNTED_KEYS = Code(
    "mask.counted-keys", Severity.ERROR, "The prompt's length is that of a dictionary",
    "len() of what apply_chat_template returns in transformers 5 counts its keys, so two or three tokens are masked.",
    "Take len(output['input_ids']), or pass return_dict=False.",
    (
        Rival("mask.counted-before-expansion", "the mask begins as far before the answer as the expansion inserted tokens there"),
        Rival("mask.nothing-masked", "the first tokens are in the loss too there"),
    ),
)  # fmt: skip
LEFT_PADDING = Code(
    "mask.left-padding-ignored", Severity.ERROR, "The mask was not moved with the left padding",
    "Positions were found on the unpadded row, and padding on the left moves every token but not the mask.",
    "Add the number of padding tokens to every position, or build the mask after padding.",
    (
        Rival("mask.off-by-one"),
    ),
)  # fmt: skip
OFF_BY_ONE = Code(
    "mask.off-by-one", Severity.ERROR, "The mask begins one or two tokens off",
    "The first token of the answer is never trained, or the last of the prompt is; at inference the answer starts wrong.",
    "Begin where the processor's own ids of the prompt end, video and add_generation_prompt=True included; the model shifts labels itself.",
    (
        Rival("mask.left-padding-ignored", "the mask is off by the very number of padding tokens on the left there"),
        Rival("mask.labels-shifted", "labels there are not the ids that they stand at"),
        Rival("mask.header-trained", "the whole header is in the loss there"),
    ),
)  # fmt: skip
NOTHING_TRAINED = Code(
    "mask.nothing-trained", Severity.ERROR, "No token is in the loss",
    "The loss is 0/0: the trainer prints 0.0 or NaN, and the row teaches nothing.",
    "Find out why the answer's start was not found: the marker is tokenised differently, or truncation took it.",
    (
        Rival("length.answer-cut", "the row ends before its answer there, which is told beside this"),
        Rival("mask.control-tokens-masked"),
    ),
)  # fmt: skip
PRESHIFTED = Code(
    "mask.labels-shifted", Severity.ERROR, "Labels are shifted already",
    "Models of transformers shift labels themselves, so each token is trained to predict the one after the next.",
    "Keep labels aligned with input_ids: labels[i] is input_ids[i] or -100.",
    (
        Rival("mask.labels-differ", "here nine tenths of the labels are the ids one or two places on"),
        Rival("mask.off-by-one", "labels there are the ids that they stand at"),
    ),
)  # fmt: skip
LABELS_DIFFER = Code(
    "mask.labels-differ", Severity.ERROR, "Labels differ from the ids they stand at",
    "The loss asks for another token than the one the row holds.",
    "Copy input_ids to labels after padding, truncation and expansion, and mask from there.",
    (
        Rival("mask.labels-shifted", "nine tenths of the labels are the ids one or two places on there"),
        Rival("mask.label-out-of-vocabulary", "the labels are no ids at all there"),
    ),
)  # fmt: skip
OUT_OF_VOCABULARY = Code(
    "mask.label-out-of-vocabulary", Severity.ERROR, "A label is no id of the vocabulary",
    "Cross entropy fails on it, on a GPU with an error far from its cause, or reads memory that is not its own.",
    f"Use {IGNORE_INDEX} for what is not trained, and an id below the vocabulary's size for what is.",
    (
        Rival("mask.other-ignore-index", "one such number stands wherever a label is not its id there, and -100 nowhere"),
    ),
)  # fmt: skip
PADDING_TRAINED = Code(
    "mask.padding-trained", Severity.ERROR, "Padding is in the loss",
    "The model is trained to write padding, and longer partners in a batch change the loss of a row.",
    "Mask padding by its position (attention_mask), not by its id.",
    (
        Rival("stop.doubled", "the second end of turn is attended to there, and is no padding"),
    ),
)  # fmt: skip
VIDEO_TRAINED = Code(
    "mask.video-trained", Severity.ERROR, "Video tokens are in the loss",
    "Thousands of placeholders and time stamps outweigh a dozen tokens of answer, and the model learns to write them.",
    "Mask video placeholders, their markers and the processor's time stamps.",
    (
        Rival("mask.counted-before-expansion", "the mask runs from a token of the video to the end without a gap there"),
        Rival("mask.nothing-masked", "the words around the video are in the loss too there"),
    ),
)  # fmt: skip
HEADER_TRAINED = Code(
    "mask.header-trained", Severity.WARNING, "The assistant's header is in the loss",
    "The generation prompt already holds the header, so its tokens are certain and only dilute the loss.",
    "Begin the mask behind the header, where the generation prompt ends.",
    (
        Rival("mask.off-by-one", "a part of the header alone is in the loss there"),
        Rival("mask.role-word-in-text", "the stretch begins behind the word in a text there, and not at a turn"),
    ),
)  # fmt: skip
SYSTEM_TRAINED = Code(
    "mask.system-trained", Severity.ERROR, "The system prompt is in the loss",
    "Every row trains the same fixed text; a role that is not 'user' was probably taken for the assistant's.",
    "Train turns of the assistant only, by an allow-list of roles.",
    (
        Rival("mask.prompt-trained", "two more parts of the prompt are in the loss too there"),
    ),
)  # fmt: skip
LATER_PROMPT_TRAINED = Code(
    "mask.later-user-turn-trained", Severity.ERROR, "A later turn of the user is in the loss",
    "Everything after the first answer was trained, so the model learns to ask as well as to answer.",
    "End each supervised stretch at the end of its own turn.",
    (
        Rival("mask.role-word-in-text", "the stretch begins right behind the role word in a text there"),
        Rival("mask.behind-last-answer-trained", "no turn of the user follows the answer there"),
    ),
)  # fmt: skip
BEHIND_TRAINED = Code(
    "mask.behind-last-answer-trained", Severity.ERROR, "What stands behind the last answer is in the loss",
    "The model is taught to go on after its end of turn: with a header, an end of sequence, or another row.",
    "End each supervised stretch at the end of its own turn, and render without a generation prompt at the end.",
    (
        Rival("mask.newline-trained", "white space alone follows there"),
        Rival("stop.doubled", "what follows is one more token that ends turns there"),
    ),
)  # fmt: skip
ROLE_WORD = Code(
    "mask.role-word-in-text", Severity.ERROR, "The assistant's role word in a text starts a supervised stretch",
    "The mask looks for the bare word and not for the whole header, so a query that holds it becomes a target.",
    "Look for the whole role header, its control token included.",
    (
        Rival("mask.header-trained", "the header of a turn is in the loss there, its control token too"),
        Rival("mask.prompt-trained", "no role word stands before the stretch there"),
    ),
)  # fmt: skip
PROMPT_TRAINED = Code(
    "mask.prompt-trained", Severity.ERROR, "Prompt tokens are in the loss",
    "The model is trained to write its own prompt, and the loss no longer speaks of the answer.",
    "Mask everything before where the assistant begins to write, measured on the final ids.",
    (
        Rival("mask.counted-before-expansion", "where the mask begins is explained by the tokens that the expansion inserted there"),
        Rival("mask.only-media-masked", "nothing but media and padding is masked there"),
        Rival("mask.role-word-in-text", "the stretch begins right behind the role word there"),
    ),
)  # fmt: skip
ANSWER_NOT_TRAINED = Code(
    "mask.answer-not-trained", Severity.ERROR, "Tokens of the answer are not in the loss",
    "The model never learns these tokens, and the loss looks better or worse than it is.",
    "Train every token of each answer; compare with the decoded labels.",
    (
        Rival("mask.control-tokens-masked", "the tokens that are missing are the answer's control tokens, all of them, there"),
        Rival("mask.only-last-turn-trained", "whole answers are missing there, and the last one is not"),
        Rival("mask.off-by-one", "one or two tokens at the beginning are missing there"),
    ),
)  # fmt: skip
CONTROL_MASKED = Code(
    "mask.control-tokens-masked", Severity.ERROR, "Control tokens of the answer are masked by value",
    "Temporal tokens and the end of turn are control tokens too, and are never trained where all of these are masked.",
    "Mask placeholders and padding by their own ids and positions, not every special or added token.",
    (
        Rival("mask.answer-not-trained", "other tokens of the answer are missing too there"),
        Rival("stop.not-trained", "the end of turn alone is missing there"),
    ),
)  # fmt: skip
EARLIER_TURNS = Code(
    "mask.only-last-turn-trained", Severity.POLICY, "Only the last answer is in the loss",
    "A choice: earlier answers are context then.",
    "Nothing, if that is what you want.",
    (
        Rival("mask.answer-not-trained", "a part of an answer is missing there, or the last one"),
    ),
)  # fmt: skip
NEWLINE_TRAINED = Code(
    "mask.newline-trained", Severity.POLICY, "The newline after the end of turn is in the loss",
    "A choice: some training code trains it, and generation stops before it.",
    "Nothing, if that is what you want; keep it the same in every template.",
    (
        Rival("mask.behind-last-answer-trained", "more than white space follows there"),
    ),
)  # fmt: skip
THINKING_TRAINED = Code(
    "mask.thinking-trained", Severity.POLICY, "The thinking before an answer is in the loss",
    "A choice: a chat template may write it itself, and then serving writes it too.",
    "Nothing, if that is what you want.",
    (
        Rival("mask.prompt-trained", "what stands before the answer is no thinking there"),
    ),
)  # fmt: skip
OTHER_IGNORE_INDEX = Code(
    "mask.other-ignore-index", Severity.ERROR, "Another number than -100 marks what is not trained",
    "Cross entropy leaves out -100 alone, so every such label is trained as an id, or fails as none.",
    f"Use {IGNORE_INDEX} for what is not trained.",
    (
        Rival("mask.label-out-of-vocabulary", "-100 stands in the row too there, or several such numbers"),
    ),
)  # fmt: skip
FORBIDDEN = Code(
    "mask.forbidden-id-trained", Severity.ERROR, "A control token that no answer holds is in the loss",
    "The model is trained to write padding, a beginning of sequence, a role header or a video marker.",
    "Mask these ids, and find out how one came into an answer.",
    (
        Rival("stop.wrong-token", "the token stands where the turn should be closed there"),
    ),
)  # fmt: skip
TEXT_DIFFERS = Code(
    "mask.text-differs", Severity.ERROR, "The supervised text is not the answer",
    "The row teaches another text than the sample's answer.",
    "Compare what the collator writes with the last message.",
    (
        Rival("answer.window-differs", "the times that the two texts say are others there"),
        Rival("answer.form-differs", "the same times are written in another form there"),
    ),
)  # fmt: skip
DISSENT = Code(
    "mask.one-reading-dissents", Severity.INFO, "One of three readings of the row differs",
    "The other two agree, and the mask is judged by them.",
    "Look at the tokens where it differs.",
    (),
)  # fmt: skip
DISAGREE = Code(
    "mask.oracles-disagree", Severity.WARNING, "Independent readings of the row disagree",
    "Where two ways to find the answer differ, no mask can be called right or wrong.",
    "Look at the tokens where they differ; often a control token in a text forges or hides a turn.",
    (
        Rival("parity.control-token-from-text", "a person's text holds the control token that the row obeys there"),
    ),
)  # fmt: skip
ONE_OPINION = Code(
    "mask.one-reading", Severity.WARNING, "The row could not be read in two ways",
    "A verdict needs two that agree, so the mask was not judged.",
    "Give the messages too (--annotations, --collator), or the checkpoint whose template wrote the row.",
    (),
)  # fmt: skip

CODES = (
    NOTHING_TRAINED,
    NOTHING_MASKED,
    ONLY_MEDIA_MASKED,
    BEFORE_EXPANSION,
    COUNTED_KEYS,
    LEFT_PADDING,
    OFF_BY_ONE,
    PRESHIFTED,
    LABELS_DIFFER,
    OUT_OF_VOCABULARY,
    PADDING_TRAINED,
    VIDEO_TRAINED,
    HEADER_TRAINED,
    SYSTEM_TRAINED,
    LATER_PROMPT_TRAINED,
    BEHIND_TRAINED,
    ROLE_WORD,
    PROMPT_TRAINED,
    ANSWER_NOT_TRAINED,
    CONTROL_MASKED,
    EARLIER_TURNS,
    NEWLINE_TRAINED,
    THINKING_TRAINED,
    OTHER_IGNORE_INDEX,
    FORBIDDEN,
    TEXT_DIFFERS,
    DISSENT,
    DISAGREE,
    ONE_OPINION,
)
