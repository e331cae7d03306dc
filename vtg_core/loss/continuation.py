"""Tokens run behind what a model has in its cache, under a mask of our own; and whether a model can do that."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from vtg_core.errors import LossError, OutOfMemoryError, first_line
from vtg_core.loss.forward_pass import evaluating, input_device, kept_logits, raising_loss_errors
from vtg_core.loss.model_shape import dtype_of
from vtg_core.loss.token_tree import grow_tree

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import Cache, PreTrainedModel

CONTINUATION_TOLERANCE = {"float64": 1e-6, "float32": 1e-2, "bfloat16": 0.25, "float16": 0.1}
"""How far log-probabilities behind a token tree may be from a plain pass's, by floating point type (RMS).

In units of how far they move where the mask is wrong: a bound in nats would be too wide for a model that is nearly
uniform, and too narrow for the rounding of a large one.
"""


def continued_logits(
    model: "PreTrainedModel", cache: "Cache", kept: Sequence[int], **inputs: "Tensor"
) -> "Tensor":
    """Run tokens behind what the cache holds, and keep them in it.

    Args:
        model: one with nothing in :func:`why_not_continued`.
        cache: of :func:`new_cache`, with the tokens before.
        kept: which of the tokens predict what is asked for, strictly increasing.
        **inputs: one row, on the model's device.

    Returns:
        Their logits, shape (len(kept), V).
    """
    import torch

    given = {**inputs, cache_argument(model): cache}
    with torch.inference_mode():  # plain numbers are right on whatever device the last layer is
        logits: Tensor = model(**given, logits_to_keep=list(kept), use_cache=True).logits
    return kept_logits(model, logits, kept, length=inputs["input_ids"].shape[1])[0]


def cache_argument(model: "PreTrainedModel") -> str:
    """Return under which name a model's ``forward`` takes its cache, read from its signature.

    transformers renamed ``past_key_values`` to ``cache`` in 5.24; what a version calls it is asked of the model itself.

    Raises:
        LossError: it takes none by a name that is known.
    """
    for forward in (
        model.forward,
        type(model).forward,
    ):  # the first may be somebody's wrapper, which names nothing
        taken = inspect.signature(forward).parameters
        for name in _CACHE_ARGUMENTS:
            if name in taken:
                return name
    raise LossError(
        f"{type(model).__name__}.forward must take a cache as {' or '.join(_CACHE_ARGUMENTS)}, "
        f"and takes {', '.join(taken)}"
    )


_CACHE_ARGUMENTS = ("cache", "past_key_values")


def new_cache(model: "PreTrainedModel") -> "Cache":
    """Return an empty cache of the kinds of layer that a model's text part asks for."""
    from transformers import DynamicCache

    return DynamicCache(config=model.config.get_text_config(decoder=True))


def tree_mask(seen: np.ndarray, num_shared: int, dtype: "torch.dtype") -> "Tensor":
    """Return the mask of tokens that see the whole trunk and, of the N behind it, those that ``seen`` says.

    Args:
        seen: bool, shape (S, N).
        num_shared: length of the trunk.
        dtype: of the model.

    Returns:
        0 where a token is seen and the least number where it is not, shape (1, 1, S, num_shared + N).
    """
    import torch

    mask = torch.zeros(1, 1, len(seen), num_shared + seen.shape[1], dtype=dtype)
    mask[0, 0, :, num_shared:].masked_fill_(~torch.from_numpy(seen), torch.finfo(dtype).min)
    return mask


def why_not_continued(model: "PreTrainedModel") -> str:
    """Return why a model cannot be continued at a tree of tokens, or nothing.

    It is asked once for each floating point type, device and kind of attention, on a few tokens of text.

    Raises:
        OutOfMemoryError: the device has no room even for that.
    """
    answers = _ANSWERS.setdefault(model, {})
    attention = str(model.config.get_text_config(decoder=True)._attn_implementation)
    asked = (str(model.dtype), str(input_device(model)), attention)
    if asked not in answers:
        answers[asked] = _find_reason(model, attention)
    return answers[asked]


_ANSWERS: "WeakKeyDictionary[PreTrainedModel, dict[tuple[str, str, str], str]]" = WeakKeyDictionary()


def _find_reason(model: "PreTrainedModel", attention: str) -> str:
    if attention not in ("sdpa", "eager"):
        return f"its attention ({attention}) takes no mask of our own"
    import torch
    from transformers.cache_utils import DynamicLayer

    texts = [np.array(text) for text in _texts(model)]
    try:
        with (
            evaluating(model),
            raising_loss_errors({"input_ids": torch.from_numpy(texts[-1])}, input_device(model)),
        ):
            if any(type(layer) is not DynamicLayer for layer in new_cache(model).layers):
                return "not all of its layers keep the keys and values of every token"
            is_exact = _continues_exactly(model, texts)
    except OutOfMemoryError:
        raise
    except LossError as error:
        return f"it cannot be continued ({first_line(error.__cause__ or error)})"
    return "" if is_exact else "continued at a tree of tokens, it gives other logits than in a plain pass"


def _texts(model: "PreTrainedModel") -> list[list[int]]:
    """Return two texts of ordinary ids that begin alike, and the second once more with all of the first before its end.

    That third one is what a model reads that does not heed the mask. The first branch is long, so that the second
    stands elsewhere where positions are not heeded.
    """
    vocabulary = model.get_input_embeddings().num_embeddings
    special = set(_special_ids(model.config.to_dict()))
    ids = [i for i in (*range(vocabulary // 2, vocabulary), *range(vocabulary // 2)) if i not in special]
    trunk, first, second = ids[:12], [ids[12], *ids[13:45]], [ids[12], *ids[45:49]]
    return [trunk + first, trunk + second, trunk + first + second[1:]]


def _special_ids(config: Mapping[str, Any]) -> Iterator[int]:
    """Yield every id that a config, or one within it, gives a name: those of padding, of media and the like."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _special_ids({str(key): inner for key, inner in value.items()})
        elif name.endswith(("token_id", "token_ids", "token_index", "token")):
            yield from (i for i in (value if isinstance(value, list) else [value]) if isinstance(i, int))


def _continues_exactly(model: "PreTrainedModel", texts: Sequence[np.ndarray]) -> bool:
    """Compare a tree of the first two texts with plain passes over them, by what the third makes of the second."""
    import torch

    device = input_device(model)
    tree = grow_tree(texts[:2])
    cache, leaves = new_cache(model), [int(nodes[-1]) for nodes in tree.nodes]
    trunk = torch.from_numpy(texts[0][: tree.num_shared]).to(device)
    continued_logits(model, cache, [0], input_ids=trunk[None])
    continued = continued_logits(
        model,
        cache,
        leaves,
        input_ids=torch.from_numpy(tree.ids).to(device)[None],
        attention_mask=tree_mask(tree.is_ancestor(), tree.num_shared, model.dtype).to(device),
        position_ids=torch.from_numpy(tree.depths).to(device)[None],
    )
    with torch.inference_mode():
        plain = [
            model(input_ids=torch.from_numpy(text).to(device)[None], use_cache=False).logits[0, -1]
            for text in texts
        ]
    bound = CONTINUATION_TOLERANCE[dtype_of(model)] * _distance(plain[1], plain[2])
    return all(_distance(own, logits) <= bound for own, logits in zip(plain, continued, strict=False))


def _distance(logits: "Tensor", others: "Tensor") -> float:
    """Return the root mean square of the differences of log-probabilities, in nats."""
    difference = logits.float().log_softmax(0) - others.to(logits.device).float().log_softmax(0)
    return float(difference.square().mean().sqrt())
