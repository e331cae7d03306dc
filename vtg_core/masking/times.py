"""Which tokens of an answer say times."""

import math

import numpy as np

from vtg_core.data.answers import AnswerFormat
from vtg_core.masking.encoding import EncodedSample
from vtg_core.regions import RegionKind


def time_nats(encoded: EncodedSample, answer_format: AnswerFormat) -> np.ndarray:
    """Return what each token would cost in nats, guessed uniformly among the times that its format could write there.

    A token that holds k of the n characters of a time bears k/n of ``ln(num_choices)``; float64, shape (L,), 0 outside
    times.
    """
    starts, ends = np.array(encoded.offsets, dtype=np.int64).reshape(-1, 2).T
    nats = np.zeros(len(encoded))
    for region in encoded.text_regions:
        if region.kind is not RegionKind.ANSWER:
            continue
        for time in answer_format.times(encoded.text[region.start : region.end]):
            start, end = region.start + time.start, region.start + time.end
            shared = np.maximum(np.minimum(ends, end) - np.maximum(starts, start), 0)
            nats += math.log(time.num_choices) * shared / (end - start)
    return nats
