import json
import os
from pathlib import Path

import pytest

from tests.conftest import ASSETS
from tests.video.test_sampling import write_video
from vtg_core.dashboard import Settings, build_dashboard
from vtg_core.dashboard.player import build_player, preview_of, uploaded_file
from vtg_core.video.sampling import probe_video


@pytest.fixture
def uploads(tmp_path, monkeypatch):
    """The folder that Gradio keeps uploads and copies in."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    return folder


def sent(path, name="a.mp4"):
    return json.dumps({"name": name, "path": str(path)})


def test_the_preview_of_a_video_is_a_copy_of_the_same_bytes(uploads):
    video = ASSETS / "red_circle.mp4"
    shown = json.loads(preview_of(video, build_player(None)))
    assert shown["name"] == "red_circle.mp4"
    assert Path(shown["path"]).is_relative_to(uploads)
    assert Path(shown["path"]).read_bytes() == video.read_bytes()


def test_a_video_in_the_folder_of_uploads_itself_is_copied_too(uploads):
    video = uploads / "mine.mp4"
    video.write_bytes((ASSETS / "red_circle.mp4").read_bytes())
    player = build_player(video)
    assert str(video) not in player.temp_files  # Gradio deletes what is in there
    assert player.temp_files == player.keep_in_cache == {json.loads(player.value)["path"]}


@pytest.mark.parametrize("head", [b"#EXTM3U\n", b"\xef\xbb\xbf#EXTM3U\r\n", b"\n #EXTM3U"])
def test_a_file_that_begins_like_a_playlist_has_no_preview(uploads, tmp_path, head):
    video = tmp_path / "list.mp4"
    video.write_bytes(head + b"#EXTINF:1,\n/etc/hostname\n")
    assert json.loads(preview_of(video, build_player(None))) == {"name": "list.mp4", "path": None}


def test_a_video_that_cannot_be_copied_has_no_preview_and_is_no_error(uploads, tmp_path):
    assert json.loads(preview_of(tmp_path / "gone.mp4", build_player(None)))["path"] is None


def test_a_name_with_control_characters_is_shown_escaped(uploads, tmp_path):
    video = tmp_path / "a\u202eb.mp4"
    video.write_bytes(b"x")
    assert json.loads(preview_of(video, build_player(None)))["name"] == r"'a\u202eb.mp4'"


def test_an_upload_is_read_where_gradio_wrote_it(uploads):
    file = uploads / "hash" / "a.mp4"
    assert uploaded_file(sent(file)) == str(file)


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", ASSETS / "red_circle.mp4", "red_circle.mp4", "uploads/../../secret.mp4", "a\0b", ""],
)
def test_a_path_that_was_never_uploaded_is_refused(uploads, path):
    assert uploaded_file(sent(path)) is None
    assert uploaded_file(sent(uploads / ".." / Path(path))) is None


def test_a_link_out_of_the_folder_of_uploads_is_refused(uploads):
    (uploads / "link.mp4").symlink_to(ASSETS / "red_circle.mp4")
    assert uploaded_file(sent(uploads / "link.mp4")) is None


@pytest.mark.parametrize(
    "value",
    [None, "", "{", "[]", "3", "null", '{"path": 3}', "[" * 100_000, {"path": "/tmp"}, str(ASSETS / "red_circle.mp4")],
)  # fmt: skip
def test_whatever_else_a_browser_sends_is_no_upload(uploads, value):
    assert uploaded_file(value) is None


def test_only_an_upload_takes_the_browsers_word_for_a_file():
    page = build_dashboard(Settings())
    players = {key for key, block in page.blocks.items() if block.elem_id == "video"}
    on_the_server = [fn for fn in page.fns.values() if fn.fn is not None]
    takers = [fn for fn in on_the_server if any(block._id in players for block in fn.inputs)]
    assert [target for fn in takers for target in fn.targets] == [(*players, "upload")]


def test_no_component_of_gradios_that_converts_videos_is_on_the_page():
    components = build_dashboard(Settings()).get_config_file()["components"]
    assert "video" not in {component["type"] for component in components}


def test_ffmpeg_is_not_called_where_it_is_installed(uploads, tmp_path, monkeypatch):
    video = write_video(tmp_path / "old.avi", range(0, 1200, 100))  # MPEG-4 part 2: browsers do not play it
    facts = probe_video(video)
    called = install_ffmpeg(tmp_path)
    monkeypatch.setenv("PATH", f"{called.parent}:{os.environ['PATH']}")
    shown = json.loads(preview_of(video, build_player(video)))
    assert Path(shown["path"]).read_bytes() == video.read_bytes()
    assert probe_video(video) == facts
    assert not called.exists()


def install_ffmpeg(folder):
    """Put an ffmpeg and an ffprobe that fail into ``folder``/bin; return the file that is there once one was called."""
    bin = folder / "bin"
    bin.mkdir()
    for name in ("ffmpeg", "ffprobe"):
        (bin / name).write_text(f'#!/bin/sh\necho "$0" >> "{bin}/called"\nexit 1\n')
        (bin / name).chmod(0o755)
    return bin / "called"
