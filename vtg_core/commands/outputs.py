"""The files that the commands write: checked before a long run, and never one that is read."""

import argparse
from collections.abc import Iterable, Iterator
from os import PathLike

from vtg_core.commands.terminal import plain
from vtg_core.files.outputs import check_writable, overwritten, shared_output

NAMES = ("json", "csv", "markdown", "html", "yaml", "record", "plots")
"""The options that name a file to write."""


def check_outputs(options: argparse.Namespace) -> None:
    """Check the outputs of a command before it begins; wrong usage ends the program.

    Raises:
        VTGError: an output is no file that can be written.
    """
    to_stdout = [f"--{name} -" for name in NAMES if getattr(options, name, None) == "-"]
    if len(to_stdout) > 1:
        named = " and ".join(to_stdout[:2])
        options.usage.error(f"{named} would both write to stdout: give one of them a file")
    if (said := shared_output(_outs(options))) is not None:
        options.usage.error(plain(said))
    refuse_inputs(options, _inputs(options))
    for option, out in _outs(options).items():
        check_writable(option, out)


def refuse_inputs(options: argparse.Namespace, inputs: Iterable[tuple[str, str | PathLike[str]]]) -> None:
    """End the program with wrong usage where an output of a command is one of these files.

    Args:
        options: of the command.
        inputs: what each is, in words, and its path; looked at only where an output is there already.
    """
    if (said := overwritten(_outs(options), inputs)) is not None:
        options.usage.error(plain(said))


def _outs(options: argparse.Namespace) -> dict[str, str]:
    """Return the files that are written, by option; standard output is none."""
    outs = {f"--{name}": getattr(options, name, None) for name in NAMES}
    return {option: out for option, out in outs.items() if out not in (None, "-")}


def _inputs(options: argparse.Namespace) -> Iterator[tuple[str, str | PathLike[str]]]:
    from vtg_core.checkpoints.source import loaded_files

    for name in ("video", "annotations", "batch", "replay"):
        if path := getattr(options, name, None):
            is_alone = name == "annotations" and getattr(options, "command", None) == "data"
            yield "the FILE itself" if is_alone else f"the file of --{name}", path
    for name in ("checkpoint", "adapter"):
        if checkpoint := getattr(options, name, None):
            yield from ((f"a file of --{name}", path) for path in loaded_files(checkpoint))
    yield from (("a log of the run", path) for path in getattr(options, "steps", ()))
    if collator := getattr(options, "collator", None):
        from vtg_core.audit.foreign.collators import module_files

        yield from (("the code of --collator", path) for path in module_files(collator))
