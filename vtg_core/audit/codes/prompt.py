"""Codes of the prompt beside what serving would send."""

from vtg_core.audit.findings import Code, Rival, Severity

PROMPT_DIFFERS = Code(
    "parity.prompt-differs", Severity.WARNING, "The prompt is not the one that serving writes",
    "A model that is trained on one prompt and asked with another answers worse, and nothing says so.",
    "Render the training prompt with the checkpoint's own chat template and processor.",
    (
        Rival("parity.instruction-differs", "headers, ends and what joins the turns are the template's there, and the query is asked"),
        Rival("parity.system-differs", "the prompts are one but for their system turns there"),
        Rival("parity.media-moved", "the prompts are one but for where the video stands there"),
    ),
)  # fmt: skip
QUERY = Code(
    "parity.query-missing", Severity.ERROR, "The row does not ask this sample's query",
    "The model is trained to answer a question with the times of another one.",
    "Check that the query, the video and the answer of a row are of one sample, and that nothing cut the query.",
    (
        Rival("The collator words queries anew on purpose.", "the finding shows both texts, for a person to judge"),
        Rival("batch.rows-swapped", "the ids are those of another sample of the batch, all of them, there"),
        Rival("length.prompt-cut", "the row does not begin with a turn there"),
    ),
)  # fmt: skip
INSTRUCTION = Code(
    "parity.instruction-differs", Severity.POLICY, "The words around the query are the collator's own",
    "An instruction of one's own is as good as ours, as long as serving asks with the same words.",
    "Ask with the same words in serving.",
    (
        Rival("parity.prompt-differs", "what the template writes around the words differs too there"),
        Rival("parity.query-missing", "the query stands nowhere there"),
    ),
)  # fmt: skip
REPEATED = Code(
    "parity.video-repeated", Severity.WARNING, "The row shows more videos than its sample has",
    "Twice the tokens are spent on one video, and serving shows it once.",
    "Write the video's placeholder once in the messages, and pass its frames once.",
    (
        Rival("Each frame stands between markers of its own.", "grids say how many videos there are"),
    ),
)  # fmt: skip
TEXT_AFTER = Code(
    "parity.text-after-answer", Severity.WARNING, "Text stands behind the end of the last answer",
    "Nothing follows an answer in serving, and what stands there is read as a part of the conversation.",
    "Append nothing to the rendered conversation.",
    (
        Rival("parity.generation-prompt-behind", "what follows is the header of an empty turn there"),
        Rival("mask.behind-last-answer-trained", "what follows is in the loss there"),
    ),
)  # fmt: skip
PROMPT_BEHIND = Code(
    "parity.generation-prompt-behind", Severity.WARNING, "A generation prompt stands behind the last answer",
    "The conversation was rendered with add_generation_prompt=True: an empty turn of the assistant follows the answer, "
    "and where it is in the loss, the model learns to go on after its end of turn.",
    "Render training conversations with add_generation_prompt=False.",
    (
        Rival("length.answer-cut", "the turn before the empty one is the user's there"),
        Rival("parity.text-after-answer", "words follow, and no turn is opened, there"),
    ),
)  # fmt: skip
DOUBLE_BOS = Code(
    "parity.double-bos", Severity.ERROR, "The first token of the sequence stands twice",
    "The chat template writes it and the tokenizer adds it again; the model never sees that at inference.",
    "Tokenise the rendered chat with add_special_tokens=False.",
    (),
)  # fmt: skip
SYSTEM = Code(
    "parity.system-differs", Severity.WARNING, "The system turn is not the one that serving writes",
    "Every answer is trained behind a system prompt that the served model does not get.",
    "Give the same system message, or none, in training and in serving.",
    (
        Rival("parity.prompt-differs", "the prompts differ without their system turns too there"),
        Rival("length.prompt-cut", "the row does not begin with a turn there"),
    ),
)  # fmt: skip
THINKING = Code(
    "parity.thinking-prefix", Severity.WARNING, "Another text stands between the assistant's header and its answer",
    "Thinking marks that only training or only serving writes change how every answer begins.",
    "Render with the chat template's own setting for thinking, the same in training and in serving.",
    (
        Rival("mask.text-differs", "no mark of thinking stands in the words before the answer there"),
    ),
)  # fmt: skip
MOVED = Code(
    "parity.media-moved", Severity.WARNING, "The video stands at another place of the prompt",
    "The model reads the question before the video in training and after it in serving, or the other way round.",
    "Put the video where the messages have it.",
    (
        Rival("parity.prompt-differs", "the words differ as well there"),
    ),
)  # fmt: skip
FROM_TEXT = Code(
    "parity.control-token-from-text", Severity.ERROR, "A control token in a person's text was obeyed",
    "A query can forge a turn or a video this way, and what follows it may be trained as an answer.",
    "Encode what people wrote as plain text (split_special_tokens=True for that part).",
    (
        Rival("parity.turns-do-not-alternate", "nothing is known of what people wrote there"),
    ),
)  # fmt: skip
STRAY = Code(
    "parity.turns-do-not-alternate", Severity.WARNING, "The turns do not follow each other as a conversation's do",
    "A control token in a person's text can open or close a turn that nobody wrote; packed rows look like this too.",
    "Look at the tokens: encode what people wrote as plain text, and audit packed samples one a row.",
    (
        Rival("parity.control-token-from-text", "a person's text that holds the token is known there"),
        Rival("Several samples are packed into the row."),
    ),
)  # fmt: skip
UNMARKED = Code(
    "parity.vision-markers-missing", Severity.ERROR, "Video placeholders stand without their markers",
    "The model learnt to find a video between its markers, and some compute positions from them.",
    "Write the video as the chat template does, with its markers.",
    (
        Rival("length.video-cut", "the row ends within the video there"),
    ),
)  # fmt: skip
NESTED = Code(
    "parity.vision-markers-nested", Severity.WARNING, "Video markers stand inside video markers",
    "The official prompt has one pair where the row has two, so the model is trained on another sequence.",
    "Write the video's placeholder once with its markers, and let the processor do the rest.",
    (
        Rival("parity.processor-nests-markers", "the official prompt has both pairs too there"),
    ),
)  # fmt: skip
PROCESSOR_NESTS = Code(
    "parity.processor-nests-markers", Severity.INFO, "The processor writes video markers inside video markers",
    "It does so in training and in serving, so nothing is wrong; older versions of it wrote one pair a frame.",
    "Train and serve with one version of transformers.",
    (
        Rival("parity.vision-markers-nested", "the official prompt has one pair there"),
    ),
)  # fmt: skip
HEADER = Code(
    "parity.header-differs", Severity.WARNING, "The chat template opens an answer otherwise than its generation prompt does",
    "Only white space differs, but it is other tokens: the model is trained behind a prompt that no server writes.",
    "Correct the chat template, the same in training and in serving; the mask itself is right.",
    (
        Rival("parity.prompt-joined", "header and generation prompt are alike there, and a token takes the end of both"),
        Rival("parity.thinking-prefix", "marks of thinking differ there, and not white space alone"),
    ),
)  # fmt: skip
JOINED = Code(
    "parity.prompt-joined", Severity.WARNING, "The first token of what is answered takes the end of the prompt",
    "A server's prompt ends with that white space as a token of its own, which the model never saw there.",
    "Let the chat template end its prompt with a token of its own, such as --template-arg enable_thinking=false does.",
    (
        Rival("parity.header-differs", "the template itself writes other white space there"),
    ),
)  # fmt: skip
UNSTABLE = Code(
    "parity.prompt-unstable", Severity.INFO, "The chat template writes earlier turns anew when a turn is added",
    "What a server wrote turn by turn is not what training reads, so several turns of one conversation cannot be trained "
    "at once.",
    "Train one turn at a time: a row for each answer, ending with it.",
    (),
)  # fmt: skip
SERVED = Code(
    "parity.served-prompt-differs", Severity.WARNING, "The server writes another prompt than training reads",
    "The model is asked in words and tokens that it was not trained behind, and answers worse than it could.",
    "Train with the server's version of transformers and its chat template, or give the server yours (--chat-template).",
    (
        Rival("parity.prompt-differs", "the processor that is installed here writes another prompt too there"),
    ),
)  # fmt: skip
SERVED_VIDEO = Code(
    "parity.served-video-differs", Severity.POLICY, "The server shows another number of video tokens than training",
    "It samples or scales the video otherwise, so that the model sees other frames than it was trained on.",
    "Give the server the frames of training, such as --media-io-kwargs and --mm-processor-kwargs of vLLM.",
    (),
)  # fmt: skip

CODES = (
    PROMPT_DIFFERS,
    QUERY,
    INSTRUCTION,
    DOUBLE_BOS,
    SYSTEM,
    THINKING,
    MOVED,
    REPEATED,
    TEXT_AFTER,
    PROMPT_BEHIND,
    FROM_TEXT,
    STRAY,
    UNMARKED,
    NESTED,
    PROCESSOR_NESTS,
    HEADER,
    JOINED,
    UNSTABLE,
    SERVED,
    SERVED_VIDEO,
)
