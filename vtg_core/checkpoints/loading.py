"""Checkpoints: a processor for masks, a model for losses, and where each comes from."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from vtg_core.chat.bounded_rendering import trust_template
from vtg_core.chat.markup import template_key
from vtg_core.checkpoints.adapters import ADAPTER_CONFIG, adapter_fingerprint, adapter_state, apply_adapter
from vtg_core.checkpoints.four_bits import (
    four_bits,
    is_about_four_bits,
    spare_narrow_layers,
    why_not_in_four_bits,
)
from vtg_core.checkpoints.placement import (
    DEVICE_MAPS,
    Device,
    Precision,
    check_device_map,
    resolve_device,
    resolve_precision,
)
from vtg_core.checkpoints.source import folder_state, hub_is_needed_and_there, source_of, why_not_loaded
from vtg_core.checkpoints.template_change import TemplateChange, change_template
from vtg_core.checkpoints.versions import check_versions
from vtg_core.data.answers import TEMPORAL_TOKEN_ANSWER
from vtg_core.demo.models import DEMO_MODELS
from vtg_core.errors import CheckpointError, first_line

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin


DEFAULT_CHECKPOINT = "demo"


@dataclass(frozen=True)
class Checkpoint:
    """A processor, and what was done to it in memory.

    Attributes:
        name: as it was asked for: a demo's name, a folder, or a hub id.
        processor: the checkpoint's own.
        added_tokens: the temporal tokens its tokenizer lacked and was given; a model that is loaded for it gets
            as many new, untrained rows in its embeddings.
        stop_ids: where generation stops, as the generation config says; the tokenizer's end of sequence where
            there is no such config.
    """

    name: str
    processor: "ProcessorMixin"
    added_tokens: tuple[str, ...]
    stop_ids: frozenset[int] = frozenset()


def load_checkpoint(name: str = DEFAULT_CHECKPOINT, *, template: TemplateChange | None = None) -> Checkpoint:
    """Load a checkpoint's processor, and give its tokenizer the temporal tokens it lacks.

    Args:
        name: ``demo``, ``demo-untrained``, ``demo-qwen2.5-vl``, a local folder, or a hub id.
        template: what is added to its chat template.

    Raises:
        CheckpointError: there is no such folder, the Hub cannot be reached or has no such checkpoint, or the
            checkpoint reads no video; its chat template cannot be changed so.
    """
    with _LOADING:
        return _load_checkpoint(str(name), template or TemplateChange())


_LOADING = RLock()
"""One load at a time: transformers is not safe to be imported by two threads at once, and two would load twice."""


def load_processor(
    name: str = DEFAULT_CHECKPOINT, *, template: TemplateChange | None = None
) -> "ProcessorMixin":
    """Return the processor of :func:`load_checkpoint`, with the same arguments and errors.

    It is one object, however often it is asked for; copy it before you change it.
    """
    return load_checkpoint(name, template=template).processor


@lru_cache(maxsize=4)
def _load_checkpoint(name: str, template: TemplateChange) -> Checkpoint:
    check_versions()
    from transformers import AutoProcessor

    source = source_of(name)
    try:
        processor = AutoProcessor.from_pretrained(
            source, trust_remote_code=False, local_files_only=not hub_is_needed_and_there(source)
        )
    except Exception as error:  # from_pretrained raises whatever its parts raise
        raise why_not_loaded(name, source, "processor", error) from error
    if getattr(processor, "video_processor", None) is None or not hasattr(processor, "tokenizer"):
        raise CheckpointError(
            f"checkpoint {name!r} must read video, and its processor ({type(processor).__name__}) does not; "
            "choose a video-language checkpoint such as a Qwen-VL one"
        )
    added = _add_temporal_tokens(processor.tokenizer)
    stop_ids = _stop_ids(source, processor.tokenizer)
    change_template(processor, template, stop_ids=stop_ids)
    if name in DEMO_MODELS:
        trust_template(template_key(processor))
    return Checkpoint(name, processor, added, stop_ids)


def _stop_ids(source: str, tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    from transformers import GenerationConfig

    try:
        config = GenerationConfig.from_pretrained(
            source, local_files_only=not hub_is_needed_and_there(source)
        )
        stops = config.eos_token_id
    except Exception:  # from_pretrained raises whatever its parts raise; a checkpoint may lack this file
        stops = None
    stops = tokenizer.eos_token_id if stops is None else stops
    return frozenset(stops if isinstance(stops, list) else [stops] if stops is not None else ())


def _add_temporal_tokens(tokenizer: "PreTrainedTokenizerBase") -> tuple[str, ...]:
    from tokenizers import AddedToken

    known = tokenizer.get_vocab()
    missing = tuple(token for token in TEMPORAL_TOKEN_ANSWER.tokens if token not in known)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in missing])
    return missing


def load_model(
    name: str = DEFAULT_CHECKPOINT,
    *,
    device: Device | str = Device.AUTO,
    dtype: Precision | str = Precision.AUTO,
    device_map: str = "",
    adapter: str = "",
    load_in_4bit: bool = False,
) -> "PreTrainedModel":
    """Load a checkpoint's model for forward passes, its embeddings as long as its processor's vocabulary.

    It is one object, kept until another is asked for or its folder is written anew; copy it before you train it.

    Args:
        name: as in :func:`load_checkpoint`.
        device: a :class:`Device`, or one card such as ``cuda:1``.
        dtype: a :class:`Precision`.
        device_map: one of ``DEVICE_MAPS`` spreads a model over all devices, by accelerate; ``device`` is ``auto`` then.
        adapter: a folder or hub id of a PEFT adapter that is put onto the model; empty for none. Nothing is merged
            (:mod:`vtg_core.checkpoints.adapters` says why), and the class is the model's own.
        load_in_4bit: bring its weights into four bits, by bitsandbytes; it computes in ``dtype``.

    Raises:
        CheckpointError: the model cannot be loaded, there is no such device, or ``device`` and ``device_map`` both
            say where it lies; the adapter cannot be loaded, or was not made for this model; bitsandbytes is not
            installed, or cannot use the device.
    """
    with _LOADING:
        asked = _asked(name, device, dtype, device_map, adapter, load_in_4bit)
        if asked not in _KEPT:
            _KEPT.clear()  # two models at once may not fit
            _KEPT[asked] = _load_model(*asked[:4], load_in_4bit=load_in_4bit)
        return _KEPT[asked]


_KEPT: "dict[tuple[str, ...], PreTrainedModel]" = {}
"""The model that was loaded last, by what :func:`_asked` returns: one with an adapter is another than one without."""


def loaded_model(
    name: str = DEFAULT_CHECKPOINT,
    *,
    device: Device | str = Device.AUTO,
    dtype: Precision | str = Precision.AUTO,
    device_map: str = "",
    adapter: str = "",
    load_in_4bit: bool = False,
) -> "PreTrainedModel | None":
    """Return what :func:`load_model` would, if it is loaded already; None where it is not."""
    return _KEPT.get(_asked(name, device, dtype, device_map, adapter, load_in_4bit))


def _asked(
    name: str,
    device: Device | str,
    dtype: Precision | str,
    device_map: str,
    adapter: str,
    load_in_4bit: bool,
) -> tuple[str, str, str, str, str, str, str]:
    """Return what a model is kept by: name, device or device map, type, adapter, bits, and the state of both folders."""
    check_device_map(device_map, device=device)
    resolved, name = resolve_device(device), str(name)
    bits = "4" if load_in_4bit else ""
    states = folder_state(source_of(name)), adapter_state(adapter)
    return name, device_map or resolved, resolve_precision(dtype, resolved), adapter, bits, *states


def fingerprint(name: str = DEFAULT_CHECKPOINT, adapter: str = "") -> str:
    """Return what tells a checkpoint from what was or will be under the same name; no weight is read.

    Of a folder it is a digest of names, sizes and times of change, of a hub id the commit, of a demo the digest of
    what shapes it; an adapter's is added to it. The errors are those of :func:`load_config`.

    Raises:
        CheckpointError: there is no such checkpoint or adapter.
    """
    own = _fingerprint(name)
    return f"{own} adapter {adapter_fingerprint(adapter)}" if adapter else own


def _fingerprint(name: str) -> str:
    from huggingface_hub import try_to_load_from_cache

    source = source_of(name)
    if name in DEMO_MODELS:
        return f"demo:{source.rpartition('-')[2]}"
    if state := folder_state(source):
        return f"files:{state}"
    load_config(name)  # is in the cache then, in the folder of its commit
    cached = try_to_load_from_cache(source, "config.json")
    return f"commit:{Path(str(cached)).parent.name}"


@lru_cache(maxsize=4)
def load_config(name: str = DEFAULT_CHECKPOINT) -> "PreTrainedConfig":
    """Load a checkpoint's config alone, without weights; argument and errors are those of :func:`load_model`."""
    from transformers import AutoConfig

    source = source_of(name)
    try:
        with _LOADING:
            return AutoConfig.from_pretrained(
                source, trust_remote_code=False, local_files_only=not hub_is_needed_and_there(source)
            )
    except Exception as error:  # from_pretrained raises whatever its parts raise
        raise why_not_loaded(name, source, "config", error) from error


