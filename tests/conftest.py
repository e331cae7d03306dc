"""What every test stands on: the demo checkpoints and a few frames of a demo clip, nothing from the network."""

import json
import os
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the models are tiny: threads cost more than they give

from copy import deepcopy
from pathlib import Path

import hypothesis
import pytest
from transformers import AutoModelForImageTextToText

from tests.replying import servers
from tests.sharing import BROWSER, SharedFiles, place_of
from tests.turns import turn
from vtg_core.checkpoints.loading import load_checkpoint, load_model
from vtg_core.demo.models import demo_folder
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames

hypothesis.settings.register_profile("no deadline", deadline=None)  # a busy machine is no fault
hypothesis.settings.load_profile("no deadline")

ASSETS = Path(__file__).parent.parent / "assets"
DEMO_NAMES = ("demo", "demo-qwen2.5-vl")


@pytest.fixture(scope="session", autouse=True)
def user_cache(tmp_path_factory):
    """A user cache of the session's own: the demo checkpoints are built, never found."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def checkpoints_by_name(user_cache):
    return {name: load_checkpoint(name) for name in DEMO_NAMES}


@pytest.fixture(scope="session")
def processors_by_name(checkpoints_by_name):
    return {name: checkpoint.processor for name, checkpoint in checkpoints_by_name.items()}


@pytest.fixture(scope="session")
def models_by_name(user_cache):
    return {name: load_model(name, device="cpu", dtype="float32") for name in DEMO_NAMES}


@pytest.fixture(scope="session")
def untrained_by_name(models_by_name):
    """The same with random weights all: a test that makes them decisive knows how large their losses get."""
    return models_by_name | {"demo": load_model("demo-untrained", device="cpu", dtype="float32")}


@pytest.fixture(scope="session")
def processor(processors_by_name):
    """The default demo's processor; shared, so a test that changes one takes ``own_processor``."""
    return processors_by_name["demo"]


@pytest.fixture(scope="session")
def model(models_by_name):
    return models_by_name["demo"]


@pytest.fixture
def own_processor(processor):
    """A copy that a test may give another chat template, padding side or vocabulary."""
    return deepcopy(processor)


@pytest.fixture
def without_temporal_tokens(user_cache, tmp_path):
    """The demo as a checkpoint that was never taught temporal tokens: the last thousand ids are gone."""
    folder = tmp_path / "plain"
    shutil.copytree(demo_folder("demo"), folder)
    for name, key in (("tokenizer.json", "added_tokens"), ("tokenizer_config.json", "added_tokens_decoder")):
        content = json.loads((folder / name).read_text())
        if isinstance(content.get(key), list):
            content[key] = [row for row in content[key] if not row["content"][1:-1].isdigit()]
        (folder / name).write_text(json.dumps(content))
    model = AutoModelForImageTextToText.from_pretrained(demo_folder("demo"))
    model.resize_token_embeddings(model.get_input_embeddings().num_embeddings - 1000)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def serve():
    """Starts a language model's server that gives saved replies, one after the other."""
    with servers() as start:
        yield start


@pytest.fixture(scope="session")
def video(user_cache):
    """Four frames of a clip in which a red circle appears from 8 s to 14 s."""
    return sample_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=4))


@pytest.fixture(scope="session")
def other_video(user_cache):
    """Six frames of another clip."""
    return sample_frames(ASSETS / "two_events.mp4", FramePolicy(num_frames=6))


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: place_of(item.nodeid) != BROWSER)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return SharedFiles(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    if not hasattr(item.config, "workerinput"):  # one process, one test at a time
        return (yield)
    folder = Path(item.config.getoption("basetemp")).parent
    with turn(folder, is_alone=item.get_closest_marker("serial") is not None):
        return (yield)


def required_parts():
    """The markers whose tests must run: ``VTG_REQUIRE=browser,gpu`` turns their skips into failures."""
    return {name.strip() for name in os.environ.get("VTG_REQUIRE", "").split(",") if name.strip()}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    missing = required_parts() & {marker.name for marker in item.iter_markers()}
    if report.skipped and missing and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"VTG_REQUIRE demands {', '.join(sorted(missing))}, and this was {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    missing = required_parts() & set(collector.path.parts)
    if report.skipped and missing:
        report.outcome = "failed"
        report.longrepr = f"VTG_REQUIRE demands {', '.join(sorted(missing))}, and this was {report.longrepr}"
    return report
