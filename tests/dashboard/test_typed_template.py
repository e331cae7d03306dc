"""A template that a person types: checked as one of a file, shown beside the sixteen, saved as a file that is read."""

import pytest

from tests.conftest import ASSETS
from tests.hostile_strings import HOSTILE
from vtg_core.dashboard import Settings
from vtg_core.dashboard.inputs import END_OF_TURN, Inputs
from vtg_core.dashboard.work.templates.typed import KEY, show_typed_template
from vtg_core.templates import PLACEHOLDER, load_templates
from vtg_core.video.plan import FramePolicy

SETTINGS = Settings(frames=FramePolicy(num_frames=4))
TEXT = 'When: "{query}"?  \n# {format}'


@pytest.fixture(scope="module")
def inputs(user_cache):
    return Inputs.read(
        SETTINGS, str(ASSETS / "red_circle.mp4"), "a red circle", 8, 14, "standard", 4, [END_OF_TURN], "direct", None
    )  # fmt: skip


def shown(inputs, text=TEXT, name="mine", mode="standard"):
    return show_typed_template(SETTINGS, inputs, name=name, mode=mode, text=text)


def test_a_template_is_shown_as_the_model_reads_it(inputs):
    view = shown(inputs)
    assert (view.problem, view.typed, view.prompt.key) == ("", TEXT, KEY)
    assert 'When: "a red circle"?' in view.prompt.rendered
    assert "[start_time, end_time]" in view.prompt.raw or "[" in view.prompt.raw
    assert [role for role, _ in view.prompt.messages] == ["user", "assistant"]
    assert view.prompt.messages[0][1].startswith("⟨video⟩\nWhen:")
    assert str(ASSETS) not in str(view)


@pytest.mark.parametrize("name", ["mine", "no: yes", "- x", "'\"", "ü 🙂"])
@pytest.mark.parametrize("mode", ["standard", "percent_sentence"])
def test_the_saved_file_is_read_as_it_was_typed(inputs, tmp_path, name, mode):
    view = shown(inputs, name=name, mode=mode)
    (tmp_path / "templates.yaml").write_text(view.yaml, encoding="utf-8")
    [template] = load_templates(tmp_path / "templates.yaml")
    assert (template.name, str(template.mode), template.text) == (name, mode, view.prompt.raw)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no placeholder", "exactly once"),
        ("{query} and {query}", "exactly once"),
        ("{query} {x.__class__}", "no placeholder but"),
        ("{query} {{7*7}}", "no placeholder but"),
        ("{query} within 0 % to 100 %: From 5% to 9%", "must agree"),
        ("{query}" + "x" * 4_000, "at most 4,000 characters"),
    ],
)
def test_what_cannot_be_used_says_why_and_is_not_shown(inputs, text, problem):
    view = shown(inputs, text)
    assert problem in view.problem
    assert (view.prompt, view.yaml) == (None, "")


def test_a_form_that_nobody_knows_and_a_name_of_two_lines_are_refused(inputs):
    assert "your template, mode" in shown(inputs, mode="nobody").problem.lower()
    assert "one line of at most 60" in shown(inputs, name="a\nb").problem
    assert "read one first" in shown(None).problem


def test_whatever_is_typed_is_text_or_refused_in_one_sentence(inputs):
    for text in HOSTILE[::25]:
        view = shown(inputs, f"{PLACEHOLDER} {text}")
        assert view.problem or text in view.prompt.raw
