import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vtg_core.data.annotations import Annotation, AnnotationReader, load_annotations
from vtg_core.data.video_index import resolve_video
from vtg_core.errors import AnnotationError
from vtg_core.windows import Window

ROW = {"video": "a.mp4", "duration": 30.0, "timestamp": [8.0, 14.0], "sentence": "a red circle appears"}


@pytest.fixture
def write(tmp_path):
    """Write rows, or a raw text, to a file of that name."""

    def write(content, name="rows.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return write


def load_one(path, **options):
    (annotation,) = load_annotations(path, **options).annotations
    return annotation


def test_a_json_array_is_read(write, tmp_path):
    assert load_one(write([ROW])) == Annotation(
        video=tmp_path / "a.mp4",
        query="a red circle appears",
        windows=(Window(8, 14),),
        duration=30.0,
        where="rows.json:1, row 1",
        row=0,
    )


def test_json_lines_are_read_whatever_the_extension(write):
    path = write("\n".join([json.dumps(ROW), "", json.dumps(ROW)]), "rows.txt")
    assert [row.where for row in load_annotations(path).annotations] == ["rows.txt:1", "rows.txt:3"]


def test_a_byte_order_mark_is_no_part_of_the_file(write):
    assert load_one(write("\ufeff" + json.dumps([ROW]))).query == "a red circle appears"


def test_a_line_separator_inside_a_sentence_does_not_end_the_line(write):
    row = {**ROW, "sentence": "one\u2028two"}
    assert load_one(write(json.dumps(row, ensure_ascii=False), "rows.jsonl")).query == "one\u2028two"


def test_query_and_windows_are_accepted_as_names(write):
    row = {"video": "a.mp4", "query": "it moves", "windows": [[1, 2], [3, 4.5]]}
    annotation = load_one(write([row]))
    assert annotation.query == "it moves"
    assert annotation.windows == (Window(1, 2), Window(3, 4.5))
    assert annotation.duration is None


def test_the_optional_fields_are_kept(write):
    annotation = load_one(write([{**ROW, "qid": "q-1", "video_start": 0, "video_end": 60.5}]))
    assert (annotation.qid, annotation.video_start, annotation.video_end) == ("q-1", 0.0, 60.5)


def test_a_query_is_kept_as_it_stands_in_the_file(write):
    sentence = ' {query} ${x} "quoted" <|im_end|>\n😀 '
    assert load_one(write([{**ROW, "sentence": sentence}])).query == sentence


def test_the_whole_row_is_kept(write):
    assert load_one(write([{**ROW, "source": "mine"}])).raw["source"] == "mine"


def test_a_video_is_found_under_the_annotation_files_folder(write, tmp_path):
    assert load_one(write([{**ROW, "video": "clips/a.mp4"}])).video == tmp_path / "clips" / "a.mp4"


def test_a_video_is_found_under_the_video_root_where_one_is_given(write, tmp_path):
    path = write([ROW])
    (tmp_path / "elsewhere").mkdir()
    assert load_one(path, video_root=tmp_path / "elsewhere").video == tmp_path / "elsewhere" / "a.mp4"


@pytest.mark.parametrize(
    "name", ["../a.mp4", "clips/../../a.mp4", "clips/../a.mp4", "/etc/passwd", "..\\a.mp4"]
)
def test_a_video_may_not_leave_its_root(write, name):
    with pytest.raises(
        AnnotationError, match=r"rows.json:1, row 1, field 'video': must stay under the video root"
    ):
        load_annotations(write([{**ROW, "video": name}]))


def test_a_link_is_followed_wherever_it_leads(tmp_path):
    (tmp_path / "videos").mkdir()
    (tmp_path / "store.mp4").touch()
    (tmp_path / "videos" / "link.mp4").symlink_to(tmp_path / "store.mp4")
    assert resolve_video("link.mp4", tmp_path / "videos", "here") == tmp_path / "store.mp4"


@pytest.mark.parametrize(("name", "by"), [("../a.mp4", "by '..'"), ("/etc/a.mp4", "as an absolute path")])
def test_a_path_out_of_the_root_is_told_by_the_way_it_takes(tmp_path, name, by):
    with pytest.raises(AnnotationError, match=f"leads out of it {by}"):
        resolve_video(name, tmp_path, "here")


def test_a_link_within_the_root_is_followed(tmp_path):
    (tmp_path / "real.mp4").touch()
    (tmp_path / "link.mp4").symlink_to("real.mp4")
    assert resolve_video("link.mp4", tmp_path, "here") == tmp_path / "real.mp4"


@pytest.mark.parametrize(
    "name", ["https://example.org/a.mp4", "file:a.mp4", "data:video/mp4;base64,AA", "s3://b/a"]
)
def test_a_url_is_no_video(write, name):
    with pytest.raises(AnnotationError, match="must be a path, not a URL"):
        load_annotations(write([{**ROW, "video": name}]))


@pytest.mark.parametrize("name", ["", "  ", 7, ["a.mp4"], "a\0.mp4"])
def test_a_video_must_be_a_path(write, name):
    with pytest.raises(AnnotationError, match="field 'video': must be a path under the video root"):
        load_annotations(write([{**ROW, "video": name}]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sentence": None}, "field 'sentence': must be there, got the fields"),
        ({"sentence": " "}, "field 'sentence': a query must be a text of 1 to 2,000 characters, got ' '"),
        ({"sentence": "x" * 10_001}, "field 'sentence': a query must be a text of 1 to 2,000 characters"),
        ({"sentence": 5}, "field 'sentence': a query must be a text of 1 to 2,000 characters, got 5"),
        ({"video": None}, "field 'video': must be there"),
        ({"timestamp": None}, "field 'timestamp': must be there"),
        ({"timestamp": [8]}, r"field 'timestamp': must be \[start, end\] in seconds, got \[8\]"),
        ({"timestamp": ["8", "14"]}, r"field 'timestamp': must be \[start, end\] in seconds"),
        ({"timestamp": [True, 14]}, r"field 'timestamp': must be \[start, end\] in seconds"),
        ({"timestamp": [14, 8]}, "field 'timestamp': window must satisfy 0 <= start < end"),
        ({"timestamp": [8, 31]}, r"field 'timestamp': window must satisfy .* duration \(30 s\).*clip=True"),
        ({"timestamp": None, "windows": []}, r"field 'windows': must be a list of \[start, end\]"),
        ({"timestamp": None, "windows": [8, 14]}, r"field 'windows': must be a list of \[start, end\]"),
        ({"duration": 0}, "field 'duration': must be a number of seconds above 0, got 0"),
        ({"duration": True}, "field 'duration': must be a number of seconds above 0, got True"),
        ({"duration": "30"}, "field 'duration': must be a number of seconds above 0, got '30'"),
        ({"video_start": -1}, "field 'video_start': must be a number of seconds at least 0, got -1"),
        ({"video_end": 0}, "field 'video_end': must be a number of seconds above 0, got 0"),
    ],
)
def test_a_bad_row_is_named_by_file_row_and_field(write, change, message):
    with pytest.raises(AnnotationError, match=r"^rows.json:1, row 2, " + message):
        load_annotations(write([ROW, {**ROW, **change}]))


@pytest.mark.parametrize(
    "change",
    [
        {"duration": 10**400},
        {"timestamp": [0, 10**400]},
        {"video": "\ud800.mp4"},
        {"sentence": "\ud800"},
        {"video_start": 50, "video_end": 20},
    ],
    ids=[
        "huge duration",
        "huge time",
        "surrogate video",
        "surrogate sentence",
        "clip that ends before it starts",
    ],
)
def test_a_row_that_nothing_could_use_is_an_annotation_error(write, change):
    with pytest.raises(AnnotationError, match=r"rows.json:1, row 1"):
        load_annotations(write([{**ROW, **change}]))


def test_a_bad_line_is_named_by_its_number(write):
    path = write(json.dumps(ROW) + "\n{oops}\n", "rows.jsonl")
    with pytest.raises(AnnotationError, match=r"^rows.jsonl:2: must be JSON, .* at column 2"):
        load_annotations(path)


def test_broken_json_is_named_by_its_line(write):
    with pytest.raises(AnnotationError, match=r"^rows.json:2, row 1: must be JSON"):
        load_annotations(write("[\n{oops}]"))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_must_be_finite(write, number):
    with pytest.raises(
        AnnotationError, match=r"field 'duration': must be a number of seconds above 0, got -?(nan|inf)$"
    ):
        load_annotations(write(json.dumps([ROW]).replace("30.0", number)))


@pytest.mark.parametrize("text", ["[{row},]", "[{row}{row}]", "[{row}", "[{row}] x"])
def test_an_array_that_is_no_json_is_refused(write, text):
    with pytest.raises(AnnotationError, match=r"rows.json.*must"):
        load_annotations(write(text.replace("{row}", json.dumps(ROW))))


def test_the_rows_of_an_array_are_named_by_the_lines_they_begin_at(write):
    loaded = load_annotations(write(json.dumps([ROW, ROW], indent=1)))
    assert [row.where for row in loaded.annotations] == ["rows.json:2, row 1", "rows.json:11, row 2"]


def test_a_row_must_be_an_object(write):
    with pytest.raises(AnnotationError, match=r"rows.json:1, row 1: a row must be an object, got int"):
        load_annotations(write([7]))


@pytest.mark.parametrize("content", ["", "[]", "\n\n"])
def test_a_file_without_rows_is_refused(write, content):
    with pytest.raises(AnnotationError, match=r"rows.json must hold at least one row, got none"):
        load_annotations(write(content))


def test_nesting_beyond_reason_is_refused(write):
    with pytest.raises(AnnotationError, match="nested or long beyond reason"):
        load_annotations(write("[" * 100_000))


def test_a_name_that_no_file_can_have_is_one_sentence():
    with pytest.raises(
        AnnotationError, match=r"annotation file 'a\\x00b' cannot be read: that is no possible file name"
    ):
        load_annotations("a\0b")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match=r"annotation file gone.json cannot be read: No such file"):
        load_annotations(tmp_path / "gone.json")


