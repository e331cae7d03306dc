"""Codes of a batch as a whole."""

from vtg_core.audit.findings import Code, Severity

MISSING = Code(
    "batch.tensor-missing",
    Severity.ERROR,
    "The batch lacks input_ids or labels",
    "Without labels a model of transformers computes no loss, and without ids there is nothing to audit.",
    "Return a mapping with input_ids and labels of one shape (B, L), and attention_mask where rows are padded.",
)
MALFORMED = Code(
    "batch.tensor-malformed",
    Severity.ERROR,
    "A tensor of the batch has the wrong type or shape",
    "Ids and labels are whole numbers of shape (B, L); anything else fails in the model, or is broadcast in silence.",
    "Return integer tensors of shape (B, L), one row a sample.",
)
LENGTHS = Code(
    "batch.lengths-differ",
    Severity.ERROR,
    "Tensors along the token axis have different lengths",
    "A mask, weight or type column that was not expanded or cut together with the ids belongs to other tokens.",
    "Expand, cut and pad every column along the token axis together.",
)
ROWS = Code(
    "batch.rows-differ",
    Severity.ERROR,
    "The batch has another number of rows than samples were given",
    "A collator that reads only its first sample drops the others from the training data without a word.",
    "Return one row for each sample.",
)
SWAPPED = Code(
    "batch.rows-swapped",
    Severity.ERROR,
    "A row of the batch is another sample's",
    "What was made for a sample stands at another one's place: its video, or what is logged of it, may be the other's.",
    "Return the rows in the order of the samples, ids, labels and media alike.",
)
MASK_WRONG = Code(
    "batch.attention-mask-wrong",
    Severity.ERROR,
    "attention_mask does not say which tokens are padding",
    "A token whose mask is 0 is seen by no other, so the model is trained on another text than the ids show.",
    "Return 1 for each token of the sample and 0 for padding, in the shape of input_ids.",
)
PADDING_ATTENDED = Code(
    "batch.padding-attended",
    Severity.WARNING,
    "attention_mask is 1 on padding",
    "Padding on the left is read as a part of the prompt, and positions count it.",
    "Return 0 for padding: input_ids != pad_token_id, where no sample holds that id itself.",
)
VOCABULARY = Code(
    "batch.id-out-of-vocabulary",
    Severity.ERROR,
    "input_ids holds ids outside the vocabulary",
    "The embedding of such an id does not exist: the model fails, on a GPU with an assertion that names no cause.",
    "Put the placeholders of the processor where the media stand, and the tokenizer's pad id where padding stands.",
)
WEIGHTS_ZERO = Code(
    "batch.weights-zero",
    Severity.ERROR,
    "The loss weights are 0 wherever labels are trained",
    "A weight of 0 takes a token out of the loss, whatever its label: nothing of the row is trained.",
    "Give the tokens of the answer a weight above 0, or leave the column out.",
)
TYPES_DIFFER = Code(
    "batch.token-types-differ",
    Severity.ERROR,
    "mm_token_type_ids does not mark the placeholders",
    "The model finds the media by these types to give them their positions, and reads text as media or media as text.",
    "Return the types as the processor makes them for the expanded ids, and expand, cut and pad them together.",
)
VIDEOS_DIFFER = Code(
    "batch.videos-differ",
    Severity.ERROR,
    "The batch has not the videos that its rows show",
    "The model hands out video features in order, whatever row they belong to: one video too few or too many moves "
    "every video behind it to another row, or fails.",
    "Join pixel_values_videos and video_grid_thw of all rows, one grid a video, in the order of the rows.",
)
OTHERS_VIDEO = Code(
    "batch.video-of-another-row",
    Severity.ERROR,
    "A row is trained on another row's video",
    "The answer's times are those of one video, and the model sees another.",
    "Join the videos in the order of the rows whose placeholders they fill.",
)

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
    TYPES_DIFFER,
    VIDEOS_DIFFER,
    OTHERS_VIDEO,
)
