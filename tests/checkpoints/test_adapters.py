import json
import shutil
import warnings
from copy import deepcopy
from dataclasses import replace

import peft
import pytest
import torch
from packaging.version import Version
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText

from tests.conftest import ASSETS
from tests.families import qwen3_5, qwen3_vl_moe
from tests.pairs import DEMOS, in_turns
from vtg_core.checkpoints.adapters import adapter_fingerprint, apply_adapter, check_adapter, model_label
from vtg_core.checkpoints.loading import fingerprint, load_model, load_processor, loaded_model
from vtg_core.collator import pad
from vtg_core.commands.cli import main
from vtg_core.commands.start import page_parser, page_settings
from vtg_core.comparison.on_video import TemplateComparison
from vtg_core.dashboard import Settings
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.work import loss as page_scoring
from vtg_core.dashboard.work.kept import model_shape_of
from vtg_core.dashboard.work.prompts import show_prompts
from vtg_core.demo.models import demo_folder
from vtg_core.errors import CheckpointError
from vtg_core.inspection import inspect_templates
from vtg_core.loss.continuation import why_not_continued
from vtg_core.loss.forward_pass import num_layers
from vtg_core.loss.model_shape import ModelShape
from vtg_core.loss.precision import compare_precisions
from vtg_core.loss.score import score
from vtg_core.loss.shared_pass import as_batch
from vtg_core.probes.generation import generate_answer
from vtg_core.recipes.losses import recipe_losses
from vtg_core.recipes.masks import RecipeMask
from vtg_core.recipes.rules import Recipe
from vtg_core.regions import IGNORE_INDEX
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

LORA = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
CONFIGS = {
    "LoRA of every linear layer": peft.LoraConfig(r=4, target_modules="all-linear"),
    "DoRA": peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], use_dora=True),
    "LoRA with a matrix for the embeddings": peft.LoraConfig(r=4, target_modules=["q_proj", "embed_tokens"]),
    "LoRA with a head of its own": peft.LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "LoRA of the head": peft.LoraConfig(r=4, target_modules=["q_proj", "lm_head"]),
    "LoRA with some tokens": peft.LoraConfig(r=4, target_modules=["q_proj"], trainable_token_indices=[5, 6]),
    "PiSSA": peft.LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights="pissa"),
    "LoHa": peft.LoHaConfig(r=4, target_modules=["q_proj", "v_proj"]),
    "LoKr": peft.LoKrConfig(r=4, target_modules=["q_proj", "v_proj"]),
    "IA3": peft.IA3Config(target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]),
    "OFT": peft.OFTConfig(r=0, oft_block_size=8, target_modules=["v_proj", "down_proj"]),
    "VeRA": peft.VeraConfig(r=4, target_modules=["q_proj", "v_proj"]),
    "HRA": peft.HRAConfig(r=4, target_modules=["v_proj", "down_proj"]),
    "norms": peft.LNTuningConfig(target_modules=["input_layernorm"]),
}  # fmt: skip


def make_adapter(model, folder, config=LORA, *, size=0.3):
    """Save an adapter whose every weight was moved, as PEFT saves one; return PEFT's own model with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT's own, which are none of ours to mend
        wrapped = peft.get_peft_model(deepcopy(model), deepcopy(config))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in wrapped.parameters():
            if weight.requires_grad:
                weight.add_(size * torch.randn(weight.shape, generator=generator).to(weight))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped.save_pretrained(folder)
    return wrapped.eval()


@pytest.fixture
def adapter(model, tmp_path):
    """A LoRA adapter for the demo."""
    make_adapter(model, tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.fixture(scope="module")
def inspections(processors_by_name, video):
    """The sample in every template, by the demo's name."""
    return {
        name: list(
            inspect_templates(
                video, "a red circle", [Window(8, 14)], processor=processor, templates=TEMPLATES
            )
        )
        for name, processor in processors_by_name.items()
    }


def batch_of(inspections, processors_by_name, name="demo"):
    return pad([inspections[name][0].encoded], processors_by_name[name])


