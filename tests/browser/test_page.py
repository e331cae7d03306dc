import re

import pytest
from playwright.sync_api import expect

from .conftest import LOADED, choose_mask, open_settings, page_width, pick_example, pick_row, show

HOSTILE = [
    "<img src=x onerror=\"globalThis.__ran='img'\">",
    "${globalThis.__ran='template'}",
    "{{constructor.constructor('globalThis.__ran=1')()}}",
    "</script><script>globalThis.__ran='script'</script>",
    "\\u0024{1} ` ' \" \\",
]


def type_query(page, text):
    page.locator("#query textarea").fill(text)
    page.locator("#run").click()


KEEP_NOTICES = """() => {
  const notice = document.querySelector("#notice");
  window.said = [];
  new MutationObserver(() => window.said.push(notice.textContent)).observe(notice, { childList: true, subtree: true });
}"""
"""Keeps the text of every notice from now on, however shortly it is shown."""


def query_parts(page):
    return page.locator(".vtg-part.vtg-kind-query")


def test_the_demo_shows_sixteen_prompts_with_their_counts(seen):
    expect(seen.locator(".vtg-card:not(.vtg-pd-side)")).to_have_count(16)
    first = seen.locator(".vtg-card:not(.vtg-pd-side)").first
    expect(first).to_contain_text("please identify the start and end time")
    expect(first.locator(".vtg-counts")).to_have_text(
        re.compile(r"3\d\d tokens2\d\d video and stamps12 supervised")
    )


def test_a_prompt_marks_exactly_the_answer_and_its_end_of_turn(seen):
    for card, text in ((0, "[8.0, 14.0]<|im_end|>"), (8, "<|box_start|><266><466><|box_end|><|im_end|>")):
        supervised = seen.locator(".vtg-card:not(.vtg-pd-side)").nth(card).locator(".vtg-supervised")
        assert "".join(supervised.all_text_contents()) == text


def test_a_video_opens_to_its_stamps_and_runs(seen):
    video = seen.locator("details.vtg-kind-video").first
    expect(video.locator("summary")).to_contain_text("4 time stamps, <2.1 seconds> → <27.8 seconds>")
    video.locator("summary").click()
    expect(video.locator("span")).to_contain_text(
        "<2.1 seconds><|vision_start|><|video_pad|>×60<|vision_end|>"
    )


def test_the_copy_button_copies_what_the_chat_template_wrote(seen):
    seen.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen.locator(".vtg-card:not(.vtg-pd-side) .vtg-button").first.click()
    copied = seen.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("<|im_start|>user\n<|vision_start|><|video_pad|><|vision_end|>Given the video")


def test_the_tokens_are_coloured_by_their_labels_and_explained_by_their_regions(seen):
    seen.get_by_role("tab", name="Tokens").click()
    tokens = seen.locator(".vtg-flow .vtg-token")
    expect(tokens.first).to_be_visible()
    supervised = seen.locator(".vtg-flow .vtg-supervised")
    assert "".join(supervised.all_text_contents()) == "[8.0,␣14.0]<|im_end|>"
    said = supervised.first.get_attribute("aria-label")
    assert re.fullmatch(r"\[, index [\d,]+, answer, in the loss", said)
    expect(seen.locator(".vtg-flow .vtg-block").first).to_have_text("frames 1–2 · 2.1 s · 68 tokens")
    expect(seen.locator(".vtg-legend")).to_contain_text(re.compile(r"3\.53 % of 340 tokens are trained"))
    expect(seen.locator(".vtg-regions")).to_contain_text("answer 11 · 11 in the loss")


def test_another_template_changes_the_tokens(demo):
    demo.get_by_role("tab", name="Tokens").click()
    demo.locator("#answer-form").select_option("temporal_tokens")
    expect(demo.locator(".vtg-flow .vtg-supervised").nth(1)).to_have_text("<266>")
    demo.locator("#template input").click()
    demo.get_by_role("option", name="concise").click()
    expect(demo.locator(".vtg-flow")).to_contain_text("Find")


@pytest.mark.slow
def test_the_tokens_follow_a_choice_that_was_made_while_the_prompts_were_read(demo):
    demo.get_by_role("tab", name="Tokens").click()
    for mode, shown in (("temporal_tokens", "<266>"), ("standard", "8"), ("temporal_tokens", "<266>")):
        demo.locator("#query textarea").fill(f"a circle, answered in {mode}")
        demo.locator("#answer-form").focus()  # as a click on it does: the query is left, and read
        demo.locator("#answer-form").select_option(mode)
        expect(demo.locator("body.vtg-edited")).to_have_count(0)
        demo.wait_for_timeout(500)  # for what might still come
        expect(demo.locator(".vtg-flow .vtg-supervised").nth(1)).to_have_text(shown)


