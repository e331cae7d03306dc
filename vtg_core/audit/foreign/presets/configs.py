"""The configuration files that training runs are started with."""

import json
from pathlib import Path
from typing import Any

from vtg_core.errors import VTGError


def read_config(path: str) -> dict[str, Any]:
    """Read a YAML or JSON file; nothing in it is run.

    Raises:
        VTGError: it cannot be read, or holds no mapping.
    """
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8")
        found = json.loads(text) if path.endswith(".json") else yaml.safe_load(text)
    except OSError as error:
        raise VTGError(
            f"the configuration must be a file that can be read, got {path!r} ({error.strerror})"
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise VTGError(f"{path} must be YAML or JSON, and is not: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict):
        raise VTGError(f"{path} must hold a mapping of options, and holds {type(found).__name__}")
    return {str(name): value for name, value in found.items()}
