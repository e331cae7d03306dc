"""What the tests of the overfit check stand on: models of several families, one sample, and what may not change."""

import pytest
import torch

from vtg_core.collator import SFTCollator, pad
from vtg_core.data.answers import STANDARD_ANSWER
from vtg_core.dataset import Sample
from vtg_core.probes.overfit import MAX_ALL_WEIGHTS, Trained, overfit, prompt_text
from vtg_core.regions import IGNORE_INDEX
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window

from ..families import qwen2_vl, qwen3_vl_2b, qwen3_vl_moe

FAMILIES = ["demo", "demo-qwen2.5-vl", "qwen2-vl", "qwen3-vl-moe"]
KINDS = [Trained.ALL, Trained.LORA]


@pytest.fixture(scope="module")
def models(models_by_name):
    """Models by family, shared: that no test changes one is what is tested."""
    return models_by_name | {
        "qwen2-vl": qwen2_vl(models_by_name["demo-qwen2.5-vl"]),
        "qwen3-vl-moe": qwen3_vl_moe(models_by_name["demo"]),
    }


@pytest.fixture(scope="module")
def sample(video):
    """A window that is wrong, so that there is something to learn for a model that knows the right one."""
    return Sample(video, "a red circle appears", (Window(2.5, 19),), TEMPLATES[0], STANDARD_ANSWER)


@pytest.fixture(scope="module")
def given(processors_by_name, sample):
    """For each family its processor, the encoded sample, and the batch."""
    of = {"qwen2-vl": "demo-qwen2.5-vl", "qwen3-vl-moe": "demo"}
    found = {}
    for family in FAMILIES:
        processor = processors_by_name[of.get(family, family)]
        encoded = SFTCollator(processor).encode(sample)
        found[family] = processor, encoded, pad([encoded], processor)
    return found


@pytest.fixture(scope="module")
def encoded(given):
    return given["demo"][1]


@pytest.fixture
def batch(given):
    return dict(given["demo"][2])


@pytest.fixture(scope="module")
def large(processor):
    """A model with more weights than are all trained by default, and few layers."""
    sizes = {"num_layers": 3, "vocab_size": len(processor.tokenizer), "width": 640}
    model = qwen3_vl_2b(processor, **sizes, has_small_vision=True)
    assert model.num_parameters() > MAX_ALL_WEIGHTS
    return model


def state_of(model):
    """All that a person could find changed: tensors with where they lie and how often they were written, modules, flags."""
    tensors = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    known = [
        (name, id(t), t.data_ptr(), t._version, t.dtype, t.requires_grad, t.grad is None)
        for name, t in tensors
    ]
    modules = [
        (name, id(m), type(m), m.training, sorted(vars(m)), len(m._forward_hooks), len(m._forward_pre_hooks))
        for name, m in model.named_modules()
    ]
    config = (model.config.to_dict(), model.generation_config.to_dict(), model._hf_peft_config_loaded)
    around = (torch.get_rng_state().tolist(), torch.get_default_dtype(), torch.is_grad_enabled())
    return known, modules, config, around, [t.detach().clone() for _, t in tensors]


@pytest.fixture
def untouched():
    """Check at the end that the models a test names are what they were."""
    before = []

    def name(model):
        before.append((model, state_of(model)))
        return model

    yield name
    for model, (*known, tensors) in before:
        *known_now, tensors_now = state_of(model)
        assert known_now == known
        assert all(torch.equal(a, b) for a, b in zip(tensors, tensors_now, strict=True))
    assert before


def run(model, given, **options):
    _, encoded, batch = given
    return overfit(model, batch, prompt=prompt_text(encoded), **options)


def labels_of(supervised, encoded):
    return torch.where(torch.as_tensor(supervised), encoded.input_ids, IGNORE_INDEX)[None]
