"""Whether a checkpoint's model can take a batch: its own class is asked, without weights, to place the tokens.

Source of the faults: trl#4189, ROLL#435, QwenLM/Qwen3-VL#1138.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vtg_core.audit.batch.arrays import as_array, listed, shown
from vtg_core.audit.batch.positions import position_findings
from vtg_core.audit.batch.videos import IMAGE, VIDEO
from vtg_core.audit.codes.batch import MASK_KIND, MODEL_LACKS, MODEL_NOT_ASKED, MODEL_REFUSES
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.videos import image_id, probe_outputs, video_ids
from vtg_core.errors import VTGError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

TYPES, SECONDS, MASK, POSITIONS = "mm_token_type_ids", "second_per_grid_ts", "attention_mask", "position_ids"
INPUTS = ("input_ids", TYPES, IMAGE.grid, VIDEO.grid, SECONDS, MASK)


@dataclass(frozen=True, eq=False)
class AskedModel:
    """A checkpoint's class without weights, which can say where it places tokens.

    Attributes:
        place: the model's own method; None where it has none, or where it refuses what the processor itself makes.
        name: of the class.
        reason: why it is not asked; empty where it is.
    """

    place: Any
    name: str
    reason: str = ""

    @classmethod
    def of(cls, config: "PreTrainedConfig", chat: ChatIds) -> "AskedModel":
        """Build the class on PyTorch's meta device, and try it on a prompt that the processor itself made."""
        try:
            model = _built(config)
            asked = cls(model.get_rope_index, type(model).__name__)
            probe = {name: value for name, value in probe_outputs(chat).items() if hasattr(value, "shape")}
            asked.positions(probe)
        except Exception as error:  # another project's code may refuse in any way
            return cls(
                None, str(getattr(config, "model_type", "")), f"{type(error).__name__}: {first_line(error)}"
            )
        return asked

    @classmethod
    def of_checkpoint(cls, name: str, chat: ChatIds) -> "AskedModel":
        """Return the class of a checkpoint, a folder or a hub id; one that is not asked where no config can be read."""
        from vtg_core.checkpoints.loading import load_config

        try:
            return cls.of(load_config(name), chat)
        except VTGError as error:
            return cls(None, name, str(error))

    def needs(self, name: str) -> bool:
        """Say whether the model places tokens by this input."""
        return name in inspect.signature(self.place).parameters

    def positions(self, batch: Mapping[str, Any]) -> np.ndarray | None:
        """Return where the model places the tokens of a batch; int64, shape (3, B, L). It raises what the model raises.

        None where the model cannot place media by what is there, and counts them as text.

        Source: ``compute_3d_position_ids`` of transformers 5.24, ``models/qwen3_vl/modeling_qwen3_vl.py``, says which
        inputs must be there before ``get_rope_index`` is asked.
        """
        import torch

        inputs = {name: as_array(batch.get(name)) for name in INPUTS if self.needs(name)}
        tensors = {name: torch.as_tensor(array) for name, array in inputs.items() if array is not None}
        for name in (TYPES, IMAGE.grid, VIDEO.grid, "input_ids"):
            if name in tensors:
                tensors[name] = tensors[name].long()
        model = self.place.__self__
        if hasattr(model, "compute_3d_position_ids") and not {IMAGE.grid, VIDEO.grid}.isdisjoint(tensors):
            model.rope_deltas = None
            named = inspect.signature(model.compute_3d_position_ids).parameters
            placed = model.compute_3d_position_ids(**{name: tensors.get(name) for name in named})
        else:
            placed = self.place(**tensors)[0]
        found: np.ndarray | None = placed.numpy() if placed is not None else None
        return found


def check_model_inputs(
    batch: Mapping[str, Any],
    chat: ChatIds,
    model: AskedModel,
    numbers: Sequence[int],
    *,
    is_whole: bool,
    is_wrong: bool,
) -> Iterator[Finding]:
    """Yield what the model lacks in a batch, what it raises on it, and how its positions differ.

    Args:
        batch: as the collator returned it; ``input_ids`` int64, shape (B, L).
        chat: what the ids mean.
        model: of the same checkpoint.
        numbers: the rows' numbers.
        is_whole: the batch is all that the model gets; false of a saved one, which may be a part.
        is_wrong: its media or its mask are known to be wrong, so that what the model raises is an echo.
    """
    yield from _mask_kind(batch)
    if model.place is None:
        yield MODEL_NOT_ASKED.finding(f"{model.name} was not asked: {model.reason[:200]}.")
        return
    ids = as_array(batch.get("input_ids"))
    if ids is None or "inputs_embeds" in batch or is_wrong:
        return
    lacking = list(_lacking(batch, ids, chat, model, numbers, is_whole=is_whole))
    yield from lacking
    given = as_array(batch.get(POSITIONS))
    if given is not None:
        yield from _positions(batch, given, ids, chat, model, numbers)
    elif not lacking and (batch.get(VIDEO.grid) is not None or batch.get(IMAGE.grid) is not None):
        yield from _refusal(batch, model)