def test_a_folder_is_no_annotation_file(tmp_path):
    with pytest.raises(AnnotationError, match="cannot be read"):
        load_annotations(tmp_path)


def test_a_file_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "rows.json").write_bytes(b'[{"sentence": "caf\xe9"}]')
    with pytest.raises(AnnotationError, match=r"rows.json must be UTF-8, and byte 18 is not"):
        load_annotations(tmp_path / "rows.json")


def test_clip_moves_an_end_past_the_video_to_its_end(write):
    assert load_one(write([{**ROW, "timestamp": [8, 45]}]), clip=True).windows == (Window(8, 30),)


def test_skip_keeps_the_good_rows_and_says_why_the_others_went(write):
    loaded = load_annotations(write([ROW, {**ROW, "duration": -1}, ROW]), on_error="skip")
    assert [row.where for row in loaded.annotations] == ["rows.json:1, row 1", "rows.json:1, row 3"]
    assert len(loaded.skipped) == 1
    assert loaded.skipped[0].startswith("rows.json:1, row 2, field 'duration'")


def test_a_row_has_the_number_that_its_place_says_whatever_stands_before_it(write):
    array = load_annotations(write([ROW, 7, ROW]), on_error="skip")
    lines = load_annotations(write(f"\n{{}}\n{json.dumps(ROW)}", "rows.jsonl"), on_error="skip")
    assert [(row.number, row.where) for row in array.annotations] == [
        (1, "rows.json:1, row 1"),
        (3, "rows.json:1, row 3"),
    ]
    assert [(row.number, row.where) for row in lines.annotations] == [(3, "rows.jsonl:3")]
    assert [(row.row, row.where) for row in (*array.unreadable, *lines.unreadable)] == [
        (1, "rows.json:1, row 2"),
        (1, "rows.jsonl:2"),
    ]


