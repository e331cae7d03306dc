"""Where the page's scripts and style, and the demo's clips, annotations and weights, lie."""

from pathlib import Path


def asset_folder() -> Path:
    """Return the folder ``assets``: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "assets"
    return installed if installed.is_dir() else package.parent / "assets"
