"""PEFT adapters: found, checked, and put onto a model.

An adapter stays beside the weights and is not merged into them: so it runs as it was trained, its matrices in float32
beside weights in bfloat16, and an output head that is tied to the embeddings can have one of its own, where a merge
would change both. The model stays of its own class all the same: PEFT's wrapper is taken off, and what is left in the
place of a layer is a layer, so that whatever runs a model runs one with an adapter.
"""

import json
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.checkpoints.source import (
    first_sentence,
    folder_of,
    folder_state,
    hub_is_needed_and_there,
    is_hub_id,
    is_unreachable,
)
from vtg_core.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from peft import PeftConfig
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
PICKLED_WEIGHTS = "adapter_model.bin"

KINDS = ("LORA", "LOHA", "LOKR", "IA3", "OFT", "VERA", "HRA", "LN_TUNING")
"""The kinds of PEFT adapter that change what layers compute, need no compiler, and are tested; none adds tokens."""

SINCE = {"VERA": (0, 21)}
"""The version of PEFT from which a kind can be put on as it was saved; its matrices that layers share got lost before."""

TASKS = (None, "CAUSAL_LM")
"""The tasks whose adapters train a model that writes text."""


def check_adapter(adapter: str) -> str:
    """Return the name of an adapter, if it may be one: empty, a hub id, or a folder that holds an adapter.

    Raises:
        CheckpointError: it is none of these.
    """
    if adapter and not is_hub_id(adapter):
        _Adapter.in_folder(adapter, _local_folder(adapter))
    return adapter


def model_label(checkpoint: str, adapter: str = "", *, load_in_4bit: bool = False) -> str:
    """Return how a checkpoint with an adapter is named to people, and that its weights are in four bits."""
    label = f"{checkpoint} in 4 bit" if load_in_4bit else checkpoint
    return f"{label} with adapter {adapter}" if adapter else label


def adapter_state(adapter: str) -> str:
    """Return what changes when an adapter's folder is written anew; empty where it is none, or lies on the Hub."""
    return folder_state(str(folder)) if adapter and (folder := folder_of(adapter)) else ""


def adapter_fingerprint(adapter: str) -> str:
    """Return what tells an adapter from what was or will be under the same name: its files, or its commit.

    Raises:
        CheckpointError: there is no such adapter.
    """
    found = find_adapter(adapter)
    is_local = folder_of(adapter) is not None
    return f"files:{folder_state(str(found))}" if is_local else f"commit:{found.name}"


def find_adapter(adapter: str) -> Path:
    """Return the folder of an adapter; what lies on the Hub is downloaded, pickled weights never.

    Raises:
        CheckpointError: there is no such folder, the Hub cannot be reached or has no such adapter.
    """
    if not is_hub_id(adapter):
        return _local_folder(adapter)
    from huggingface_hub import snapshot_download

    try:
        return Path(
            snapshot_download(
                adapter,
                allow_patterns=[ADAPTER_CONFIG, ADAPTER_WEIGHTS, "tokenizer.json"],
                local_files_only=not hub_is_needed_and_there(adapter),
            )
        )
    except Exception as error:  # the Hub's client raises whatever its parts raise
        if is_unreachable(error):
            raise CheckpointError(
                f"there is no folder {adapter!r} here, and the Hub cannot be reached to look for an adapter there; "
                "connect to the network, or name a local folder"
            ) from error
        raise CheckpointError(
            f"there is no folder {adapter!r} here, and the Hub gave no adapter of that name: {first_sentence(error)}"
        ) from error