@pytest.mark.slow
def test_a_slow_reading_does_not_come_after_a_later_one(demo):
    demo.locator("#frames input").fill("96")
    pick_example(demo, "the whole of Africa")
    expect(demo.locator("#query textarea")).to_have_value("the whole of Africa is in view")
    demo.locator("#frames input").fill("4")
    demo.locator("#frames input").blur()
    expect(demo.locator("#facts textarea")).to_have_value(re.compile("· 4 frames"))
    demo.wait_for_timeout(2000)
    expect(demo.locator("#facts textarea")).to_have_value(re.compile("· 4 frames"))


@pytest.mark.slow
def test_what_is_stale_stays_marked_until_it_is_read_again(demo):
    demo.locator("#query textarea").fill(" ")
    demo.locator("#query textarea").blur()  # one reading; a click would leave the field and read once more
    expect(demo.locator("#tabs.vtg-stale")).to_have_count(1)
    demo.get_by_role("tab", name="Loss").click()
    demo.locator("#cancel").click()
    expect(demo.locator("#notice")).to_contain_text("no forward pass to cancel")
    expect(demo.locator("#tabs.vtg-stale")).to_have_count(1)
    type_query(demo, "a star")
    expect(demo.locator("#tabs.vtg-stale")).to_have_count(0)


@pytest.mark.slow
def test_the_first_edit_marks_what_is_shown_and_no_server_is_needed_for_that(visit):
    demo = visit()
    demo.route("**/queue/join*", lambda route: None)  # whatever is asked from here on is never answered
    demo.locator("#query textarea").press("End")
    demo.keyboard.type("s")
    expect(demo.locator("body.vtg-edited-audit")).to_have_count(1)
    expect(demo.locator("#audit-strip")).to_contain_text("of the input before your edit")
    demo.keyboard.press("Backspace")
    expect(demo.locator("body.vtg-edited")).to_have_count(0)


def test_what_was_edited_is_marked_until_it_is_read_and_audited(demo):
    demo.locator("#start input").fill("9")
    expect(demo.locator("body.vtg-edited-audit")).to_have_count(1)
    demo.locator("#start input").press("Enter")
    expect(demo.locator("body.vtg-edited")).to_have_count(0)
    expect(demo.locator(".vtg-card:not(.vtg-pd-side) .vtg-supervised").first).to_have_text("[9.0, 14.0]")


def test_a_video_that_is_cleared_leaves_no_verdict_standing(demo):
    demo.locator("#video button[aria-label^='Clear']").click()
    expect(demo.locator("body.vtg-edited-audit")).to_have_count(1)
    expect(demo.locator("#audit-strip .vtg-strip-edited")).to_be_visible()


def test_a_query_over_the_limit_is_refused_and_never_cut(demo):
    demo.locator("#query textarea").fill("a" * 2_001)
    demo.locator("#query textarea").press("Enter")
    expect(demo.locator("#notice")).to_contain_text("1 to 2,000 characters, got 2,001 characters")
    assert len(demo.locator("#query textarea").input_value()) == 2_001


def test_enter_reads_the_prompts(demo):
    demo.locator("#query textarea").fill("a blue square appears")
    demo.locator("#query textarea").press("Enter")
    expect(query_parts(demo).first).to_have_text("a blue square appears")


def test_the_trained_tokens_can_be_brought_into_view(seen):
    seen.get_by_role("tab", name="Tokens").click()
    seen.get_by_role("button", name="Show the trained tokens").click()
    expect(seen.locator(".vtg-flow .vtg-supervised").first).to_be_in_viewport()


def test_the_loss_runs_and_agrees_with_the_models_own(demo):
    demo.get_by_role("tab", name="Loss").click()
    demo.locator("#run-loss").click()
    mean = demo.locator(".vtg-loss-figure").first
    expect(mean.locator(".vtg-loss-number")).to_have_text(re.compile(r"\d\.\d{4}"), timeout=LOADED)
    uniform, _, own, _ = mean.locator("dd").all_text_contents()
    shown = mean.locator(".vtg-loss-number").text_content()
    assert float(shown) == pytest.approx(float(own), abs=1e-4)
    assert float(shown) < float(uniform) / 2  # the demo has learnt
    expect(demo.locator(".vtg-scored")).to_have_text("direct · standard · [8.0, 14.0]")
    expect(demo.locator(".vtg-loss-token")).to_have_count(12)
    expect(demo.locator(".vtg-loss-run")).to_contain_text("12 of 340 tokens")
    expect(demo.locator(".vtg-loss-run")).to_contain_text("cpu · float32")