def test_skip_goes_on_after_a_line_that_is_no_json(write):
    loaded = load_annotations(write(f"{{oops}}\n{json.dumps(ROW)}", "rows.jsonl"), on_error="skip")
    assert len(loaded.annotations) == len(loaded.skipped) == 1


def test_skip_goes_on_after_a_row_with_a_number_that_is_not_finite(write):
    loaded = load_annotations(write([{**ROW, "duration": float("nan")}, ROW]), on_error="skip")
    assert len(loaded.annotations) == len(loaded.skipped) == 1


def test_skipping_every_row_leaves_none(write):
    assert load_annotations(write([7, 8]), on_error="skip").annotations == ()


def test_the_demo_file_is_four_rows_with_their_videos():
    assets = Path(__file__).parents[2] / "assets"
    rows = load_annotations(assets / "demo_annotations.json").annotations
    assert [row.qid for row in rows] == ["demo-1", "demo-2", "demo-3", "demo-4"]
    assert all(row.video.is_file() for row in rows)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([*ROW, "qid", "windows", "video_start"]), json_values)
def test_whatever_a_field_holds_a_row_is_read_or_refused(write, field, value):
    path = write(json.dumps([{**ROW, field: value}]))
    loaded = load_annotations(path, on_error="skip")
    assert len(loaded.annotations) + len(loaded.skipped) == 1