def apply_adapter(
    model: "PreTrainedModel", adapter: str, tokenizer: "PreTrainedTokenizerBase", *, checkpoint: str
) -> "PreTrainedModel":
    """Put an adapter onto a model, in place, in the type that PEFT itself runs it in.

    Args:
        model: of a checkpoint, for nobody else's use; of the same class and config afterwards.
        adapter: a folder or a hub id.
        tokenizer: of the same checkpoint.
        checkpoint: its name, for messages.

    Raises:
        CheckpointError: there is no such adapter, its weights are pickled, or it was not made for this model.
    """
    found = _Adapter.in_folder(adapter, find_adapter(adapter))
    found.check_tokens(model, tokenizer, checkpoint)
    num_embeddings = model.get_input_embeddings().num_embeddings
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of it is an error of ours
            missing, unexpected = _put_on(model, found)
    except Exception as error:  # PEFT raises whatever its parts raise
        raise found.is_not_for(checkpoint, first_sentence(error)) from error
    if unexpected or missing:
        what = "have no place in it" if unexpected else "that it needs are not in the adapter"
        some = unexpected or missing
        raise found.is_not_for(checkpoint, f"{len(some):,} tensors {what}, such as {some[0]!r}")
    embeddings: Any = model.get_input_embeddings()
    if not hasattr(embeddings, "num_embeddings"):  # an adapter's embeddings do not say how many they are
        embeddings.num_embeddings = num_embeddings
    for weight in model.parameters():  # as those of a model without an adapter do; four bits take no gradient
        weight.requires_grad_(weight.is_floating_point())
    return model.eval()


@dataclass(frozen=True)
class _Adapter:
    """An adapter whose files are here, and whose config may be used.

    Attributes:
        name: as it was asked for.
        folder: where it lies.
        config: what ``adapter_config.json`` says.
    """

    name: str
    folder: Path
    config: "Mapping[str, Any]"

    @classmethod
    def in_folder(cls, name: str, folder: Path) -> "_Adapter":
        """Read an adapter's config, and check that it can be put onto a model that writes text."""
        if not (folder / ADAPTER_CONFIG).is_file():
            whole = "; it holds a whole model: name it with --checkpoint"
            raise CheckpointError(
                f"adapter {name!r} must hold {ADAPTER_CONFIG}, as PEFT writes it, and does not"
                f"{whole if (folder / 'config.json').is_file() else ''}"
            )
        if not (folder / ADAPTER_WEIGHTS).is_file():
            pickled = f", and holds {PICKLED_WEIGHTS}, a pickle, which could run code"
            raise CheckpointError(
                f"adapter {name!r} must hold {ADAPTER_WEIGHTS}"
                f"{pickled if (folder / PICKLED_WEIGHTS).is_file() else ''}; save it with safe_serialization=True"
            )
        try:
            config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            config = error
        if not isinstance(config, dict):
            raise CheckpointError(f"{ADAPTER_CONFIG} of adapter {name!r} must be a JSON object, and is not")
        adapter = cls(name, folder, config)
        adapter._check_kind()
        return adapter

    def _check_kind(self) -> None:
        kind, task = self.config.get("peft_type"), self.config.get("task_type")
        if kind not in KINDS:
            raise CheckpointError(
                f"adapter {self.name!r} must be of a kind that changes what layers compute and nothing else "
                f"({', '.join(KINDS)}), got {kind!r:.60}"
            )
        (major, minor), installed = SINCE.get(kind, (0, 0)), version("peft")
        if tuple(map(int, installed.split(".")[:2])) < (major, minor):
            raise CheckpointError(
                f"adapter {self.name!r} must be put on by PEFT {major}.{minor} or newer, as it is of kind {kind}, and "
                f"PEFT {installed} is installed; upgrade peft"
            )
        if task not in TASKS:
            raise CheckpointError(
                f"adapter {self.name!r} must be for a model that writes text (task_type CAUSAL_LM or none), "
                f"got {task!r:.60}"
            )
        for option, what in _UNSUPPORTED.items():
            if self.config.get(option):
                raise CheckpointError(
                    f"adapter {self.name!r} must work without {what} ({option}), and does not"
                )

    def check_tokens(
        self, model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", checkpoint: str
    ) -> None:
        """Raise where the adapter was trained with other tokens than the checkpoint has."""
        lengths = {rows for name, shape in self._shapes().items() if (rows := _num_tokens(name, shape))}
        rows = model.get_input_embeddings().num_embeddings
        if lengths - {rows}:
            raise CheckpointError(
                f"adapter {self.name!r} must have been trained with the {rows:,} tokens that the embeddings of "
                f"{checkpoint!r} have here, and its own have {max(lengths - {rows}):,}; save the model with its added "
                "tokens and the adapter merged, and name that with --checkpoint"
            )
        differing = self._tokens_that_differ(tokenizer)
        if differing:
            raise CheckpointError(
                f"adapter {self.name!r} must have been trained with the tokens of {checkpoint!r}, and its tokenizer "
                f"has other ids for {len(differing):,} of them, such as {differing[0]!r}; save the model with that "
                "tokenizer and the adapter merged, and name that with --checkpoint"
            )

    def _shapes(self) -> dict[str, list[int]]:
        from safetensors import safe_open

        try:
            with safe_open(self.folder / ADAPTER_WEIGHTS, framework="pt") as weights:
                return {name: weights.get_slice(name).get_shape() for name in weights.keys()}  # noqa: SIM118
        except Exception as error:  # safetensors has an error type of its own for each of its versions
            raise CheckpointError(
                f"{ADAPTER_WEIGHTS} of adapter {self.name!r} must be whole, and is not: {first_sentence(error)}"
            ) from error

    def _tokens_that_differ(self, tokenizer: "PreTrainedTokenizerBase") -> list[str]:
        """Return the tokens of the tokenizer that was saved with the adapter, if one was, that have another id here."""
        path = self.folder / "tokenizer.json"
        if not path.is_file():
            return []
        from tokenizers import Tokenizer

        try:
            theirs = Tokenizer.from_file(str(path)).get_vocab(with_added_tokens=True)
        except Exception as error:  # tokenizers raises plain exceptions
            raise CheckpointError(
                f"tokenizer.json of adapter {self.name!r} must be a tokenizer's, and cannot be read: "
                f"{first_sentence(error)}"
            ) from error
        ours = tokenizer.get_vocab()
        return sorted(token for token, token_id in theirs.items() if ours.get(token) != token_id)

    def is_not_for(self, checkpoint: str, because: str) -> CheckpointError:
        """Return the error of an adapter that was made for another model."""
        base = self.config.get("base_model_name_or_path")
        made_for = f"; it was made for {base!r:.120}" if base and base != checkpoint else ""
        return CheckpointError(
            f"adapter {self.name!r} must have been made for a model of the shape of {checkpoint!r}, and was not: "
            f"{because}{made_for}"
        )