def config_changed(adapter, **changes):
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# The loss is PEFT's own


@pytest.mark.parametrize(("kind", "name"), in_turns(list(CONFIGS), DEMOS))
def test_the_loss_is_that_of_pefts_own_model_and_the_base_model_is_as_before(
    models_by_name, processors_by_name, inspections, tmp_path, name, kind
):
    batch, base = batch_of(inspections, processors_by_name, name), models_by_name[name]
    before, weights = score_of(base, batch, name), {k: v.clone() for k, v in base.state_dict().items()}
    wrapped = make_adapter(base, tmp_path, CONFIGS[kind])
    with torch.inference_mode():
        theirs = float(wrapped(**batch, use_cache=False).loss)
    if kind == "VeRA" and Version(peft.__version__) < Version("0.21"):
        with pytest.raises(CheckpointError, match=r"must be put on by PEFT 0\.21 or newer"):
            load_model(name, device="cpu", dtype="float32", adapter=str(tmp_path))
        return
    adapted = load_model(name, device="cpu", dtype="float32", adapter=str(tmp_path))
    report = score_of(adapted, batch, name)
    assert report.mean_nll == pytest.approx(theirs, abs=1e-4)
    assert abs(report.mean_nll - before.mean_nll) > 5e-4
    assert (report.model_shift, type(adapted)) == (1, type(base))
    assert all(torch.equal(weights[k], v) for k, v in base.state_dict().items())
    assert score_of(base, batch, name).tokens == before.tokens


def score_of(model, batch, name="demo"):
    return score(model, batch, load_processor(name).tokenizer)[0]


def test_the_base_model_is_loaded_anew_after_one_with_an_adapter(adapter, inspections, processors_by_name):
    batch = batch_of(inspections, processors_by_name)
    before = score_of(load_model("demo", device="cpu"), batch).mean_nll
    adapted = load_model("demo", device="cpu", adapter=str(adapter))
    assert loaded_model("demo", device="cpu", adapter=str(adapter)) is adapted
    assert loaded_model("demo", device="cpu") is None
    assert score_of(load_model("demo", device="cpu"), batch).mean_nll == before


def test_a_model_that_is_spread_takes_an_adapter(adapter, inspections, processors_by_name):
    batch = batch_of(inspections, processors_by_name)
    whole = score_of(load_model("demo", device="cpu", dtype="float32", adapter=str(adapter)), batch)
    spread = score_of(load_model("demo", device_map="auto", dtype="float32", adapter=str(adapter)), batch)
    assert spread.mean_nll == pytest.approx(whole.mean_nll, abs=1e-3)


