import re

from playwright.sync_api import expect

from tests.video.test_sampling import write_video
from vtg_core.video.sampling import probe_video

from .conftest import LOADED, OURS, ROOT, in_theme, pick_row

MAX_FIRST_VISIT = 1_000_000
"""Bytes over the wire; it was 32.6 MB with Gradio's own video component, and 0.64 MB without."""
NOT_PLAYED = "Your browser cannot play this file; if it is a video, the page reads it all the same."


def facts_of(video):
    info = probe_video(video)
    return re.compile(
        re.escape(f"{info.duration:.1f} s at {info.fps:g} fps, {info.width}×{info.height} {info.codec} ·")
    )


def choose(page, video):
    page.locator("#video input[type=file]").set_input_files(video)


def test_a_first_visit_asks_for_no_ffmpeg_and_for_little_else(server, browser):
    page, asked = browser.new_page(), []
    page.on("requestfinished", lambda request: asked.append(request))
    page.goto(server.url + OURS)
    page.wait_for_selector(".vtg-all-well", timeout=LOADED)
    page.wait_for_timeout(2000)  # Gradio's own component asks for its ffmpeg when the rest is there
    assert [request.url for request in asked if "ffmpeg" in request.url] == []
    assert [request.url for request in asked if not request.url.startswith(server.url)] == []
    assert sum(request.sizes()["responseBodySize"] for request in asked) < MAX_FIRST_VISIT
    page.close()


def test_an_upload_is_played_named_and_read(demo, tmp_path):
    video = write_video(tmp_path / "mine #1?.avi", range(0, 20_000, 500))
    choose(demo, video)
    expect(demo.locator("#facts textarea")).to_have_value(facts_of(video))
    expect(demo.locator(".vtg-player-name")).to_have_text("mine #1?.avi")
    choose(demo, ROOT / "assets" / "two_events.mp4")
    expect(demo.locator("#facts textarea")).to_have_value(facts_of(ROOT / "assets" / "two_events.mp4"))
    expect(demo.locator("#video video")).to_be_visible()
    expect(demo.locator("#video video")).to_have_js_property("videoWidth", 320)


def test_a_video_can_be_dropped_on_the_player(demo):
    demo.get_by_role("button", name="Clear the video").click()
    content = list((ROOT / "assets" / "two_events.mp4").read_bytes())
    demo.evaluate(
        """(content) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(content)], "dropped.mp4", { type: "video/mp4" }));
          document.querySelector(".vtg-player").dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true }));
        }""",
        content,
    )
    expect(demo.locator(".vtg-player-name")).to_have_text("dropped.mp4")
    expect(demo.locator("#facts textarea")).to_have_value(re.compile("^32.0 s at 10 fps"))


def test_without_a_video_the_page_asks_for_one_and_the_keyboard_gives_it(demo):
    demo.get_by_role("button", name="Clear the video").press("Enter")
    expect(demo.locator("#video video")).to_be_hidden()
    expect(demo.locator(".vtg-player-empty")).to_be_focused()
    demo.locator("#run").click()
    expect(demo.locator("#notice [role=alert]")).to_contain_text("There must be a video")
    with demo.expect_file_chooser() as opened:
        demo.locator(".vtg-player-empty").press("Enter")
    opened.value.set_files(ROOT / "assets" / "last_seconds.mp4")
    expect(demo.locator("#facts textarea")).to_have_value(facts_of(ROOT / "assets" / "last_seconds.mp4"))


def test_a_path_that_a_browser_makes_up_is_not_read(visit):
    page = visit()

    def forge(route):
        body = re.sub(
            r'/[^"]*/two_events\.mp4', str(ROOT / "assets" / "red_circle.mp4"), route.request.post_data
        )
        forged.append(body != route.request.post_data)
        route.continue_(post_data=body)

    forged = []
    page.route(re.compile("/(queue/join|run/predict|api/predict)"), forge)
    choose(page, ROOT / "assets" / "two_events.mp4")
    expect(page.locator("#notice [role=alert]")).to_contain_text("There must be a video: upload one")
    assert any(forged)


def test_what_a_playlist_names_is_not_asked_for(edited, tmp_path):
    page, asked = edited, []
    page.on("request", lambda request: asked.append(request.url))
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n/named.ts\n#EXT-X-ENDLIST\n")
    choose(page, playlist)
    expect(page.locator("#notice [role=alert]")).to_contain_text("list.mp4 is no video")
    expect(page.locator(".vtg-player-unplayable")).to_have_text(NOT_PLAYED)
    assert [url for url in asked if "named.ts" in url or "list.mp4" in url] == []


def test_a_row_is_read_from_its_own_file_whatever_the_browser_plays_and_ffmpeg_would_do(file_page, files):
    page, video = file_page, files / "old.avi"
    pick_row(page, 6)
    expect(page.locator("#facts textarea")).to_have_value(facts_of(video))
    expect(page.locator(".vtg-player-unplayable")).to_have_text(NOT_PLAYED)
    expect(page.locator(".vtg-player-about")).to_contain_text("old.avi")
    pick_row(page, 7)
    expect(page.locator("#query textarea")).to_have_value("a box stops")
    page.locator("#end input").fill("2.5")
    page.locator("#run").click()
    expect(page.locator("#notice")).to_contain_text("Its windows are replaced by the one typed here")
    expect(page.locator("#facts textarea")).to_have_value(facts_of(video))
    assert not (files / "bin" / "called").exists()


def test_the_player_stands_as_high_with_a_video_as_without(edited):
    edited.set_viewport_size({"width": 390, "height": 900})
    heights = [edited.locator("#video video").bounding_box()["height"]]
    edited.get_by_role("button", name="Clear the video").click()
    for theme in ("light", "dark"):
        with in_theme(edited, theme):
            heights.append(edited.locator(".vtg-player-empty").bounding_box()["height"])
    edited.set_viewport_size({"width": 1280, "height": 900})
    assert len(set(heights)) == 1
