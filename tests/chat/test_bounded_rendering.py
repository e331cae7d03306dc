"""A stranger's chat template is ended where it takes too long or too much, and whoever asked goes on."""

import os
import time

import pytest

from vtg_core.chat import bounded_rendering
from vtg_core.chat.bounded_rendering import bounded_templates, trust_template
from vtg_core.chat.markup import apply_chat_template, template_key
from vtg_core.errors import MaskingError

MESSAGES = [{"role": "user", "content": "hello"}]
BOUNDS = "must render a conversation within .* and does not; take a checkpoint whose template you trust: "
NESTED = (
    "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}"
    "{% endfor %}{% endfor %}{% endfor %}{{ messages[0].content }}"
)
DOUBLING = "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}"


@pytest.fixture
def with_template(own_processor):
    """Return the demo's processor with another chat template."""

    def with_template(template):
        own_processor.chat_template = template
        return own_processor

    return with_template


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (DOUBLING, "took more memory"),
        ("{{ 'x' * 10 ** 10 }}", "took more memory"),
        ("{{ messages[0].content * 6000000 }}", "wrote 30,000,000 characters"),
        ("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", ""),
    ],
    ids=["doubling", "constant", "long", "endless"],
)
def test_a_template_that_takes_too_much_is_one_sentence(with_template, template, why):
    processor = with_template(template)
    with bounded_templates(), pytest.raises(MaskingError, match=BOUNDS + why if why else "and fails: "):
        apply_chat_template(processor, MESSAGES)


def test_a_template_that_never_ends_is_ended_and_not_asked_again(with_template, monkeypatch):
    monkeypatch.setattr(bounded_rendering, "MAX_SECONDS", 0.5)
    processor, began = with_template(NESTED), time.monotonic()
    with bounded_templates():
        for _ in range(20):
            with pytest.raises(MaskingError, match=BOUNDS + "took longer than"):
                apply_chat_template(processor, MESSAGES)
    assert time.monotonic() - began < 8


def test_a_template_renders_in_its_process_what_it_renders_here(with_template):
    processor = with_template("{{ messages | length }} {{ messages[0].content }}{{ add_generation_prompt }}")
    here = apply_chat_template(processor, MESSAGES, add_generation_prompt=True)
    with bounded_templates():
        assert apply_chat_template(processor, MESSAGES, add_generation_prompt=True) == here == "1 helloTrue"


def test_what_a_template_raises_is_said_as_it_is_here(with_template):
    processor = with_template("{{ raise_exception('no system here') }}")
    with pytest.raises(MaskingError) as here:
        apply_chat_template(processor, MESSAGES)
    with bounded_templates(), pytest.raises(MaskingError, match="and fails: no system here") as there:
        apply_chat_template(processor, MESSAGES)
    assert str(here.value) == str(there.value)


def test_our_own_templates_are_rendered_here(own_processor):
    with bounded_templates():
        trust_template(template_key(own_processor))
        apply_chat_template(own_processor, MESSAGES)
        assert not bounded_rendering._RENDERERS


def test_no_process_is_left_when_it_is_over(with_template):
    processor = with_template("{{ messages[0].content }} once more")
    with bounded_templates():
        apply_chat_template(processor, MESSAGES)
        [renderer] = bounded_rendering._RENDERERS.values()
        number = renderer._process.pid
        os.kill(number, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
