"""Positions that a batch gives its tokens, beside those that the model itself computes."""

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from vtg_core.audit.codes.batch import POSITIONS_DIFFER
from vtg_core.audit.findings import Finding

AXES = ("time", "height", "width")


def position_findings(
    given: np.ndarray,
    expected: np.ndarray | None,
    is_own: np.ndarray,
    is_media: np.ndarray,
    numbers: Sequence[int],
) -> Iterator[Finding]:
    """Yield how positions differ: their shape once, their values row by row.

    A row whose positions are all moved by one number is right: rotary embeddings see differences alone.

    Args:
        given: ``position_ids`` as they came.
        expected: the model's own, int64, shape (3, B, L); None where it cannot say.
        is_own: where a token is no padding; bool, shape (B, L).
        is_media: where a placeholder stands; bool, shape (B, L).
        numbers: the rows' numbers.
    """
    axes = _three_axes(given, is_own.shape)
    if axes is None:
        yield _wrong_shape(given, is_own.shape)
        return
    for i, number in enumerate(numbers) if expected is not None else ():
        own = is_own[i]
        came, right = axes[:, i][:, own], expected[:, i][:, own]  # type: ignore[index]
        if not _is_moved(came, right):
            yield _row_differs(came, right, is_media[i][own], number)


def _three_axes(given: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return positions as time, height and width, shape (3, B, L); None where their shape says something else.

    Two axes stand for all three, and the first of four is the text's, as transformers' Qwen classes read them.
    """
    if given.shape == shape:
        return np.broadcast_to(given, (3, *shape))
    if given.ndim == 3 and given.shape[0] in (3, 4) and given.shape[1:] in (shape, (1, shape[1])):
        return np.broadcast_to(given[-3:], (3, *shape))
    return None


def _wrong_shape(given: np.ndarray, shape: tuple[int, ...]) -> Finding:
    message = f"position_ids must have shape {(3, *shape)}, or {shape}, and has {given.shape}"
    if given.ndim == 3 and given.shape[:2] == (3, shape[0]) and given.shape[2] > shape[1]:
        cause = ": the ids were cut, and position_ids not along the axis of the tokens, which is its last"
    elif given.ndim == 3 and given.shape[0] == shape[0] and 3 in given.shape[1:]:
        cause = ": its axes are in another order, time, height and width come first"
    else:
        cause = ""
    evidence = {"position_ids": list(given.shape), "input_ids": list(shape)}
    return POSITIONS_DIFFER.finding(f"{message}{cause}.", evidence=evidence)


def _row_differs(came: np.ndarray, right: np.ndarray, is_media: np.ndarray, number: int) -> Finding:
    differ = (came - came[:, :1]) != (right - right[:, :1])
    tokens, first = int(differ.any(axis=0).sum()), int(np.argmax(differ.any(axis=0)))
    axes = [name for name, is_off in zip(AXES, differ.any(axis=1), strict=True) if is_off]
    others = [order for order in permutations(range(3)) if order != (0, 1, 2)]
    if (
        is_media.any()
        and (came == came[0]).all()
        and _is_moved(came, np.broadcast_to(np.arange(came.shape[1]), came.shape))
    ):
        cause = f"they count on as for text, over {int(is_media.sum()):,} placeholders too"
    elif any(_is_moved(came[list(order)], right) for order in others):
        cause = "the axes of time, height and width are in another order"
    else:
        cause = f"they differ in {', '.join(axes)}"
    return POSITIONS_DIFFER.finding(
        f"position_ids are others than the model's at {tokens:,} of {came.shape[1]:,} tokens: {cause}; at token "
        f"{first:,} they are {_listed(came[:, first])}, and the model's {_listed(right[:, first])}.",
        row=number,
        evidence={"tokens": tokens, "first": first, "axes": axes},
    )


def _listed(values: np.ndarray) -> str:
    """Return numbers in one line."""
    return "(" + ", ".join(f"{value:g}" for value in values.tolist()) + ")"


def _is_moved(came: np.ndarray, right: np.ndarray) -> bool:
    """Say whether two runs of positions differ by one number at most; both of shape (3, num_tokens)."""
    difference = came - right
    return not difference.size or bool((difference == difference.flat[0]).all())
