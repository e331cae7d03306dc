"""Which versions of transformers VTG Lens works with, said before anything else fails."""

from importlib.metadata import PackageNotFoundError, version

from vtg_core.errors import CheckpointError

OLDEST, BELOW = (5, 20), (6,)
"""Of transformers, as requirements.txt has them."""


def check_versions(installed: str | None = None) -> None:
    """Raise ``CheckpointError`` where transformers is of a version that we do not work with.

    Args:
        installed: what is asked about; the version that is installed unless given.
    """
    oldest, below = (".".join(map(str, bound)) for bound in (OLDEST, BELOW))
    try:
        found = installed or version("transformers")
    except PackageNotFoundError:
        found = "none"
    numbers = tuple(int(part) for part in found.split(".")[:2] if part.isdecimal())
    if not OLDEST <= numbers < BELOW:
        raise CheckpointError(
            f"transformers must be {oldest} or newer and older than {below}, got {found}; install such a version for "
            "VTG Lens, in a virtual environment of its own where training needs another: a batch that another version "
            "wrote can be saved and judged with audit --batch"
        )
