"""The presets of ``--collator``: found by name, built on what is installed, and told where it is not or has changed."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Any

from vtg_core.audit.codes.collator import NOT_FOUND
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.guard import Raised

if TYPE_CHECKING:
    from transformers import ProcessorMixin

Collate = Callable[[list[dict[str, Any]]], Any]


@dataclass(frozen=True)
class Preset:
    """A framework whose data path can be named.

    Attributes:
        name: stands before the colon.
        module: of this package, with ``build(processor, argument)``; what it raises is the person's to read.
        argument: what may stand behind the colon, in words.
        choices: all that may, where they are words of ours; a file or a folder otherwise.
        needs_argument: nothing is built without one.
        distribution: what is installed by pip; empty where there is nothing to install.
        package: what it is imported as.
        tested: the version that our tests last ran with.
        install: the command that installs what the data path imports.
    """

    name: str
    module: str
    argument: str = ""
    choices: tuple[str, ...] = ()
    needs_argument: bool = False
    distribution: str = ""
    package: str = ""
    tested: str = ""
    install: str = ""

    @property
    def usage(self) -> str:
        """How it is named."""
        if not self.argument:
            return self.name
        return f"{self.name}:{self.argument}" if self.needs_argument else f"{self.name}[:{self.argument}]"

    def build(self, processor: "ProcessorMixin", argument: str) -> Collate:
        """Return the framework's collator, fed with its own conversion of our samples; whatever it raises passes through."""
        found: Collate = importlib.import_module(f"{__package__}.{self.module}").build(processor, argument)
        return found

    @property
    def origin(self) -> str:
        """Which versions are used, and where the framework asks for another one of transformers; empty without it."""
        if not self.distribution:
            return ""
        transformers = version("transformers")
        try:
            own, asked = version(self.distribution), _asked(self.distribution, "transformers")
        except PackageNotFoundError:  # a checkout that was put on the path
            own, asked = "of unknown version", None
        other = "" if asked is None or asked.contains(transformers) else f", where it asks for {asked}"
        return f"{self.distribution} {own} with transformers {transformers}{other}"

    def explain(self, raised: Raised) -> Finding | None:
        """Say what to install, or that the installed version has outgrown the adapter; None where it is something else."""
        error = raised.error
        if isinstance(error, ModuleNotFoundError):
            missing = (error.name or self.package).partition(".")[0]
            return replace(
                NOT_FOUND.finding(f"--collator {self.name} needs {missing}, which is not installed."),
                fix=f"Install what its data path imports: {self.install}",
            )
        if not isinstance(error, ImportError | AttributeError | TypeError):
            return None
        return replace(
            NOT_FOUND.finding(
                f"{self.origin} has outgrown the preset {self.name}, which was last tested with {self.tested}: {error}"
            ),
            fix="Audit a batch of your own run: vtg_core.MaskAudit in its trainer, or a saved one with --batch.",
        )


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "trl",
            "trl",
            "messages|prompt-completion|assistant-only",
            choices=("messages", "prompt-completion", "assistant-only"),
            distribution="trl",
            package="trl",
            tested="1.16.0",
            install="pip install trl torchcodec",
        ),
        Preset(
            "llamafactory",
            "llama_factory",
            "CONFIG.yaml",
            distribution="llamafactory",
            package="llamafactory",
            tested="0.9.5",
            install="pip install --no-deps llamafactory omegaconf antlr4-python3-runtime==4.9.3 einops trl datasets "
            "torchaudio",
        ),
        Preset(
            "ms-swift",
            "ms_swift",
            "ARGS.json",
            distribution="ms-swift",
            package="swift",
            tested="4.6.0",
            install="pip install ms-swift qwen-vl-utils",
        ),
        Preset(
            "axolotl",
            "axolotl",
            "CONFIG.yaml",
            distribution="axolotl",
            package="axolotl",
            tested="0.19.0",
            install="pip install --no-deps axolotl trl datasets colorama addict torchcodec",
        ),
        Preset(
            "unsloth",
            "unsloth",
            "responses-only",
            choices=("responses-only",),
            distribution="unsloth_zoo",
            package="unsloth_zoo",
            tested="2026.10.9",
            install="pip install --no-deps unsloth_zoo unsloth torchcodec requests",
        ),
        Preset(
            "qwen-finetune",
            "qwen_finetune",
            "FOLDER",
            needs_argument=True,
            distribution="qwenvl",
            package="qwenvl",
            tested="a checkout of November 2026",
            install="git clone https://github.com/QwenLM/Qwen3-VL, and what its qwen-vl-finetune/README.md names",
        ),
        Preset("seed-style", "seed_style", "package.module:name"),
    )
}
"""Every preset, by name."""


def find_preset(name: str) -> tuple[Preset, str] | None:
    """Return the preset that ``name`` names, and what stands behind the colon; None where it names a module.

    A framework's own module stays within reach: ``trl:messages`` is a preset, ``trl:SFTTrainer`` is not.
    """
    word, _, argument = name.partition(":")
    preset = PRESETS.get(word)
    if preset is None:
        return None
    if preset.choices and argument and argument not in preset.choices:
        return None
    if preset.package == word and argument.isidentifier() and not preset.choices:
        return None
    return preset, argument


def _asked(distribution: str, package: str) -> Any:
    """Return which versions of a package a distribution asks for; None where it asks for none."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in requires(distribution) or ()]
    return next((one.specifier for one in wanted if one.name == package and one.marker is None), None)


def is_imported(package: str) -> bool:
    """Say whether a framework has been imported already: some look at the environment only then."""
    return package in sys.modules
