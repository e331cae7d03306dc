"""A row's video is found under whatever its file is called, never outside the roots, and never by a guess."""

import json

import pytest

from vtg_core.data.annotations import load_annotations
from vtg_core.data.video_index import VideoIndex
from vtg_core.errors import AnnotationError

MOMENT = {"qid": 1, "query": "it rains", "duration": 30, "relevant_windows": [[1, 2]]}


@pytest.fixture
def videos(tmp_path):
    """Make empty files under a folder of videos, and return the folder."""

    def videos(*names, root="videos"):
        for name in names:
            path = tmp_path / root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / root

    return videos


@pytest.fixture
def load(tmp_path):
    """Load one row of QVHighlights's format for each id."""

    def load(*ids, **options):
        path = tmp_path / "rows.jsonl"
        path.write_text("\n".join(json.dumps({**MOMENT, "vid": name}) for name in ids))
        return load_annotations(path, **options)

    return load


@pytest.mark.parametrize(
    "name",
    ["abc.mp4", "abc.webm", "train/abc.mkv", "v_abc.mp4", "abc/video.mp4", "v_abc/0.mp4", "abc.MP4"],
)
def test_a_video_is_found_by_its_id(videos, load, name):
    root = videos(name, "abcd.mp4", "other/ab.mp4")
    loaded = load("abc", video_root=root)
    assert loaded.annotations[0].video == root / name
    assert "missing" not in loaded.videos


def test_an_id_with_dots_is_no_name_with_an_extension(videos, load):
    root = videos("abc_60.0_210.0.mp4")
    assert load("abc_60.0_210.0", video_root=root).annotations[0].video == root / "abc_60.0_210.0.mp4"


def test_a_clip_is_found_by_the_times_in_its_name(videos, tmp_path):
    root = videos("abc_0.0_60.0.mp4", "abc_60.0_210.0.mp4")
    row = {
        "video": "abc.mp4",
        "video_start": 60,
        "video_end": 210,
        "sentence": "it rains",
        "timestamp": [1, 2],
    }
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    [read] = load_annotations(tmp_path / "rows.jsonl", video_root=root).annotations
    assert read.video == root / "abc_60.0_210.0.mp4"


def test_a_file_of_another_name_is_said(videos, tmp_path):
    root = videos("abc.mp4")
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"video": "abc.avi", "sentence": "it rains", "timestamp": [1, 2]})
    )
    loaded = load_annotations(tmp_path / "rows.jsonl", video_root=root)
    assert loaded.annotations[0].video == root / "abc.mp4"
    assert loaded.videos == "videos: 1 found under another name, such as 'abc.avi' as 'abc.mp4'"


def test_the_first_root_that_has_the_file_wins(videos, load):
    first, second = videos("b.mp4", root="first"), videos("a.mp4", "b.mp4", root="second")
    loaded = load("a", "b", video_root=[first, second])
    assert [row.video for row in loaded.annotations] == [second / "a.mp4", first / "b.mp4"]


def test_missing_files_are_counted_and_named(videos, load):
    root = videos("a.mp4")
    said = load("a", "b", "c", "c", "d", "e", video_root=root).videos
    assert said.startswith(f"videos: 4 missing under {root}, such as 'b', 'c', 'd' (tried: ")


def test_files_that_could_both_be_meant_are_an_error(videos, load):
    root = videos("train/abc.mp4", "small/abc.mp4")
    with pytest.raises(
        AnnotationError, match=r"field 'vid': must be one file, and 'small/abc.mp4', 'train/abc.mp4' could be"
    ):
        load("abc", video_root=root)


def test_a_name_says_how_files_are_called(videos, load):
    root = videos("train/abc.mp4", "small/abc.mp4")
    loaded = load("abc", video_root=root, video_name="train/{video_id}.mp4")
    assert loaded.annotations[0].video == root / "train" / "abc.mp4"


def test_a_name_is_text_and_no_format_string(videos, load):
    root = videos("{0.__class__}abc{.mp4")
    loaded = load("abc", video_root=root, video_name="{0.__class__}{video_id}{.mp4")
    assert loaded.annotations[0].video == root / "{0.__class__}abc{.mp4"


@pytest.mark.parametrize(
    ("name", "said"),
    [("abc.mp4", r"--video-name must hold \{video_id\}"), ("../{video_id}", "leads out of it")],
)
def test_a_name_that_cannot_be_meant_is_refused(videos, load, name, said):
    with pytest.raises(AnnotationError, match=said):
        load("abc", video_root=videos("abc.mp4"), video_name=name)


@pytest.mark.parametrize("name", ["../abc", "/etc/abc", "x/../../abc"])
def test_an_id_may_not_leave_the_roots(videos, load, name):
    with pytest.raises(AnnotationError, match="must stay under the video root"):
        load(name, video_root=videos("abc.mp4"))


def test_links_to_files_are_followed_and_links_to_folders_are_not(videos, tmp_path):
    root = videos("store/real.mp4")
    videos("secret.mp4", root="outside")
    (root / "abc.mp4").symlink_to("store/real.mp4")
    (root / "out.mp4").symlink_to(tmp_path / "outside" / "secret.mp4")
    (root / "folder").symlink_to(tmp_path / "outside")
    index = VideoIndex(root)
    assert index.named("abc") == [root / "abc.mp4"]
    assert index.named("real") == [root / "store" / "real.mp4"]
    assert index.named("out") == [root / "out.mp4"]
    assert index.named("secret") == []


def test_links_to_one_file_are_one_file(videos):
    root = videos("store/abc.mp4")
    (root / "abc.mp4").symlink_to("store/abc.mp4")
    assert VideoIndex(root).named("abc") == [root / "abc.mp4"]


def test_a_folder_is_read_once_for_all_rows(videos, load, monkeypatch):
    root = videos(*(f"{number:04}.mp4" for number in range(50)))
    walked = []
    walk = VideoIndex._walk
    monkeypatch.setattr(VideoIndex, "_walk", lambda self: walked.append(self.root) or walk(self))
    load(*(f"{number:04}" for number in range(60)), video_root=root)
    assert walked == [root]


def test_what_is_where_its_row_says_is_not_looked_for(videos, tmp_path, monkeypatch):
    root = videos("abc.mp4")
    monkeypatch.setattr(VideoIndex, "_walk", lambda self: pytest.fail("the folder was read"))
    (tmp_path / "rows.jsonl").write_text(
        json.dumps({"video": "abc.mp4", "sentence": "it rains", "timestamp": [1, 2]})
    )
    assert load_annotations(tmp_path / "rows.jsonl", video_root=root).videos == ""
