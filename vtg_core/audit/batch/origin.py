"""What wrote a batch: versions, processor and chat template, kept with it and compared with what reads it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.audit.codes.batch import OTHER_ORIGIN
from vtg_core.audit.findings import Finding

if TYPE_CHECKING:
    from transformers import ProcessorMixin

PACKAGES = ("vtg-lens", "transformers", "torch", "trl", "peft")
"""Their versions are kept with a batch: another version of transformers writes other ids for the same row."""


def origin_of(processor: "ProcessorMixin") -> dict[str, Any]:
    """Return the versions of the packages, the processor's class, the checkpoint's name and its template's digest."""
    template = getattr(processor, "chat_template", None) or getattr(
        processor.tokenizer, "chat_template", None
    )
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:16]
    return {
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "processor": type(processor).__name__,
        "checkpoint": str(getattr(processor.tokenizer, "name_or_path", "")).rstrip("/").rpartition("/")[2],
        "chat_template": digest,
    }


def saved_origin(path: str | PathLike[str]) -> dict[str, Any]:
    """Return what was kept with a saved batch, as :func:`origin_of`; empty where nothing that can be read was."""
    from safetensors import safe_open

    if Path(path).suffix != ".safetensors":
        return {}
    try:
        with safe_open(path, framework="pt") as file:
            kept = file.metadata() or {}
        read = {name: json.loads(kept[name]) for name in ("versions", *_COMPARED) if name in kept}
    except Exception:  # the file is somebody else's, and the library raises many types
        return {}
    versions = read.get("versions")
    return read if versions is None or isinstance(versions, Mapping) else {}


def origin_findings(
    path: str | PathLike[str], processor: "ProcessorMixin", *, reads: Mapping[str, Any] | None = None
) -> Iterator[Finding]:
    """Yield in what a saved batch was written otherwise than it is read: transformers, processor, chat template.

    Args:
        path: of the batch.
        processor: reads it.
        reads: what reads it, as :func:`origin_of` has it; that of ``processor`` and this machine unless given.
    """
    wrote, reads = saved_origin(path), reads or origin_of(processor)
    pairs = [
        ("transformers", (wrote.get("versions") or {}).get("transformers"), reads["versions"]["transformers"])
    ]
    pairs += [(noun, wrote.get(name), reads[name]) for name, noun in _COMPARED.items()]
    differ = [
        f"{noun} {str(before)[:60]} wrote it and {now} reads it"
        for noun, before, now in pairs
        if before is not None and before != now
    ]
    if differ:
        yield OTHER_ORIGIN.finding(
            f"{'; '.join(differ)}.",
            evidence={"wrote": {n: str(v)[:60] for n, v, _ in pairs}, "reads": {n: v for n, _, v in pairs}},
        )


def model_to_ask(model: AskedModel, path: str | PathLike[str]) -> AskedModel:
    """Return the model that is asked of a saved batch; nobody where another version of transformers wrote it.

    The model of that version takes other tensors: those of 5 ask for ``mm_token_type_ids``, and 4.57 wrote none.
    """
    wrote, reads = (saved_origin(path).get("versions") or {}).get("transformers"), _version("transformers")
    if wrote is None or wrote == reads:
        return model
    reason = f"transformers {str(wrote)[:60]} wrote the batch, and that of {reads} takes other tensors"
    return AskedModel(None, model.name, reason)


_COMPARED = {"processor": "processor", "chat_template": "chat template"}


def _version(package: str) -> str:
    if package == "vtg-lens":
        import vtg_core

        return vtg_core.__version__
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
