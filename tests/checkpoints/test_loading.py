import contextlib
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from vtg_core.checkpoints.loading import (
    fingerprint,
    load_checkpoint,
    load_model,
    load_processor,
    loaded_model,
)
from vtg_core.checkpoints.placement import check_device, resolve_device, resolve_precision
from vtg_core.collator import SFTCollator
from vtg_core.data.answers import STANDARD_ANSWER, TEMPORAL_TOKEN_ANSWER
from vtg_core.dataset import Sample
from vtg_core.demo.models import DEMO_MODELS, demo_folder
from vtg_core.errors import CheckpointError
from vtg_core.loss.forward_pass import input_device
from vtg_core.loss.score import score
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window

DEMOS = ["demo", "demo-qwen2.5-vl"]


def weights_digest(folder):
    tensors = load_file(folder / "model.safetensors")
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("name", DEMO_MODELS)
def test_a_demo_is_built_alike_each_time(user_cache, tmp_path, monkeypatch, name):
    first = demo_folder(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    torch.manual_seed(99)
    second = demo_folder(name)
    assert first != second
    assert weights_digest(first) == weights_digest(second)
    for file in sorted(first.iterdir()):
        if file.suffix in {".json", ".jinja"}:
            assert file.read_bytes() == (second / file.name).read_bytes(), file.name


def test_building_a_demo_leaves_the_random_numbers_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    demo_folder("demo")
    assert torch.equal(torch.rand(3), expected)


def test_a_demo_is_found_again_and_an_outdated_one_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "vtg-lens" / "demo-000000000000").mkdir(parents=True)
    folder = demo_folder("demo")
    stamp = (folder / "model.safetensors").stat().st_mtime_ns
    assert demo_folder("demo") == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == stamp
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name]


@pytest.mark.parametrize(
    ("name", "processor_class", "model_class"),
    [
        ("demo", "Qwen3VLProcessor", "Qwen3VLForConditionalGeneration"),
        ("demo-qwen2.5-vl", "Qwen2_5_VLProcessor", "Qwen2_5_VLForConditionalGeneration"),
    ],
)
def test_a_demo_is_of_its_familys_own_classes(
    processors_by_name, models_by_name, name, processor_class, model_class
):
    assert type(processors_by_name[name]).__name__ == processor_class
    assert type(models_by_name[name]).__name__ == model_class
    assert 500_000 < models_by_name[name].num_parameters() < 2_000_000


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_tokenizer_reads_digits_alone_and_temporal_tokens_whole(checkpoints_by_name, name):
    tokenizer = checkpoints_by_name[name].processor.tokenizer
    assert tokenizer.tokenize("[12.5, 999.0]") == ["[", *"12.5", ",", "Ġ", *"999.0", "]"]
    assert tokenizer.tokenize("<0><999>") == ["<0>", "<999>"]
    assert checkpoints_by_name[name].added_tokens == ()


def test_the_demo_is_the_default():
    assert load_checkpoint().name == "demo"
    assert load_processor() is load_checkpoint("demo").processor
    assert list(DEMO_MODELS) == ["demo", "demo-untrained", "demo-qwen2.5-vl"]


def test_a_checkpoint_is_loaded_once():
    assert load_checkpoint("demo") is load_checkpoint("demo")
    assert load_model("demo", device="cpu") is load_model("demo", device="cpu")


def test_missing_temporal_tokens_are_added_and_named(without_temporal_tokens):
    checkpoint = load_checkpoint(str(without_temporal_tokens))
    tokenizer = checkpoint.processor.tokenizer
    assert checkpoint.added_tokens == tuple(f"<{i}>" for i in range(1000))
    assert all(len(tokenizer.encode(token)) == 1 for token in TEMPORAL_TOKEN_ANSWER.tokens)


def test_the_embeddings_grow_with_the_tokens_and_keep_what_they_had(without_temporal_tokens, model):
    name = str(without_temporal_tokens)
    grown = load_model(name, device="cpu")
    weight, before = grown.get_input_embeddings().weight, model.get_input_embeddings().weight
    assert len(weight) == len(load_processor(name).tokenizer) == len(before)
    assert torch.equal(weight[:-1000], before[:-1000])
    assert grown.get_output_embeddings().weight.shape == weight.shape
    assert bool(torch.isfinite(weight).all())


def test_the_new_embeddings_are_the_same_in_every_run(without_temporal_tokens, tmp_path):
    other = tmp_path / "again"
    shutil.copytree(without_temporal_tokens, other)
    first, second = (load_model(str(f), device="cpu") for f in (without_temporal_tokens, other))
    assert torch.equal(first.get_input_embeddings().weight, second.get_input_embeddings().weight)


def test_the_folder_is_left_as_it_was(without_temporal_tokens):
    before = {path.name: path.read_bytes() for path in without_temporal_tokens.iterdir()}
    load_model(str(without_temporal_tokens), device="cpu")
    assert {path.name: path.read_bytes() for path in without_temporal_tokens.iterdir()} == before


