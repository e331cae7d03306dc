"""A page that was started in a language asks in it everywhere."""

from pathlib import Path

from vtg_core.commands.start import page_parser, page_settings
from vtg_core.dashboard.inputs import Inputs
from vtg_core.dashboard.settings import Settings
from vtg_core.regions import MaskPolicy
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window


def test_the_page_is_started_in_a_language():
    assert page_settings(page_parser().parse_args(["--language", "zh"])).language == "zh"
    assert [t.language for t in Settings(language="zh").built_in] == ["zh"] * 16


def test_the_templates_of_the_page_are_in_its_language_those_of_the_chosen_answer_first():
    inputs = Inputs(
        Path("v.mp4"),
        None,
        "q",
        (Window(8, 14),),
        "percent_range",
        FramePolicy(),
        MaskPolicy(),
        "direct",
        "",
        language="ar",
    )
    assert {t.language for t in inputs.templates} == {"ar"}
    assert [str(t.mode) for t in inputs.templates] == ["percent_range"] + ["standard"] * 8 + [
        "temporal_tokens"
    ] * 8