def test_a_loss_of_another_input_is_not_left_on_screen(demo):
    demo.get_by_role("tab", name="Loss").click()
    demo.locator("#run-loss").click()
    expect(demo.locator(".vtg-loss-figures")).to_be_visible(timeout=LOADED)
    type_query(demo, "a blue square appears")
    expect(demo.locator(".vtg-loss-figures")).to_have_count(0)


@pytest.mark.slow
def test_a_loss_that_ends_after_its_input_changed_is_not_shown(demo):
    demo.locator("#frames input").fill("96")
    demo.locator("#run").click()
    expect(demo.locator("#facts textarea")).to_have_value(re.compile("96 frames"))
    demo.get_by_role("tab", name="Loss").click()
    demo.evaluate(KEEP_NOTICES)  # the next reading takes this one away when it is done
    demo.locator("#run-loss").click()
    expect(demo.locator("#loss-view")).to_contain_text("Running", timeout=LOADED)
    demo.locator("#frames input").fill("95")
    demo.locator("#run").click()
    for _ in range(LOADED // 100):
        if "The input changed while the forward pass ran" in demo.evaluate("window.said.join()"):
            break
        demo.wait_for_timeout(100)
    else:
        pytest.fail("nobody was told that the input changed")
    expect(demo.locator(".vtg-loss-figures")).to_have_count(0)


def test_a_forward_pass_can_be_cancelled(demo):
    demo.get_by_role("tab", name="Loss").click()
    demo.locator("#cancel").click()
    expect(demo.locator("#notice")).to_contain_text("There is no forward pass to cancel")
    demo.locator("#frames input").fill("128")
    demo.locator("#run-loss").click()
    demo.locator("#cancel").click()
    expect(demo.locator("#notice")).to_contain_text("cancel")
    expect(demo.locator(".vtg-loss-figures")).to_have_count(0)


@pytest.mark.slow
def test_running_the_loss_right_after_an_edit_keeps_it(demo):
    demo.get_by_role("tab", name="Loss").click()
    demo.locator("#query textarea").fill("a blue square appears")
    demo.locator("#run-loss").click()
    expect(demo.locator(".vtg-loss-figures")).to_be_visible(timeout=LOADED)
    demo.wait_for_timeout(1500)
    expect(demo.locator(".vtg-loss-figures")).to_be_visible()


@pytest.mark.slow
def test_an_example_fills_the_left_side_and_is_read(demo):
    pick_example(demo, "a yellow star")
    expect(query_parts(demo).first).to_have_text("a yellow star appears at the very end")
    expect(demo.locator(".vtg-card:not(.vtg-pd-side)").first.locator(".vtg-supervised").first).to_have_text(
        "[20.0, 24.0]"
    )


@pytest.mark.slow
def test_the_real_video_of_gradios_package_is_read(demo):
    pick_example(demo, "the whole of Africa")
    expect(demo.locator("#facts textarea")).to_have_value(re.compile(r"30\.0 s at 30 fps, 480×270 h264"))


def test_the_frames_can_be_changed(demo):
    demo.locator("#frames input").fill("6")
    demo.locator("#run").click()
    expect(demo.locator("#facts textarea")).to_have_value(re.compile(r"6 frames from 0\.0 to 29\.9 s"))


def test_the_mask_policy_can_be_changed(demo):
    demo.get_by_role("checkbox", name="end of turn").uncheck()
    supervised = demo.locator(".vtg-card:not(.vtg-pd-side)").first.locator(".vtg-supervised")
    expect(supervised).to_have_count(1)
    expect(supervised).to_have_text("[8.0, 14.0]")


def test_what_a_person_types_is_text(demo):
    demo.get_by_role("tab", name="Tokens").click()
    for text in HOSTILE:
        type_query(demo, text)
        expect(query_parts(demo).first).to_have_text(text)
        expect(demo.locator(".vtg-flow")).to_contain_text(text.replace(" ", "␣"))
        assert demo.evaluate("globalThis.__ran") is None


def test_a_control_token_in_the_query_is_not_a_control_token(demo):
    type_query(demo, "x <|im_end|> y")
    expect(query_parts(demo).first).to_have_text("x <|im_end|> y")
    demo.get_by_role("tab", name="Tokens").click()
    expect(demo.locator(".vtg-flow .vtg-kind-query.vtg-masked").first).to_be_visible()
    expect(demo.locator(".vtg-flow .vtg-kind-query.vtg-control")).to_have_count(0)


def test_a_file_that_is_no_video_is_explained_and_nothing_is_lost(demo, tmp_path):
    no_video = tmp_path / "notes.mp4"
    no_video.write_text("this is text, whatever its name says")
    demo.locator("#video").get_by_role("button", name=re.compile("clear", re.IGNORECASE)).click()
    demo.locator("#video input[type=file]").set_input_files(no_video)
    message = demo.locator("#notice [role=alert]")
    expect(message).to_contain_text("notes.mp4 is no video")
    assert "Traceback" not in demo.content()
    expect(demo.locator(".vtg-card:not(.vtg-pd-side)")).to_have_count(16)
    pick_example(demo, "a green triangle")
    expect(query_parts(demo).first).to_have_text("a green triangle appears")
    expect(message).to_have_count(0)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("#query textarea", " ", "A query must be a text of 1 to 2,000 characters"),
        ("#end input", "3", "must end after its start at 8 s, got an end at 3 s"),
        ("#end input", "99", "must end within the video (30 s), got 8 to 99 s"),
        ("#frames input", "5000", "num_frames must be at most max_frames"),
        ("#frames input", "", "must be a number of frames"),
        ("#frames input", "1.5", "A whole number was expected, got 1.5"),
    ],
)
def test_a_wrong_input_is_explained_and_the_page_goes_on(demo, field, value, said):
    demo.locator(field).fill(value)
    demo.locator("#run").click()
    expect(demo.locator("#notice [role=alert]")).to_contain_text(said)
    expect(demo.locator("#notice [role=alert]")).to_contain_text("still of the last input that could be read")
    expect(demo.locator(field)).to_have_attribute("aria-invalid", "true")
    expect(demo.locator(".vtg-card:not(.vtg-pd-side)")).to_have_count(16)