def _built(config: "PreTrainedConfig") -> Any:
    import torch
    from transformers import AutoModelForImageTextToText

    with torch.device("meta"):
        whole = AutoModelForImageTextToText.from_config(config, trust_remote_code=False)
    return whole if hasattr(whole, "get_rope_index") else whole.model


def _refusal(batch: Mapping[str, Any], model: AskedModel) -> Iterator[Finding]:
    try:
        placed = model.positions(batch)
    except Exception as error:  # the model's own words, whatever it raises
        kind, said = type(error).__name__, first_line(error) or "no words"
        yield MODEL_REFUSES.finding(
            f"{model.name} says {kind}: {said}",
            evidence={"model": model.name, "error": kind, "message": said},
        )
        return
    if placed is None:
        missing = [name for name in (TYPES,) if batch.get(name) is None]
        without = f" without {TYPES}" if missing else ""
        yield MODEL_LACKS.finding(
            f"{model.name} finds no video{without}: it counts all tokens as text, and the frames have no place.",
            evidence={"missing": missing},
        )


def _lacking(
    batch: Mapping[str, Any],
    ids: np.ndarray,
    chat: ChatIds,
    model: AskedModel,
    numbers: Sequence[int],
    *,
    is_whole: bool,
) -> Iterator[Finding]:
    """Look for placeholders without grids or pixels, and for grids whose seconds are missing or of another number."""
    for medium, token in ((VIDEO, video_ids(chat).video), (IMAGE, image_id(chat))):
        is_there = [batch.get(name) is not None for name in (medium.grid, medium.pixels)]
        rows = [numbers[i] for i in np.flatnonzero((ids == token).any(axis=1)).tolist()]
        if token is None or not rows or all(is_there) or not model.needs(medium.grid):
            continue
        if is_whole or (is_there[1] and not is_there[0]):
            names = [
                name for name, there in zip((medium.grid, medium.pixels), is_there, strict=True) if not there
            ]
            yield MODEL_LACKS.finding(
                f"Placeholders of {medium.noun}s stand in {listed(rows)}, and the batch has no {' and no '.join(names)}.",
                evidence={"missing": names, "rows": rows},
            )
    grids, seconds = as_array(batch.get(VIDEO.grid)), as_array(batch.get(SECONDS))
    if grids is None or not len(grids) or not model.needs(SECONDS) or batch.get(POSITIONS) is not None:
        return
    if seconds is None and batch.get(SECONDS) is None and is_whole:
        yield MODEL_LACKS.finding(
            f"The batch has {len(grids):,} grids of videos and no {SECONDS}: {model.name} counts 1 s for each.",
            evidence={"missing": [SECONDS]},
        )
    elif seconds is not None and seconds.shape != (len(grids),):
        yield MODEL_LACKS.finding(
            f"{SECONDS} must have one number for each of {len(grids):,} videos, got {shown(seconds)}.",
            evidence={"grids": len(grids), SECONDS: list(seconds.shape)},
        )


def _positions(
    batch: Mapping[str, Any],
    given: np.ndarray,
    ids: np.ndarray,
    chat: ChatIds,
    model: AskedModel,
    numbers: Sequence[int],
) -> Iterator[Finding]:
    """Compare positions; those of packed rows begin anew with each sample, and are passed over."""
    mask = as_array(batch.get(MASK))
    is_plain = mask is None or mask.shape == ids.shape
    own = {name: batch.get(name) for name in INPUTS} | {MASK: mask if is_plain else None}
    if batch.get(TYPES) is None:
        own[TYPES] = 2 * (ids == video_ids(chat).video) + (ids == image_id(chat))
    try:
        expected = None if _is_packed(batch) or not is_plain else model.positions(own)
    except Exception:  # positions that are given are not computed
        expected = None
    is_own = mask != 0 if mask is not None and is_plain else np.ones(ids.shape, dtype=bool)
    media = np.isin(ids, list(chat.media_ids))
    yield from position_findings(given, expected, is_own, media, numbers)


def _is_packed(batch: Mapping[str, Any]) -> bool:
    return any("cu_seq" in str(name) for name in batch)


def _mask_kind(batch: Mapping[str, Any]) -> Iterator[Finding]:
    value = batch.get(MASK)
    mask, borders = as_array(value), [str(name) for name in batch if "cu_seq" in str(name)]
    if isinstance(value, Mapping):
        kind = f"a mask for each kind of layer ({', '.join(map(str, value))})"
    elif mask is not None and mask.ndim in (3, 4):
        kind = f"a mask of each token for each other, of shape {mask.shape}"
    elif mask is not None and mask.ndim == 1 and len(mask) > 1:
        kind = "the borders or lengths of packed sequences, one axis long"
    elif borders:
        kind = f"the borders of packed sequences ({', '.join(borders)})"
    else:
        return
    yield MASK_KIND.finding(f"The batch comes with {kind}.")
