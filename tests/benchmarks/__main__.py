"""Run benchmarks, print their figures and write them to ``bench.json``: ``python -m tests.benchmarks [GROUP ...]``.

Each group is a module here with ``run() -> dict[str, float]``. A run of some groups keeps the figures of the others.
With ``--docs`` the documents show them from then on.
"""

import json
import os
import sys
from importlib import import_module
from pathlib import Path

from tests.benchmarks._figures import show_in_documents
from vtg_core.files.outputs import replace_text

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # figures are for one core
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

FOLDER = Path(__file__).parent
FIGURES = FOLDER.parents[1] / "bench.json"
GROUPS = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))


def main(asked: list[str]) -> int:
    into_docs = "--docs" in asked
    asked = [group for group in asked if group != "--docs"]
    unknown = sorted(set(asked) - set(GROUPS))
    if unknown:
        print(f"no such group: {', '.join(unknown)}; known are {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    import torch

    torch.set_num_threads(1)
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else {}
    measured_now: dict[str, float] = {}
    for group in asked or GROUPS:
        print(f"{group}:", flush=True)
        measured = import_module(f"tests.benchmarks.{group}").run()
        width = max(map(len, measured))
        for name, value in measured.items():
            print(f"  {name:<{width}}  {value:,.4g}")
        measured_now |= measured
    figures |= measured_now
    replace_text(FIGURES, json.dumps(figures, indent=1) + "\n")
    if into_docs:
        from docs import tables

        show_in_documents(measured_now)
        return tables.main([])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
