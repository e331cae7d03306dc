"""Somebody else's collator: found by name, given samples, and never trusted to behave."""

import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from vtg_core.audit.codes.collator import NO_BATCH, NOT_FOUND, RAISES
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.guard import Raised, guarded
from vtg_core.audit.foreign.presets.registry import Preset, find_preset
from vtg_core.dataset import Sample
from vtg_core.video.sampling import SampledVideo

if TYPE_CHECKING:
    from transformers import ProcessorMixin


SAMPLE_FIELDS = {
    "messages": 'The conversation in Hugging Face\'s chat form; its video part is `{"type": "video", "video": path}`.',
    "videos": "The frames of each video: a list of uint8 arrays of shape (T, H, W, 3), RGB.",
    "video_metadata": "For each video what a processor's `video_metadata` takes: fps, frame indices, size, duration.",
    "timestamps": "For each video the seconds at which its frames are shown.",
    "query": "What is looked for.",
    "windows": "When it happens: a list of [start, end] in seconds; empty where a conversation says none.",
    "duration": "Of the video, in seconds.",
    "answer": "The text that the model is taught to write, as in the last message.",
    "mode": "How the answer is written: `standard`, `temporal_tokens` or another answer form.",
    "template": "The name of the prompt template that asks; `own` where the row has a conversation of its own.",
}
"""What each sample that a collator is given holds, and what it means."""


@dataclass(frozen=True)
class ForeignCollator:
    """A collator of somebody else.

    Attributes:
        name: ``package.module:name``.
        call: what takes a list of samples.
        make: builds ``call`` for a processor; None where it was there as it is.
        file: of the module it came from; None where that is unknown.
        origin: the versions of the framework it is of; empty where it is none of the presets.
    """

    name: str
    call: Callable[[list[dict[str, Any]]], Any]
    make: Callable[["ProcessorMixin"], Any] | None = None
    file: str | None = None
    origin: str = ""

    def __call__(self, samples: list[dict[str, Any]]) -> Any:
        """Return what the collator returns."""
        return self.call(samples)

    def padding_on(self, side: str, processor: "ProcessorMixin") -> "ForeignCollator | Finding":
        """Return the collator as it is built with a processor that pads on ``side``; itself if it is given none."""
        if self.make is None:
            return self
        processor = copy(processor)
        processor.tokenizer = copy(processor.tokenizer)
        processor.tokenizer.padding_side = side
        if (preset := find_preset(self.name)) is not None:
            return _load_preset(self.name, *preset, processor)
        return _built(self.name, self.make, processor, self.file)


def load_collator(name: str, processor: "ProcessorMixin") -> ForeignCollator | Finding:
    """Find a collator, and build it where it is a class or a factory.

    Its code runs as any import does: name only what you would run yourself.

    Args:
        name: ``package.module:name``; the module is looked for in the current folder too. Or a preset of
            :mod:`vtg_core.audit.foreign.presets.registry`.
        processor: given to a class that takes an argument, and to a function whose first parameter is named
            ``processor``.

    Returns:
        The collator, or what is wrong with it.
    """
    if (preset := find_preset(name)) is not None:
        return _load_preset(name, *preset, processor)
    module_name, _, path = name.partition(":")
    parts = [*module_name.split("."), *path.split(".")]
    if not all(part.isidentifier() for part in parts):
        return NOT_FOUND.finding(f"A collator is named package.module:name, got {name[:80]!r}.")
    if (folder := os.getcwd()) not in sys.path:
        sys.path.append(folder)  # behind what is installed, which a file there must not stand in for
    importlib.invalidate_caches()
    found = guarded(lambda: _find(module_name, path))
    if isinstance(found, Raised):
        return _explain_import(name, module_name, found)
    if isinstance(found, Finding):
        return found
    file = getattr(sys.modules.get(module_name), "__file__", None)
    make = guarded(lambda: _maker(found))
    if isinstance(make, Raised):
        return _raised(f"{name} cannot be looked at", make, file)
    if make is not None:
        return _built(name, make, processor, file)
    if not callable(found):
        return NOT_FOUND.finding(f"{name} must be callable, and is {_kind(found)}.")
    return ForeignCollator(name, found, None, file)