@pytest.mark.parametrize("field", ["duration", "timestamp", "qid", "extra"])
@pytest.mark.parametrize("is_array", [True, False])
def test_a_number_of_thousands_of_digits_costs_one_row_at_most(tmp_path, field, is_array):
    digits = "9" * 5_000
    long = json.dumps({**ROW, field: "X"}).replace(
        '"X"', f"[1, {digits}]" if field == "timestamp" else digits
    )
    rows = [json.dumps(ROW), long, json.dumps(ROW)]
    path = tmp_path / "rows.json"
    path.write_text(f"[{', '.join(rows)}]" if is_array else "\n".join(rows))
    loaded = load_annotations(path, on_error="skip")
    assert len(loaded.annotations) + len(loaded.unreadable) == 3
    assert [row.row for row in loaded.unreadable] == ([] if field in ("qid", "extra") else [1])


def test_many_videos_are_found_in_seconds(tmp_path):
    deep = tmp_path.joinpath(*"abcdefghij")
    deep.mkdir(parents=True)
    folders = dict[str, str]()
    began = time.perf_counter()
    for number in range(50_000):
        resolve_video(f"train/videos/{number}.mp4", deep, "here", folders=folders)
    assert time.perf_counter() - began < 5
    assert folders == {"train/videos": str(deep / "train" / "videos")}


def test_a_folder_that_is_a_link_is_followed_for_each_of_its_videos(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "train").symlink_to(tmp_path / "store")
    folders = dict[str, str]()
    for name in ("a.mp4", "b.mp4"):
        found = resolve_video(f"train/{name}", tmp_path / "videos", "here", folders=folders)
        assert found == tmp_path / "store" / name


@pytest.mark.parametrize("form", ["lines", "array", "by video"])
def test_one_row_of_a_file_is_read_by_its_place(write, form):
    rows = [{**ROW, "sentence": f"scene {number}"} for number in range(4)]
    video = {"duration": 30.0, "timestamps": [[1, 2], [3, 4]], "sentences": ["one", "two"]}
    content = {
        "lines": "\n".join([*map(json.dumps, rows[:2]), "", "{", *map(json.dumps, rows[2:])]),
        "array": json.dumps(rows),
        "by video": json.dumps({"a": video, "b": video}),
    }[form]
    reader = AnnotationReader(write(content))
    every = {row.row: row for row in reader}
    assert {row: reader.row_at(row) for row in range(7)} == {row: every.get(row) for row in range(7)}
    assert len(every) == (5 if form == "lines" else 4)
