from tests.conftest import ASSETS
from vtg_core.data.answer_forms.registry import KNOWN_FORMS
from vtg_core.video.plan import FramePolicy, plan_frames
from vtg_core.views.samples import view_forms
from vtg_core.windows import Window


def forms(chosen="standard", windows=()):
    video = plan_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=4))
    return {form.name: form for _, group in view_forms(chosen, windows, video).groups for form in group}


def test_the_window_on_screen_is_written_in_every_form():
    shown = forms(windows=[Window(8.0, 14.0)])
    assert set(KNOWN_FORMS) < set(shown)
    assert shown["standard"].written == "[8.0, 14.0]"
    assert shown["percent_sentence"].written == "From 27% to 47%."
    assert shown["clock_range"].written == "00:08 - 00:14"
    assert shown["standard"].step == 0.1


def test_the_chosen_form_may_think_first_and_need_not_be_in_the_table():
    shown = forms("bins_50_tokens", [Window(8.0, 14.0)])
    assert shown["bins_50_tokens"].written == "<13><23>"
    assert "<answer>" in shown["bins_50_tokens_thinking"].written


def test_without_a_window_a_form_shows_its_example():
    assert forms()["standard"].written == "[start_time, end_time]"