def _num_tokens(name: str, shape: "Sequence[int]") -> int | None:
    """Return for how many tokens a tensor of an adapter was made; None where it is about no embeddings."""
    if "embed_tokens." not in name and "lm_head." not in name:
        return None
    if name.endswith(
        (".embed_tokens.weight", ".lm_head.weight", ".base_layer.weight", ".lm_head.lora_B.weight")
    ):
        return shape[0]
    return shape[1] if name.endswith(".lora_embedding_A") else None


_UNSUPPORTED = {
    "alora_invocation_tokens": "tokens that switch it on",
    "megatron_config": "Megatron",
    "arrow_config": "a router between several adapters",
}


def _local_folder(adapter: str) -> Path:
    folder = folder_of(adapter)
    if folder is None:
        raise CheckpointError(
            f"adapter {adapter!r} must be a folder that exists or a hub id such as 'someone/some-adapter'; "
            "there is no such folder"
        )
    return folder


def _put_on(model: "PreTrainedModel", adapter: _Adapter) -> "tuple[Sequence[str], Sequence[str]]":
    """Put an adapter onto a model; return the names of the tensors it lacks, and of those that have no place."""
    from accelerate.hooks import remove_hook_from_submodules
    from peft import PeftModel

    config = _peft_config(adapter.folder)
    if {"cpu", "disk"} & set(getattr(model, "hf_device_map", {}).values()):
        remove_hook_from_submodules(model)  # PEFT spreads such a model again, with the adapter
    wrapped = PeftModel(model, config)
    result = wrapped.load_adapter(str(adapter.folder), "default", torch_device="cpu")
    return result.missing_keys, result.unexpected_keys


def _peft_config(folder: Path) -> "PeftConfig":
    from peft import PeftConfig

    config: PeftConfig = PeftConfig.from_pretrained(str(folder))
    config.inference_mode = True
    return config