def _load_model(name: str, where: str, dtype: str, adapter: str, *, load_in_4bit: bool) -> "PreTrainedModel":
    import torch

    tokenizer = load_checkpoint(name).processor.tokenizer
    model = _load_weights(name, where, dtype, load_in_4bit=load_in_4bit)
    is_spread = where in DEVICE_MAPS
    if load_in_4bit:
        spare_narrow_layers(model)
    try:
        _fit_embeddings(model, len(tokenizer))
        model = model.eval() if is_spread or load_in_4bit else model.to(where).eval()
        return apply_adapter(model, adapter, tokenizer, checkpoint=name) if adapter else model
    except CheckpointError:
        raise
    except (torch.OutOfMemoryError, RuntimeError, NotImplementedError) as error:
        raise _does_not_fit(
            name, where if not is_spread else "this machine's devices", dtype, error
        ) from error


def _load_weights(name: str, where: str, dtype: str, *, load_in_4bit: bool) -> "PreTrainedModel":
    import torch
    from transformers import AutoModelForImageTextToText

    source = source_of(name)
    if (Path(source) / ADAPTER_CONFIG).is_file():  # transformers would go and load the model that it names
        raise CheckpointError(
            f"checkpoint {name!r} must be a model without an adapter, and holds {ADAPTER_CONFIG}; name the adapter's "
            "folder with --adapter and the model's with --checkpoint"
        )
    is_spread = where in DEVICE_MAPS
    try:
        return AutoModelForImageTextToText.from_pretrained(
            source,
            dtype=getattr(torch, dtype),
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=not hub_is_needed_and_there(source),
            adapter_kwargs={"local_files_only": True},  # it would ask the Hub for an adapter of that name
            device_map=where if is_spread else {"": where} if load_in_4bit else None,
            quantization_config=four_bits(dtype) if load_in_4bit else None,
        )
    except Exception as error:  # from_pretrained raises whatever its parts raise
        if load_in_4bit and is_about_four_bits(error):
            raise why_not_in_four_bits(name, where, error) from error
        if is_spread and _is_about_placement(error):
            raise _does_not_fit(
                name, f"this machine's devices (--device-map {where})", dtype, error
            ) from error
        raise why_not_loaded(name, source, "model", error) from error


def _is_about_placement(error: Exception) -> bool:
    import torch

    said = str(error).lower()
    is_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return is_memory or any(word in said for word in ("device_map", "offload", "accelerate", "out of memory"))


def _does_not_fit(name: str, where: str, dtype: str, error: Exception) -> CheckpointError:
    return CheckpointError(
        f"the model of {name!r} must fit on {where} in {dtype}, and does not: {first_line(error)}; "
        "use another --device or a smaller --dtype"
    )


def _fit_embeddings(model: "PreTrainedModel", vocabulary: int) -> None:
    import torch

    if model.get_input_embeddings().num_embeddings < vocabulary:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the new rows are the same in every run
            model.resize_token_embeddings(vocabulary, mean_resizing=False)