def module_files(name: str) -> Iterator[Path]:
    """Yield the files of the module that a collator is named in, and of the packages around it; none of them is run.

    Args:
        name: ``package.module:name``, or a preset, with its configuration; what cannot be found is left to
            :func:`load_collator` to tell.
    """
    if (preset := find_preset(name)) is not None and os.path.isfile(preset[1]):
        yield Path(preset[1])
    parts = name.partition(":")[0].split(".")
    places: Sequence[str] | None = [os.getcwd(), *sys.path]
    for number in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: number + 1]), places)
        if spec is None:
            return
        if spec.has_location and spec.origin:
            yield Path(spec.origin)
        places = list(spec.submodule_search_locations or ())


def run_collator(
    collator: Callable[[list[dict[str, Any]]], Any], samples: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | Finding:
    """Give samples to a collator; its prints go to stderr.

    Args:
        collator: what :func:`load_collator` returns, or any callable.
        samples: what :func:`foreign_samples` returns; the collator gets a copy of each.

    Returns:
        The batch it returns, or what is wrong with it. An interrupt by the user passes through.
    """
    file = getattr(collator, "file", None)
    given = [fresh(sample) for sample in samples]
    returned = guarded(lambda: _as_batch(collator(given)))
    if isinstance(returned, Raised):
        given_many = f"{len(samples)} sample{'s' if len(samples) != 1 else ''}"
        return _raised(f"Given {given_many}, the collator", returned, file)
    if isinstance(returned, str):
        return NO_BATCH.finding(f"The collator must return a mapping of tensors, and returned {returned}.")
    return returned


def foreign_samples(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return dataset items in the form that a foreign collator is given: see ``SAMPLE_FIELDS``."""
    return [foreign_sample(sample) for sample in samples]


def foreign_sample(sample: Sample, messages: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return one dataset item in that form, with other ``messages`` than its own if they are given."""
    video = sample.video
    assert isinstance(video, SampledVideo), "a collator needs the frames themselves"
    return {
        "messages": deepcopy(list(messages if messages is not None else sample.messages)),
        "videos": [video.frames.copy()],
        "video_metadata": [video.metadata],
        "timestamps": [list(video.timestamps)],
        "query": sample.query,
        "windows": [[window.start, window.end] for window in sample.windows],
        "duration": video.info.duration,
        "answer": sample.answer,
        "mode": str(sample.template.mode),
        "template": sample.template.name,
    }


def fresh(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a sample that shares nothing with it: a collator may change what it is given."""
    return deepcopy(dict(sample))


def _load_preset(
    name: str, preset: Preset, argument: str, processor: "ProcessorMixin"
) -> ForeignCollator | Finding:
    """Build a framework's data path; what it lacks, refuses or no longer has is a finding."""
    built = guarded(lambda: preset.build(processor, argument))
    if isinstance(built, Raised):
        return preset.explain(built) or _raised(f"Building {name} with the processor", built, None)
    return ForeignCollator(name, built, lambda p: preset.build(p, argument), origin=preset.origin)


def _find(module_name: str, path: str) -> Any:
    _import_own(module_name.partition(".")[0])
    found: Any = importlib.import_module(module_name)
    for part in path.split("."):
        if not hasattr(found, part):
            return NOT_FOUND.finding(f"Module {module_name} must have a {part!r}, and has none.")
        found = getattr(found, part)
    return found


def _import_own(name: str) -> None:
    """Import the module that was asked for from the current folder, if it is there: a person means their own."""
    spec = PathFinder.find_spec(name, [os.getcwd()])
    if name in sys.modules or spec is None or spec.loader is None:
        return
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _explain_import(name: str, module_name: str, raised: Raised) -> Finding:
    error = raised.error
    packages = [module_name.rsplit(".", i)[0] for i in range(module_name.count(".") + 1)]
    if isinstance(error, ModuleNotFoundError) and error.name in packages:
        return NOT_FOUND.finding(
            f"Module {error.name} must be in the current folder or installed, and is not ({name})."
        )
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{Path(error.filename).name}:{error.lineno}"
        return RAISES.finding(f"Importing {module_name} fails: {_said(error)}.", evidence={"at": where})
    return _raised(f"Importing {module_name}", raised, None)


def _maker(found: Any) -> Callable[["ProcessorMixin"], Any] | None:
    """Return what builds a collator for a processor; None where ``found`` is one itself."""
    if not isinstance(found, type) and not callable(found):
        return None
    try:
        names = list(inspect.signature(found).parameters)
    except (TypeError, ValueError):  # written in C
        return None
    if isinstance(found, type):
        return found if names else lambda _: found()
    return found if names and names[0] == "processor" else None


def _built(
    name: str, make: Callable[["ProcessorMixin"], Any], processor: "ProcessorMixin", file: str | None
) -> ForeignCollator | Finding:
    built = guarded(lambda: make(processor))
    if isinstance(built, Raised):
        return _raised(f"Building {name} with the processor", built, file)
    if not callable(built):
        return NOT_FOUND.finding(
            f"{name} must return a callable for the processor, and returned {_kind(built)}."
        )
    return ForeignCollator(name, built, make, file)


def _as_batch(returned: Any) -> dict[str, Any] | str:
    """Return a mapping as a dict of its own, or what it is instead."""
    return {str(key): returned[key] for key in returned} if isinstance(returned, Mapping) else _kind(returned)


def _raised(what: str, raised: Raised, file: str | None) -> Finding:
    """Tell what was raised in all its lines; of a module that is not installed what to install."""
    error = raised.error
    evidence: dict[str, object] = {"error": type(error).__name__, "at": _innermost(error.__traceback__, file)}
    if isinstance(error, ModuleNotFoundError) and error.name:
        message = f"{what} needs the module {error.name}, which is missing: pip install {error.name.partition('.')[0]}"
        return RAISES.finding(f"{message} (at {evidence['at']}).", evidence=evidence)
    verb = "exits" if isinstance(error, SystemExit) else "raises"
    return RAISES.finding(f"{what} {verb}: {_said(error)} (at {evidence['at']}).", evidence=evidence)


def _said(error: BaseException) -> str:
    """Return an error's name and all that it says; of a text beyond reason how much is left out."""
    name = type(error).__name__
    try:
        text = str(error).strip()
    except Exception:  # an error whose text is an error
        return name
    if len(text) > MAX_ERROR_CHARS:
        text = f"{text[:MAX_ERROR_CHARS]} … ({len(text) - MAX_ERROR_CHARS:,} more characters)"
    return f"{name}: {text or name}"


MAX_ERROR_CHARS = 8_000


def _innermost(trace: TracebackType | None, file: str | None) -> str:
    """Return ``file name:line`` of the innermost line of the collator's own file, or of any that is nobody's library."""
    lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)]
    lines = [(name, line) for name, line in lines if name != __file__]
    own = [(name, line) for name, line in lines if file is not None and name == file]
    foreign = [(name, line) for name, line in lines if not name.startswith((*_LIBRARIES, "<"))]
    for candidates in (own, foreign, lines):
        if candidates:
            name, line = candidates[-1]
            return f"{Path(name).name}:{line}"
    return "no line of Python"


_LIBRARIES = tuple(
    {os.path.dirname(os.__file__), sys.prefix, sys.base_prefix, str(Path(__file__).parents[1])}
)


def _kind(value: Any) -> str:
    return (
        "nothing"
        if value is None
        else f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"
    )
