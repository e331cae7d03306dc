"""One server of a person's own file and collator, and one page on it: what is looked at here stands beside hostile texts."""

import json
import os
import shutil

import pytest

from tests.browser.conftest import ROOT, Server, opened
from tests.hostile_strings import HOSTILE, packed

COLLATOR = '''
from vtg_core.collator import SFTCollator
from vtg_core.recipes.masks import text_prefix


class Leaking:
    """Masks by the text before its video is expanded, writes a word of its own, and fails where it is asked to."""

    def __init__(self, processor):
        self.collate = text_prefix(processor)

    def __call__(self, samples):
        [sample] = samples
        if sample["query"].startswith("FAIL"):
            raise ValueError(sample["query"])
        system = {"role": "system", "content": [{"type": "text", "text": "Be brief. " + sample["query"][:300]}]}
        return self.collate([{**sample, "messages": [system, *sample["messages"]]}])
'''
VIDEO = '"><img src=x onerror=globalThis.__ran=1>${globalThis.__ran=1}{{7*7}}.mp4'
CONTROLS = "".join(map(chr, [*range(9), 11, 12, *range(14, 32)]))
"""What may stand in no query, or is another text once a text field had it."""


def rows():
    """A good row, rows of hostile queries and identifiers, one at which the collator fails, and some without a video."""
    texts = packed(1_900)
    good = {"video": VIDEO, "duration": 30.0, "timestamp": [8, 14], "sentence": "a red circle appears"}
    hostile = [{**good, "sentence": text, "qid": HOSTILE[i] + str(i)} for i, text in enumerate(texts)]
    failing = {**good, "sentence": f"FAIL {texts[0]}"}
    missing = [{**good, "video": text} for text in HOSTILE[::12]]
    return [good, *hostile, failing, *missing]


@pytest.fixture(scope="session")
def own_server(user_cache, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "their_collator.py").write_text(COLLATOR)
    videos = folder / "videos"
    videos.mkdir()
    shutil.copy(ROOT / "assets" / "red_circle.mp4", videos / VIDEO)
    file = folder / "rows <b>&lt;${1}.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows()))
    started = Server(
        "--annotations", str(file), "--video-root", str(videos), "--num-frames", "4", "--collator", "their_collator:Leaking",
        PYTHONPATH=os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
    ).wait()  # fmt: skip
    yield started
    printed = started.stop()
    assert "Traceback" not in printed, printed


@pytest.fixture(scope="module")
def own(pages, own_server):
    """The page on that server; nobody leaves it."""
    with opened(pages, own_server.url) as page:
        yield page
