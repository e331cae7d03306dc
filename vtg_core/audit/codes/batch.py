"""Codes of a batch as a whole."""

from vtg_core.audit.findings import Code, Rival, Severity

MISSING = Code(
    "batch.tensor-missing",
    Severity.ERROR,
    "The batch lacks input_ids or labels",
    "Without labels a model of transformers computes no loss, and without ids there is nothing to audit.",
    "Return a mapping with input_ids and labels of one shape (B, L), and attention_mask where rows are padded.",
    (),
)  # fmt: skip
MALFORMED = Code(
    "batch.tensor-malformed",
    Severity.ERROR,
    "A tensor of the batch has the wrong type or shape",
    "Ids and labels are whole numbers of shape (B, L); anything else fails in the model, or is broadcast in silence.",
    "Return integer tensors of shape (B, L), one row a sample.",
    (),
)  # fmt: skip
LENGTHS = Code(
    "batch.lengths-differ",
    Severity.ERROR,
    "Tensors along the token axis have different lengths",
    "A mask, weight or type column that was not expanded or cut together with the ids belongs to other tokens.",
    "Expand, cut and pad every column along the token axis together.",
    (),
)  # fmt: skip
ROWS = Code(
    "batch.rows-differ",
    Severity.ERROR,
    "The batch has another number of rows than samples were given",
    "A collator that reads only its first sample drops the others from the training data without a word.",
    "Return one row for each sample.",
    (
        Rival("Several samples are packed into one row.", "its borders, its positions or the number of its answers say so, and then the finding does"),
    ),
)  # fmt: skip
SWAPPED = Code(
    "batch.rows-swapped",
    Severity.ERROR,
    "A row of the batch is another sample's",
    "What was made for a sample stands at another one's place: its video, or what is logged of it, may be the other's.",
    "Return the rows in the order of the samples, ids, labels and media alike.",
    (
        Rival("batch.video-of-another-row", "the ids are the row's own there"),
        Rival("parity.query-missing", "the ids are no other sample's of the batch there"),
    ),
)  # fmt: skip
MASK_WRONG = Code(
    "batch.attention-mask-wrong",
    Severity.ERROR,
    "attention_mask does not say which tokens are padding",
    "A token whose mask is 0 is seen by no other, so the model is trained on another text than the ids show.",
    "Return 1 for each token of the sample and 0 for padding, in the shape of input_ids.",
    (
        Rival("batch.attention-mask-kind", "the mask has another shape there, which some attention takes"),
    ),
)  # fmt: skip
PADDING_ATTENDED = Code(
    "batch.padding-attended",
    Severity.WARNING,
    "attention_mask is 1 on padding",
    "Padding on the left is read as a part of the prompt, and positions count it.",
    "Return 0 for padding: input_ids != pad_token_id, where no sample holds that id itself.",
    (
        Rival("A text begins or ends with the padding token itself.", "one such token next to the text is not called padding"),
    ),
)  # fmt: skip
VOCABULARY = Code(
    "batch.id-out-of-vocabulary",
    Severity.ERROR,
    "input_ids holds ids outside the vocabulary",
    "The embedding of such an id does not exist: the model fails, on a GPU with an assertion that names no cause.",
    "Put the placeholders of the processor where the media stand, and the tokenizer's pad id where padding stands.",
    (),
)  # fmt: skip
WEIGHTS_ZERO = Code(
    "batch.weights-zero",
    Severity.ERROR,
    "The loss weights are 0 wherever labels are trained",
    "A weight of 0 takes a token out of the loss, whatever its label: nothing of the row is trained.",
    "Give the tokens of the answer a weight above 0, or leave the column out.",
    (),
)  # fmt: skip
WEIGHTS_MALFORMED = Code(
    "batch.weights-malformed",
    Severity.ERROR,
    "The loss weights are not one finite number a token, 0 or above",
    "One weight that is not a number makes the whole loss not a number; a negative one trains the model away from the "
    "answer; a column of another shape is broadcast in silence, or fails.",
    "Return floats of shape (B, L), finite and 0 or above, one for each token.",
    (
        Rival("batch.lengths-differ", "the column has a token axis there, of another length"),
        Rival("batch.weights-zero", "the weights are numbers there, and all that are trained are 0"),
    ),
)  # fmt: skip
WEIGHTS_ON_MASKED = Code(
    "batch.weights-on-masked",
    Severity.WARNING,
    "Tokens that are not trained have a loss weight",
    "A label that is masked takes its token out of the loss, whatever it weighs; but a sum of all weights that the loss "
    "is divided by counts it, and weights that stand one place beside their labels look so.",
    "Give every token whose label is masked the weight 0, and align weights with labels: the shift happens once, in the "
    "loss.",
    (
        Rival("The weights are shifted against the labels.", "as many tokens that are trained weigh 0 then, and the finding says so"),
        Rival("batch.weights-zero", "no trained token of the row has a weight there"),
    ),
)  # fmt: skip
TYPES_DIFFER = Code(
    "batch.token-types-differ",
    Severity.ERROR,
    "mm_token_type_ids does not mark the placeholders",
    "The model finds the media by these types to give them their positions, and reads text as media or media as text.",
    "Return the types as the processor makes them for the expanded ids, and expand, cut and pad them together.",
    (),
)  # fmt: skip
VIDEOS_DIFFER = Code(
    "batch.videos-differ",
    Severity.ERROR,
    "The batch has not the videos that its rows show",
    "The model hands out video features in order, whatever row they belong to: one video too few or too many moves "
    "every video behind it to another row, or fails.",
    "Join pixel_values_videos and video_grid_thw of all rows, one grid a video, in the order of the rows.",
    (
        Rival("length.placeholders-differ", "the grid is the row's own there, and asks for another number"),
        Rival("length.video-missing", "a row has no placeholder there, and its grid is left"),
    ),
)  # fmt: skip
OTHERS_VIDEO = Code(
    "batch.video-of-another-row",
    Severity.ERROR,
    "A row is trained on another row's video",
    "The answer's times are those of one video, and the model sees another.",
    "Join the videos in the order of the rows whose placeholders they fill.",
    (
        Rival("batch.rows-swapped", "the ids are the other row's too there"),
    ),
)  # fmt: skip
MODEL_REFUSES = Code(
    "batch.model-refuses",
    Severity.ERROR,
    "The checkpoint's model cannot take this batch",
    "Its own code, asked without weights, raises an error on these tensors where it places the tokens.",
    "Return every tensor that the processor returns, expanded, cut and padded together with the ids.",
    (
        Rival("batch.videos-differ", "grids and placeholders do not agree there, and what the model raises is not told again"),
    ),
)  # fmt: skip
MODEL_LACKS = Code(
    "batch.model-input-missing",
    Severity.ERROR,
    "The batch lacks what the checkpoint's model needs for its videos",
    "The model fails, or takes the placeholders for words, or counts one second where other times belong.",
    "Return every tensor that the processor returns beside the ids.",
    (
        Rival("batch.model-refuses", "nothing is missing there, and the model raises all the same"),
    ),
)  # fmt: skip
POSITIONS_DIFFER = Code(
    "batch.positions-differ",
    Severity.ERROR,
    "position_ids are not those that the checkpoint's model computes",
    "Positions tell the model which frame and which place a token is of: others give it another video, and no error.",
    "Leave position_ids out, or compute them with the model's get_rope_index from the final ids and grids.",
    (),
)  # fmt: skip
MASK_KIND = Code(
    "batch.attention-mask-kind",
    Severity.INFO,
    "The attention mask is of another kind than one number a token",
    "Such a mask is for the attention it was made for alone; which tokens are padding is told by the ids instead.",
    "Nothing, if your attention takes it.",
    (),
)  # fmt: skip
MODEL_NOT_ASKED = Code(
    "batch.model-not-asked",
    Severity.INFO,
    "The checkpoint's model was not asked whether it can take the batch",
    "Its class cannot be built here without weights, or does not place tokens by a method that is known.",
    "Run one step of training before a long one.",
    (),
)  # fmt: skip
OTHER_ORIGIN = Code(
    "batch.other-origin",
    Severity.POLICY,
    "The batch was written by something else than what reads it",
    "Versions of transformers write other ids for the same row, and another chat template another prompt: what is then "
    "called a difference of the prompt may be theirs.",
    "Judge the batch with the versions and the chat template that training runs with.",
    (),
)  # fmt: skip

CODES = (
    MISSING,
    MALFORMED,
    LENGTHS,
    ROWS,
    SWAPPED,
    MASK_WRONG,
    PADDING_ATTENDED,
    VOCABULARY,
    WEIGHTS_ZERO,
    WEIGHTS_MALFORMED,
    WEIGHTS_ON_MASKED,
    TYPES_DIFFER,
    VIDEOS_DIFFER,
    OTHERS_VIDEO,
    MODEL_REFUSES,
    MODEL_LACKS,
    POSITIONS_DIFFER,
    MASK_KIND,
    MODEL_NOT_ASKED,
    OTHER_ORIGIN,
)