@pytest.mark.parametrize("build", [qwen3_vl_moe, qwen3_5])
def test_other_families_take_an_adapter(model, processor, inspections, processors_by_name, tmp_path, build):
    base, batch = build(model), batch_of(inspections, processors_by_name)
    wrapped = make_adapter(base, tmp_path, peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    adapted = apply_adapter(base, str(tmp_path), processor.tokenizer, checkpoint="it")
    with torch.inference_mode():
        theirs = float(wrapped(**batch, use_cache=False).loss)
    assert score_of(adapted, batch).mean_nll == pytest.approx(theirs, abs=1e-4)


def test_in_bfloat16_an_adapter_runs_in_float32_beside_the_weights_as_it_was_trained(
    inspections, processors_by_name, tmp_path
):
    batch = batch_of(inspections, processors_by_name)
    wrapped = make_adapter(load_model("demo", device="cpu", dtype="bfloat16"), tmp_path)
    adapted = load_model("demo", device="cpu", dtype="bfloat16", adapter=str(tmp_path))
    assert {v.dtype for k, v in adapted.named_parameters() if "lora_" in k} == {torch.float32}
    assert adapted.dtype == torch.bfloat16
    assert score_of(adapted, batch).tokens == score_of(wrapped.get_base_model(), batch).tokens


def test_a_head_with_an_adapter_leaves_the_embeddings_that_it_is_tied_to(
    model, inspections, processors_by_name, tmp_path
):
    batch = batch_of(inspections, processors_by_name)
    wrapped = make_adapter(model, tmp_path, CONFIGS["LoRA of the head"])
    adapted = load_model("demo", device="cpu", adapter=str(tmp_path))
    assert torch.equal(adapted.get_input_embeddings().weight, model.get_input_embeddings().weight)
    before = score_of(adapted, batch).mean_nll
    assert before == pytest.approx(score_of(wrapped.get_base_model(), batch).mean_nll, abs=1e-5)


# Everything that runs a model runs it with an adapter


@pytest.mark.parametrize("name", DEMOS)
def test_all_templates_share_one_pass_with_an_adapter(
    models_by_name, processors_by_name, inspections, tmp_path, name
):
    make_adapter(models_by_name[name], tmp_path, CONFIGS["LoRA of every linear layer"])
    adapted, tokenizer = load_model(name, device="cpu", adapter=str(tmp_path)), load_processor(name).tokenizer
    assert why_not_continued(adapted) == ""
    comparison = TemplateComparison(adapted, inspections[name], tokenizer)
    shared = [loss.loss.total.mean_nll for loss in comparison]
    assert comparison.run.plan.plain_because == ""
    plain = [score(adapted, as_batch(i.encoded), tokenizer)[0].mean_nll for i in inspections[name]]
    assert shared == pytest.approx(plain, abs=1e-4)


def test_an_adapter_adds_no_layers_to_count(model, adapter, inspections, processors_by_name):
    adapted, begun = load_model("demo", device="cpu", adapter=str(adapter)), []
    score(
        adapted, batch_of(inspections, processors_by_name), load_processor().tokenizer, on_layer=begun.append
    )
    assert num_layers(adapted) == num_layers(model)
    assert begun[-1] == 2 * num_layers(model)


def test_a_model_knows_its_shape_with_matrices_beside_the_embeddings(model, tmp_path):
    make_adapter(model, tmp_path, CONFIGS["LoRA with a matrix for the embeddings"])
    shape = ModelShape.of(load_model("demo", device="cpu", adapter=str(tmp_path)))
    assert shape.vocab_size == ModelShape.of(model).vocab_size
    assert shape.num_params > ModelShape.of(model).num_params


def test_recipes_are_scored_with_an_adapter(adapter, inspections, processors_by_name):
    batch = batch_of(inspections, processors_by_name)
    adapted = load_model("demo", device="cpu", adapter=str(adapter))
    ours = RecipeMask(Recipe.TEXT_PREFIX, batch["labels"][0].numpy() != IGNORE_INDEX)
    losses = recipe_losses(adapted, batch, [ours])
    assert losses[Recipe.TEXT_PREFIX] == pytest.approx(score_of(adapted, batch).mean_nll, abs=1e-4)


def test_precisions_are_compared_with_an_adapter(adapter, inspections, processors_by_name):
    batch, tokenizer = batch_of(inspections, processors_by_name), load_processor().tokenizer
    adapted = load_model("demo", device="cpu", dtype="float32", adapter=str(adapter))
    expected = score(adapted, batch, tokenizer)[0].mean_nll
    exact, half = compare_precisions(
        "demo", batch, tokenizer, device="cpu", adapter=str(adapter), dtypes=["float32", "bfloat16"]
    )
    assert exact.mean_nll == pytest.approx(expected, abs=1e-6)
    assert half.mean_nll == pytest.approx(expected, abs=0.2)
    assert half.reason == ""


def test_a_model_with_an_adapter_writes_what_pefts_own_writes(model, processor, inspections, tmp_path):
    inspection = inspections["demo"][0]
    wrapped = make_adapter(model, tmp_path, CONFIGS["LoRA of every linear layer"], size=1.0)
    adapted = load_model("demo", device="cpu", adapter=str(tmp_path))
    ours, theirs = (
        generate_answer(one, inspection, processor, frozenset(), max_new_tokens=8).token_ids
        for one in (adapted, wrapped.get_base_model())
    )
    assert ours == theirs
    assert ours != generate_answer(model, inspection, processor, frozenset(), max_new_tokens=8).token_ids


# What tells one adapter from another


def test_an_adapter_changes_the_fingerprint_and_so_does_training_it_further(adapter):
    first = fingerprint("demo", str(adapter))
    assert first == f"{fingerprint('demo')} adapter {adapter_fingerprint(str(adapter))}"
    kept = load_model("demo", device="cpu", adapter=str(adapter))
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({name: 2 * value for name, value in weights.items()}, adapter / "adapter_model.safetensors")
    assert fingerprint("demo", str(adapter)) != first
    assert loaded_model("demo", device="cpu", adapter=str(adapter)) is None
    assert load_model("demo", device="cpu", adapter=str(adapter)) is not kept


def test_a_hub_ids_adapter_is_found_in_the_cache_and_has_its_commit(adapter, tmp_path, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = tmp_path / "hub" / "models--some--adapter" / "snapshots" / commit
    shutil.copytree(adapter, snapshot)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert adapter_fingerprint("some/adapter") == f"commit:{commit}"
    named = load_model("demo", device="cpu", adapter="some/adapter").state_dict()
    in_folder = load_model("demo", device="cpu", adapter=str(adapter)).state_dict()
    assert all(torch.equal(value, in_folder[key]) for key, value in named.items())


def test_a_model_is_named_with_its_adapter():
    assert model_label("demo") == "demo"
    assert model_label("demo", "runs/best") == "demo with adapter runs/best"


# The commands and the page

CLIP = ("--video", str(ASSETS / "red_circle.mp4"), "--query", "a red circle", "--window", "8", "14")
ON_CPU = ("--num-frames", "4", "--device", "cpu")


def test_the_loss_command_scores_with_the_adapter_and_says_so(capsys, adapter):
    one = ("--template", "direct", "--answer", "standard", "--json", "-")
    results = []
    for more in ((), ("--adapter", str(adapter), "--precisions")):
        assert main(["loss", *CLIP, *ON_CPU, *one, *more]) == 0
        results.append(json.loads(capsys.readouterr().out))
    plain, adapted = results
    assert (plain["checkpoint"], adapted["checkpoint"]) == ("demo", f"demo with adapter {adapter}")
    assert abs(adapted["samples"][0]["mean_nll"] - plain["samples"][0]["mean_nll"]) > 1e-3
    exact = adapted["precisions"][0]["mean_nll"]
    assert exact == pytest.approx(adapted["samples"][0]["mean_nll"], abs=1e-5)
    assert main(["loss", *CLIP, *ON_CPU, *one[:4], "--adapter", str(adapter)]) == 0
    assert f"demo with adapter {adapter} on cpu in float32" in capsys.readouterr().out


def test_a_comparison_goes_on_with_its_own_adapter_and_with_no_other(capsys, model, adapter, tmp_path):
    rows, out = str(ASSETS / "demo_annotations.json"), str(tmp_path / "out.json")
    command = [
        "compare",
        "--annotations",
        rows,
        *ON_CPU,
        "--templates",
        "direct",
        "--limit",
        "1",
        "--json",
        out,
    ]

    def compare(*more):
        return main([*command, *more]), capsys.readouterr().err

    assert compare("--adapter", str(adapter))[0] == 0
    status, said = compare("--adapter", str(adapter))
    assert (status, "1 of 1 row are in" in said or "are in" in said) == (0, True)
    assert f"with checkpoint 'demo with adapter {adapter}'" in compare()[1]
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({name: 2 * value for name, value in weights.items()}, adapter / "adapter_model.safetensors")
    status, said = compare("--adapter", str(adapter))
    assert status == 1
    assert "made before the files of its checkpoint or adapter changed" in said


def test_the_page_runs_the_adapter_and_says_that_it_is_on(adapter):
    settings = Settings(device="cpu", dtype="float32", frames=FramePolicy(num_frames=4), adapter=str(adapter))
    assert settings.placement["adapter"] == str(adapter)
    assert settings.model_label == f"demo with adapter {adapter}"
    values = (str(ASSETS / "red_circle.mp4"), "a red circle", 8, 14, "standard", 4, [], "direct", None)
    inputs, said = Inputs.read(settings, *values), []
    assert f"· demo with adapter {adapter} (" in show_prompts(settings, inputs, lambda _at, _what: None).facts
    assert model_shape_of(settings).name == ModelShape.of(load_model("demo", device="cpu")).name
    shown = page_scoring.show_loss(settings, inputs, lambda _at, what: said.append(what), lambda: False).loss
    assert f"Loading the model of demo with adapter {adapter}" in said
    plain = page_scoring.show_loss(replace(settings, adapter=""), inputs, lambda *_: None, lambda: False).loss
    assert mean_shown(shown) != mean_shown(plain)
    view = page_scoring.show_precisions(settings, inputs, lambda *_: None, lambda: False)
    reports = json.loads(view)["reports"]
    assert reports[0]["mean_nll"] == pytest.approx(mean_shown(shown), abs=1e-5)


def mean_shown(view):
    return json.loads(view)["model_loss"]


def test_the_page_refuses_an_adapter_that_is_not_there(tmp_path):
    options = page_parser().parse_args(["--adapter", str(tmp_path)])
    with pytest.raises(CheckpointError, match=r"must hold adapter_config\.json"):
        page_settings(options)


# What is refused


def refusal(adapter, name="demo"):
    with pytest.raises(CheckpointError) as caught:
        load_model(name, device="cpu", adapter=str(adapter))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["./gone", "/gone/adapter", "~/gone", "a/b/c", "  "])
def test_a_name_that_can_only_be_a_folder_is_said_to_be_missing(name):
    with pytest.raises(CheckpointError, match=r"must be a folder that exists or a hub id .* no such folder"):
        check_adapter(name)
    assert "there is no such folder" in refusal(name)


def test_no_adapter_and_a_hub_id_are_let_through_without_a_look():
    assert [check_adapter(name) for name in ("", "someone/some-adapter")] == ["", "someone/some-adapter"]


def test_without_a_network_the_message_says_so():
    assert "no folder 'someone/some-adapter' here, and the Hub cannot be reached" in refusal(
        "someone/some-adapter"
    )


def test_a_folder_without_an_adapter_is_said_to_be_none(tmp_path):
    assert "must hold adapter_config.json, as PEFT writes it, and does not" in refusal(tmp_path)


def test_a_whole_model_is_no_adapter(user_cache):
    assert refusal(demo_folder("demo")).endswith("it holds a whole model: name it with --checkpoint")


def test_an_adapter_is_no_whole_model(processor, adapter):
    processor.save_pretrained(adapter)
    with pytest.raises(CheckpointError, match=r"must be a model without an adapter, .* with --adapter"):
        load_model(str(adapter), device="cpu")


def test_pickled_weights_are_never_read(adapter):
    trace = adapter / "was_run"

    class Evil:
        def __reduce__(self):
            return open, (str(trace), "w")

    (adapter / "adapter_model.safetensors").unlink()
    torch.save(Evil(), adapter / "adapter_model.bin")
    said = refusal(adapter)
    assert "must hold adapter_model.safetensors, and holds adapter_model.bin, a pickle" in said
    assert not trace.exists()


def test_weights_that_were_cut_are_refused(adapter):
    path = adapter / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    assert "must be whole, and is not" in refusal(adapter)


@pytest.mark.parametrize("content", ["", "[]", "null", "{", "[" * 100_000, "\ud800"])
def test_a_config_that_is_no_json_object_is_refused(adapter, content):
    (adapter / "adapter_config.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    assert "must be a JSON object, and is not" in refusal(adapter)


@pytest.mark.parametrize("kind", ["PREFIX_TUNING", "PROMPT_TUNING", "XLORA", "lora", None, 5, ["LORA"]])
def test_an_adapter_that_adds_tokens_or_is_of_no_known_kind_is_refused(adapter, kind):
    config_changed(adapter, peft_type=kind)
    assert "must be of a kind that changes what layers compute" in refusal(adapter)


@pytest.mark.parametrize("task", ["SEQ_CLS", "TOKEN_CLS", "FEATURE_EXTRACTION", {"a": 1}])
def test_an_adapter_for_another_task_is_refused(adapter, task):
    config_changed(adapter, task_type=task)
    assert "must be for a model that writes text (task_type CAUSAL_LM or none), got" in refusal(adapter)


@pytest.mark.parametrize(
    "changes", [{"alora_invocation_tokens": [1]}, {"megatron_config": {"a": 1}, "megatron_core": "os"}]
)
def test_an_adapter_that_needs_more_than_its_layers_is_refused(adapter, changes):
    config_changed(adapter, **changes)
    assert f"({next(iter(changes))}), and does not" in refusal(adapter)


def test_an_adapter_of_another_width_names_what_it_was_made_for(adapter):
    path = adapter / "adapter_model.safetensors"
    save_file({name: torch.cat([v, v], 1) for name, v in load_file(path).items()}, path)
    config_changed(adapter, base_model_name_or_path="someone/large-model")
    said = refusal(adapter)
    assert "must have been made for a model of the shape of 'demo', and was not: " in said
    assert said.endswith("it was made for 'someone/large-model'")


def test_an_adapter_of_a_deeper_model_is_not_put_on_in_part(adapter):
    path = adapter / "adapter_model.safetensors"
    weights = load_file(path)
    deeper = {name.replace("layers.0.", "layers.9."): v.clone() for name, v in weights.items()}
    save_file(weights | deeper, path)
    assert "6 tensors have no place in it, such as" in refusal(adapter)


def test_an_adapter_that_lacks_layers_is_not_put_on_in_part(adapter):
    path = adapter / "adapter_model.safetensors"
    save_file({name: v for name, v in load_file(path).items() if "layers.0." not in name}, path)
    assert "6 tensors that it needs are not in the adapter, such as" in refusal(adapter)


def test_an_adapter_whose_layers_are_not_there_is_refused(adapter):
    config_changed(adapter, target_modules=["query_key_value"])
    assert "must have been made for a model of the shape of 'demo', and was not" in refusal(adapter)


@pytest.mark.parametrize("kind", ["LoRA with a matrix for the embeddings", "LoRA with a head of its own"])
def test_an_adapter_that_was_trained_with_more_tokens_says_how_many(user_cache, tmp_path, kind):
    larger = AutoModelForImageTextToText.from_pretrained(demo_folder("demo"))
    own = larger.get_input_embeddings().num_embeddings
    larger.resize_token_embeddings(own + 7)
    make_adapter(larger, tmp_path, CONFIGS[kind])
    said = refusal(tmp_path)
    assert f"trained with the {own:,} tokens that the embeddings of 'demo' have here" in said
    assert f"its own have {own + 7:,}; save the model with its added tokens" in said


def test_an_adapter_whose_tokenizer_numbers_tokens_otherwise_is_refused(adapter, own_processor):
    own_processor.tokenizer.save_pretrained(adapter)
    load_model("demo", device="cpu", adapter=str(adapter))
    path = adapter / "tokenizer.json"
    path.write_text(path.read_text().replace('"<7>"', '"<seven>"'))
    assert "its tokenizer has other ids for 1 of them, such as '<seven>'" in refusal(adapter)


def test_nothing_that_a_config_says_is_a_module_to_import_is_imported(adapter, monkeypatch):
    (adapter / "evil_module.py").write_text(f"open({str(adapter / 'was_run')!r}, 'w')\n")
    monkeypatch.syspath_prepend(str(adapter))
    mapping = {"base_model_class": "Evil", "parent_library": "evil_module"}
    config_changed(adapter, auto_mapping=mapping, megatron_core="evil_module", custom_modules="evil_module")
    load_model("demo", device="cpu", adapter=str(adapter))
    assert not (adapter / "was_run").exists()
