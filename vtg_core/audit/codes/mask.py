"""Codes of the mask itself: what is in the loss and should not be, and what is not and should."""

from vtg_core.audit.findings import Code, Severity
from vtg_core.regions import IGNORE_INDEX

NOTHING_MASKED = Code(
    "mask.nothing-masked", Severity.ERROR, "Every token is in the loss",
    "The model is trained to write its own prompt and thousands of video placeholders; the answer hardly counts.",
    "Mask everything before each answer; copying input_ids to labels is not enough.",
)  # fmt: skip
ONLY_MEDIA_MASKED = Code(
    "mask.only-media-masked", Severity.ERROR, "Only padding and video placeholders are masked",
    "System prompt, headers, instruction and query are all in the loss beside the answer.",
    "Mask the prompt up to where the assistant begins to write, not only the placeholder ids.",
)  # fmt: skip
BEFORE_EXPANSION = Code(
    "mask.counted-before-expansion", Severity.ERROR, "The prompt was measured before the video was expanded",
    "The processor turns one placeholder into thousands of tokens, so a length measured on the text masks too little.",
    "Measure the prompt on the processor's output, with the same video, or find the answer in the final ids.",
)  # fmt: skip
COUNTED_KEYS = Code(
    "mask.counted-keys", Severity.ERROR, "The prompt's length is that of a dictionary",
    "len() of what apply_chat_template returns in transformers 5 counts its keys, so two or three tokens are masked.",
    "Take len(output['input_ids']), or pass return_dict=False.",
)  # fmt: skip
LEFT_PADDING = Code(
    "mask.left-padding-ignored", Severity.ERROR, "The mask was not moved with the left padding",
    "Positions were found on the unpadded row, and padding on the left moves every token but not the mask.",
    "Add the number of padding tokens to every position, or build the mask after padding.",
)  # fmt: skip
OFF_BY_ONE = Code(
    "mask.off-by-one", Severity.ERROR, "The mask begins one or two tokens off",
    "The first token of the answer is never trained, or the last of the prompt is; at inference the answer starts wrong.",
    "Begin exactly at the length of the generation prompt; labels are aligned with input_ids, and the model shifts them.",
)  # fmt: skip
NOTHING_TRAINED = Code(
    "mask.nothing-trained", Severity.ERROR, "No token is in the loss",
    "The loss is 0/0: the trainer prints 0.0 or NaN, and the row teaches nothing.",
    "Find out why the answer's start was not found: the marker is tokenised differently, or truncation took it.",
)  # fmt: skip
PRESHIFTED = Code(
    "mask.labels-shifted", Severity.ERROR, "Labels are shifted already",
    "Models of transformers shift labels themselves, so each token is trained to predict the one after the next.",
    "Keep labels aligned with input_ids: labels[i] is input_ids[i] or -100.",
)  # fmt: skip
LABELS_DIFFER = Code(
    "mask.labels-differ", Severity.ERROR, "Labels differ from the ids they stand at",
    "The loss asks for another token than the one the row holds.",
    "Copy input_ids to labels after padding, truncation and expansion, and mask from there.",
)  # fmt: skip
OUT_OF_VOCABULARY = Code(
    "mask.label-out-of-vocabulary", Severity.ERROR, "A label is no id of the vocabulary",
    "Cross entropy fails on it, on a GPU with an error far from its cause, or reads memory that is not its own.",
    f"Use {IGNORE_INDEX} for what is not trained, and an id below the vocabulary's size for what is.",
)  # fmt: skip
PADDING_TRAINED = Code(
    "mask.padding-trained", Severity.ERROR, "Padding is in the loss",
    "The model is trained to write padding, and longer partners in a batch change the loss of a row.",
    "Mask padding by its position (attention_mask), not by its id.",
)  # fmt: skip
VIDEO_TRAINED = Code(
    "mask.video-trained", Severity.ERROR, "Video tokens are in the loss",
    "Thousands of placeholders and time stamps outweigh a dozen tokens of answer, and the model learns to write them.",
    "Mask video placeholders, their markers and the processor's time stamps.",
)  # fmt: skip
HEADER_TRAINED = Code(
    "mask.header-trained", Severity.WARNING, "The assistant's header is in the loss",
    "The generation prompt already holds the header, so its tokens are certain and only dilute the loss.",
    "Begin the mask behind the header, where the generation prompt ends.",
)  # fmt: skip
SYSTEM_TRAINED = Code(
    "mask.system-trained", Severity.ERROR, "The system prompt is in the loss",
    "Every row trains the same fixed text; a role that is not 'user' was probably taken for the assistant's.",
    "Train turns of the assistant only, by an allow-list of roles.",
)  # fmt: skip
LATER_PROMPT_TRAINED = Code(
    "mask.later-user-turn-trained", Severity.ERROR, "A later turn of the user is in the loss",
    "Everything after the first answer was trained, so the model learns to ask as well as to answer.",
    "End each supervised stretch at the end of its own turn.",
)  # fmt: skip
BEHIND_TRAINED = Code(
    "mask.behind-last-answer-trained", Severity.ERROR, "What stands behind the last answer is in the loss",
    "The model is taught to go on after its end of turn: with a header, an end of sequence, or another row.",
    "End each supervised stretch at the end of its own turn, and render without a generation prompt at the end.",
)  # fmt: skip
ROLE_WORD = Code(
    "mask.role-word-in-text", Severity.ERROR, "The assistant's role word in a text starts a supervised stretch",
    "The mask looks for the bare word and not for the whole header, so a query that holds it becomes a target.",
    "Look for the whole role header, its control token included.",
)  # fmt: skip
PROMPT_TRAINED = Code(
    "mask.prompt-trained", Severity.ERROR, "Prompt tokens are in the loss",
    "The model is trained to write its own prompt, and the loss no longer speaks of the answer.",
    "Mask everything before where the assistant begins to write, measured on the final ids.",
)  # fmt: skip
ANSWER_NOT_TRAINED = Code(
    "mask.answer-not-trained", Severity.ERROR, "Tokens of the answer are not in the loss",
    "The model never learns these tokens, and the loss looks better or worse than it is.",
    "Train every token of each answer; compare with the decoded labels.",
)  # fmt: skip
CONTROL_MASKED = Code(
    "mask.control-tokens-masked", Severity.ERROR, "Control tokens of the answer are masked by value",
    "Temporal tokens and the end of turn are control tokens too, and are never trained where all of these are masked.",
    "Mask placeholders and padding by their own ids and positions, not every special or added token.",
)  # fmt: skip
EARLIER_TURNS = Code(
    "mask.only-last-turn-trained", Severity.POLICY, "Only the last answer is in the loss",
    "A choice: earlier answers are context then.",
    "Nothing, if that is what you want.",
)  # fmt: skip
NEWLINE_TRAINED = Code(
    "mask.newline-trained", Severity.POLICY, "The newline after the end of turn is in the loss",
    "A choice: some training code trains it, and generation stops before it.",
    "Nothing, if that is what you want; keep it the same in every template.",
)  # fmt: skip
THINKING_TRAINED = Code(
    "mask.thinking-trained", Severity.POLICY, "The thinking before an answer is in the loss",
    "A choice: a chat template may write it itself, and then serving writes it too.",
    "Nothing, if that is what you want.",
)  # fmt: skip
OTHER_IGNORE_INDEX = Code(
    "mask.other-ignore-index", Severity.ERROR, "Another number than -100 marks what is not trained",
    "Cross entropy leaves out -100 alone, so every such label is trained as an id, or fails as none.",
    f"Use {IGNORE_INDEX} for what is not trained.",
)  # fmt: skip
FORBIDDEN = Code(
    "mask.forbidden-id-trained", Severity.ERROR, "A control token that no answer holds is in the loss",
    "The model is trained to write padding, a beginning of sequence, a role header or a video marker.",
    "Mask these ids, and find out how one came into an answer.",
)  # fmt: skip
TEXT_DIFFERS = Code(
    "mask.text-differs", Severity.ERROR, "The supervised text is not the answer",
    "The row teaches another text than the sample's answer.",
    "Compare what the collator writes with the last message.",
)  # fmt: skip
DISSENT = Code(
    "mask.one-reading-dissents", Severity.INFO, "One of three readings of the row differs",
    "The other two agree, and the mask is judged by them.",
    "Look at the tokens where it differs.",
)  # fmt: skip
DISAGREE = Code(
    "mask.oracles-disagree", Severity.WARNING, "Independent readings of the row disagree",
    "Where two ways to find the answer differ, no mask can be called right or wrong.",
    "Look at the tokens where they differ; often a control token in a text forges or hides a turn.",
)  # fmt: skip
ONE_OPINION = Code(
    "mask.one-reading", Severity.WARNING, "The row could not be read in two ways",
    "A verdict needs two that agree, so the mask was not judged.",
    "Give the messages too (--annotations, --collator), or the checkpoint whose template wrote the row.",
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
