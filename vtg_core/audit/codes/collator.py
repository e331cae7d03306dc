"""Codes of running a foreign collator."""

from vtg_core.audit.findings import Code, Rival, Severity

NOT_FOUND = Code(
    "collator.not-found",
    Severity.ERROR,
    "There is no such collator",
    "Without the collator that training uses there is nothing to audit.",
    "Name it as package.module:name, importable from the current folder: a callable that takes a list of samples, a "
    "class, or a function whose first parameter is named processor and that returns such a callable.",
    (
        Rival("A module that it imports is missing.", "the finding names the module, and how to install it"),
    ),
)  # fmt: skip
RAISES = Code(
    "collator.raises",
    Severity.ERROR,
    "The collator raises an error",
    "Training stops, or skips the sample without a word, where its collator raises.",
    "Mend the line named in the evidence; docs/audit.md lists the fields that each sample has.",
    (),
)  # fmt: skip
NO_BATCH = Code(
    "collator.returns-no-batch",
    Severity.ERROR,
    "The collator returns something else than a batch",
    "A trainer takes a mapping of tensors, and hands nothing else to the model.",
    "Return a mapping with input_ids and labels, and attention_mask where rows are padded.",
    (),
)  # fmt: skip

CODES = (
    NOT_FOUND,
    RAISES,
    NO_BATCH,
)