@pytest.mark.parametrize("name", ["./gone", "/gone/model", "~/gone", "a/b/c", "", "  "])
def test_a_name_that_can_only_be_a_folder_is_said_to_be_missing(name):
    with pytest.raises(
        CheckpointError, match=r"must be a folder that exists, a hub id .* there is no such folder"
    ):
        load_processor(name)


@pytest.mark.parametrize("load", [load_processor, load_model])
def test_without_a_network_the_message_says_so_and_what_helps(load):
    with pytest.raises(
        CheckpointError, match="no folder 'someone/some-model' here, and the Hub cannot be reached"
    ) as e:
        load("someone/some-model")
    assert "one of demo, demo-untrained, demo-qwen2.5-vl" in str(e.value)


class NothingHere(http.server.BaseHTTPRequestHandler):
    """A hub that has no model of any name."""

    def do_GET(self):
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        """Say nothing."""


IN_A_FRESH_PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from vtg_core.checkpoints import load_checkpoint, load_processor
with ThreadPoolExecutor(2) as pool:
    first, second = pool.map(load_checkpoint, ["demo", "demo"])
print(first is second, flush=True)
for name in map(str.strip, sys.stdin):
    try: load_processor(name)
    except Exception as error: print(type(error).__name__, error, flush=True)
"""


@pytest.fixture(scope="module")
def told(user_cache):
    """What a fresh process tells: of two threads that load at once, of a hub that has nothing, and when it is gone."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), NothingHere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hub = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_OFFLINE": "0"}
        process = subprocess.Popen(
            [sys.executable, "-c", IN_A_FRESH_PROCESS], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env={**os.environ, **hub, "NO_PROXY": "*", "no_proxy": "*"},
        )  # fmt: skip
        print("someone/some-model", file=process.stdin, flush=True)
        said = [process.stdout.readline() for _ in range(2)]
        server.shutdown()
    return [*said, process.communicate("someone/some-model\n", timeout=120)[0]]


def test_two_threads_may_load_the_first_checkpoint_at_once(told):
    assert told[0] == "True\n"


def test_a_hub_that_has_no_such_model_is_not_called_unreachable(told):
    assert told[1].startswith(
        "CheckpointError there is no folder 'someone/some-model' here, and the Hub gave no processor"
    )


def test_a_hub_that_does_not_answer_is_called_unreachable(told):
    assert told[2].startswith(
        "CheckpointError there is no folder 'someone/some-model' here, and the Hub cannot be reached"
    )


def test_a_folder_that_is_no_checkpoint_is_said_to_be_none(tmp_path):
    with pytest.raises(CheckpointError, match="must hold a processor that transformers can load"):
        load_processor(str(tmp_path))