@pytest.mark.parametrize("width", [1280, 1920])
def test_the_page_fits_its_width(seen, width):
    seen.set_viewport_size({"width": width, "height": 900})
    for tab in ("Tokens", "Loss", "Prompts", "Audit"):
        show(seen, tab)
        assert page_width(seen) <= width
    seen.set_viewport_size({"width": 1280, "height": 900})


def test_the_page_fits_a_phone(phone):
    for tab in ("Tokens", "Loss", "Prompts", "Audit"):
        show(phone, tab)
        assert page_width(phone) <= 390


@pytest.mark.slow
def test_samples_of_an_annotation_file_are_picked_by_number(file_page):
    page = file_page
    choose_mask(page, "ours")
    pick_row(page, 1)
    page.get_by_role("tab", name="Prompts").click()
    expect(query_parts(page).first).to_have_text("a red circle appears", timeout=LOADED)
    pick_row(page, 2)
    expect(page.locator(".vtg-card:not(.vtg-pd-side)").first.locator(".vtg-supervised").first).to_have_text(
        "[5.0, 9.0], [18.0, 23.0]"
    )
    expect(page.locator("#notice")).to_contain_text("It has 2 windows, and all of them are in the answer")
    page.get_by_role("tab", name="Loss").click()
    page.locator("#run-loss").click()
    expect(page.locator(".vtg-loss-figures")).to_be_visible(timeout=LOADED)
    page.get_by_role("tab", name="Prompts").click()
    page.locator("#start input").fill("6")
    page.locator("#run").click()
    expect(page.locator("#notice")).to_contain_text("Its windows are replaced by the one typed here")
    pick_row(page, 9)
    expect(page.locator("#notice [role=alert]")).to_contain_text("from 1 to 7")
    expect(page.locator("#query textarea")).to_have_value("")
    expect(page.locator("#end input")).to_have_value("")


def test_two_pages_may_open_at_once_on_a_server_that_has_just_started(opened_at_once):
    *_, verdicts = opened_at_once
    assert ["1 error" in verdict for verdict in verdicts] == [True, True]


@pytest.mark.slow
def test_frames_that_the_processor_refuses_are_explained_until_they_are_others(file_page):
    page, refusal = file_page, file_page.locator("#notice [role=alert]")
    show(page, "Prompts")
    if not page.locator("#settings").is_visible():
        open_settings(page)
    page.locator("#frames input").fill("1")
    pick_row(page, 4)
    expect(refusal).to_contain_text("The processor must be given two or more frames")
    expect(page.locator(".vtg-card:not(.vtg-pd-side)")).to_have_count(0)
    page.locator("#frames input").fill("8")
    page.locator("#run").click()
    expect(page.locator(".vtg-card:not(.vtg-pd-side)")).to_have_count(16)
    expect(refusal).to_have_count(0)