def test_a_folder_without_weights_serves_masks_and_no_losses(user_cache, tmp_path):
    folder = tmp_path / "masks"
    shutil.copytree(demo_folder("demo"), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    assert type(load_processor(str(folder))).__name__ == "Qwen3VLProcessor"
    with pytest.raises(CheckpointError, match="must hold a model that transformers can load"):
        load_model(str(folder), device="cpu")


def test_a_checkpoint_that_reads_no_video_is_refused(processor, tmp_path):
    processor.tokenizer.save_pretrained(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings.pop("processor_class")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(
        CheckpointError, match=r"must read video, and its processor \(Qwen2Tokenizer\) does not"
    ):
        load_processor(str(tmp_path))


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cuda:", "CPU", ""])
def test_a_device_that_is_none_is_refused_by_name(name):
    with pytest.raises(CheckpointError, match="device must be one of auto, cuda, mps, cpu or cuda:N"):
        check_device(name)


def test_code_that_comes_with_a_checkpoint_is_never_run(user_cache, tmp_path):
    folder, trace = tmp_path / "hostile", tmp_path / "was_run"
    shutil.copytree(demo_folder("demo"), folder)
    (folder / "evil.py").write_text(f"open({str(trace)!r}, 'w')\nclass Evil: pass\n")
    for name in ("config.json", "processor_config.json", "tokenizer_config.json"):
        content = json.loads((folder / name).read_text())
        names = ("AutoConfig", "AutoProcessor", "AutoModelForImageTextToText", "AutoTokenizer")
        content["auto_map"] = {
            key: ["evil.Evil", "evil.Evil"] if key == "AutoTokenizer" else "evil.Evil" for key in names
        }
        (folder / name).write_text(json.dumps(content))
    for load in (load_processor, load_model):
        with contextlib.suppress(CheckpointError):  # refusing is right, and so is doing without the code
            load(str(folder))
    assert not trace.exists()


def test_pickled_weights_are_never_read(user_cache, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(demo_folder("demo"), folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="must hold a model that transformers can load"):
        load_model(str(folder), device="cpu")


def test_the_device_is_the_best_there_is_unless_it_is_named():
    best = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert resolve_device() == resolve_device("auto") == best
    assert resolve_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["gpu", "cpu:1", "cuda:x", "cuda:-1", "", "CPU "])
def test_an_unknown_device_is_refused(device):
    with pytest.raises(CheckpointError, match="device must be one of auto, cuda, mps, cpu or cuda:N, got"):
        resolve_device(device)


def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(CheckpointError, match=r"must be on this machine, which has .*cpu"):
        resolve_device("cuda:99")


@pytest.mark.parametrize(
    ("dtype", "device", "expected"),
    [
        ("auto", "cuda", "bfloat16"),
        ("auto", "cuda:1", "bfloat16"),
        ("auto", "cpu", "float32"),
        ("auto", "mps", "float32"),
        ("float16", "cpu", "float16"),
        ("float32", "cuda", "float32"),
    ],
)
def test_the_precision_follows_the_device_unless_it_is_named(dtype, device, expected):
    assert resolve_precision(dtype, device) == expected


def test_an_unknown_precision_is_refused():
    with pytest.raises(
        CheckpointError, match="dtype must be one of auto, float32, bfloat16, float16, got 'int8'"
    ):
        resolve_precision("int8", "cpu")


def test_a_model_is_loaded_in_the_precision_asked_for():
    model = load_model("demo", device="cpu", dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    assert not model.training


# A model that is spread over devices


@pytest.mark.parametrize("name", DEMOS)
def test_a_model_that_is_spread_gives_the_same_loss(processors_by_name, video, name):
    sample = Sample(video, "a red circle", (Window(8, 14),), TEMPLATES[0], STANDARD_ANSWER)
    batch, tokenizer = SFTCollator(processors_by_name[name])([sample]), processors_by_name[name].tokenizer
    whole = score(load_model(name, device="cpu"), batch, tokenizer)[0]
    model = load_model(name, device_map="auto")
    assert input_device(model).type == ("cuda" if torch.cuda.is_available() else "cpu")
    spread = score(model, batch, tokenizer)[0]
    assert [t.nll for t in spread.tokens] == pytest.approx([t.nll for t in whole.tokens], abs=1e-3)
    assert spread.device == str(input_device(model))


def test_a_model_that_is_spread_gets_its_new_embeddings(without_temporal_tokens):
    name = str(without_temporal_tokens)
    model = load_model(name, device_map="auto")
    assert len(model.get_input_embeddings().weight) == len(load_processor(name).tokenizer)
    assert len(model.get_output_embeddings().weight) == len(load_processor(name).tokenizer)


def test_a_folder_that_is_trained_again_is_loaded_again(without_temporal_tokens):
    name, weights = str(without_temporal_tokens), without_temporal_tokens / "model.safetensors"
    before, tensors = fingerprint(name), load_file(weights)
    assert load_model(name, device="cpu") is load_model(name, device="cpu")
    first = load_model(name, device="cpu").get_input_embeddings().weight[5].tolist()
    save_file({key: 2 * value for key, value in tensors.items()}, weights, metadata={"format": "pt"})
    assert loaded_model(name, device="cpu") is None
    assert load_model(name, device="cpu").get_input_embeddings().weight[5].tolist() == [2 * x for x in first]
    assert before.startswith("files:")
    assert fingerprint(name) != before


def test_a_demo_has_the_same_fingerprint_wherever_it_is_built(monkeypatch, tmp_path):
    here = fingerprint("demo")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert fingerprint("demo") == here
    assert here.startswith("demo:")


def test_a_hub_id_has_its_commit_for_a_fingerprint(user_cache, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "models--some--model" / "snapshots" / commit
    shutil.copytree(demo_folder("demo"), snapshot)
    (tmp_path / "models--some--model" / "refs").mkdir()
    (tmp_path / "models--some--model" / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert fingerprint("some/model") == f"commit:{commit}"


def test_a_spread_model_is_another_than_the_whole_one():
    assert load_model("demo", device="cpu") is not load_model("demo", device_map="auto")
    assert loaded_model("demo", device_map="auto") is load_model("demo", device_map="auto")
    assert loaded_model("demo", device="cpu") is None


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_device_and_a_device_map_contradict_each_other(device):
    with pytest.raises(
        CheckpointError, match=rf"must not both say .* device='{device}' and device_map='auto'; leave one"
    ):
        load_model("demo", device=device, device_map="auto")


@pytest.mark.parametrize("device_map", ["Auto", "cpu", "everywhere", "{}"])
def test_an_unknown_device_map_names_the_known(device_map):
    with pytest.raises(CheckpointError, match=r"device_map must be one of auto, balanced, .* got"):
        load_model("demo", device_map=device_map)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Please provide an `offload_folder` for them in `from_pretrained`."),
        ImportError("Using a `device_map` requires `accelerate`"),
        torch.OutOfMemoryError("CUDA out of memory"),
    ],
    ids=["disk", "accelerate", "memory"],
)
def test_devices_that_are_too_small_together_are_no_broken_folder(monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(AutoModelForImageTextToText, "from_pretrained", refuse)
    with pytest.raises(
        CheckpointError, match=r"must fit on this machine's devices \(--device-map balanced\)"
    ):
        load_model("demo", device_map="balanced")
