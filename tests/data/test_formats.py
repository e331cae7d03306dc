"""Every format is told by what its rows hold, read as it means them, and its mistakes are named."""

import gzip
import json
import re
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.formats import EXAMPLES, RAIN, SAYS_WHEN, SPOKEN, put
from vtg_core.commands.cli import main
from vtg_core.commands.start import page_parser, page_settings
from vtg_core.data.annotations import load_annotations
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.data.formats.files import AnnotationFile
from vtg_core.data.formats.registry import FORMATS
from vtg_core.dataset import refuse_own_words
from vtg_core.errors import AnnotationError
from vtg_core.windows import Window

MISTAKES = [(example, *mistake) for example in EXAMPLES for mistake in example.mistakes]
SEED = {"video": "a.mp4", "duration": 30.0, "timestamp": [8.0, 14.0], "sentence": "it rains"}
NOT_TOLD = {"hirest-steps", "next-gqa"}  # asked for by name; with a table beside it


@pytest.fixture
def write(tmp_path):
    """Write a text, or values as JSON Lines, to a file of that name."""

    def write(content, name="rows.json"):
        text = content if isinstance(content, str) else "\n".join(map(json.dumps, content))
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def rows_of(path, **options):
    """The rows of a file as plain values."""
    read = load_annotations(path, **options).annotations
    return [(row.query, [list(window) for window in row.windows], row.duration) for row in read]


def test_every_format_has_an_example():
    assert {example.name for example in EXAMPLES} == {form.name for form in FORMATS} - NOT_TOLD


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_format_is_told_by_what_its_rows_hold(write, example, tmp_path):
    loaded = load_annotations(write(example.text(), f"{example.name}.json"))
    assert loaded.format == example.name
    assert loaded.why.startswith(f"read as {example.name} (")
    assert loaded.annotations[0].video == tmp_path / example.video


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_format_is_read_as_it_means_its_rows(write, example):
    assert rows_of(write(example.text())) == example.rows


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_format_is_read_by_its_name_too(write, example):
    assert rows_of(write(example.text()), format=example.name) == example.rows


@pytest.mark.parametrize(
    ("example", "change", "said"), MISTAKES, ids=[f"{e.name}-{i % 3}" for i, (e, *_) in enumerate(MISTAKES)]
)
def test_a_mistake_is_named_as_that_formats(write, example, change, said):
    path = write(example.spoilt(change), f"{example.name}.json")
    with pytest.raises(AnnotationError, match=said) as caught:
        load_annotations(path)
    assert str(caught.value).startswith(f"{example.name}.json:")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_wrong_name_is_an_error_and_no_misreading(write, example):
    path = write(example.text())
    for form in FORMATS:
        if (example.name, form.name) != ("hirest", "hirest-steps"):
            read = load_annotations(path, format=form.name, on_error="skip").annotations
            assert read in ((), load_annotations(path).annotations)


def test_aliases_are_names_too_and_belong_to_one_format(write):
    names = [name for form in FORMATS for name in (form.name, *form.aliases)]
    assert len(names) == len(set(names))
    [example] = [example for example in EXAMPLES if example.name == "qvhighlights"]
    assert load_annotations(write(example.text()), format="moment-detr").format == "qvhighlights"


def test_a_name_that_no_format_has_is_refused(write):
    with pytest.raises(
        AnnotationError, match=r"--format must be one of auto, vtg, qvhighlights, .*, got 'nope'"
    ):
        load_annotations(write(EXAMPLES[0].text()), format="nope")


def test_rows_that_fit_two_formats_ask_which_it_is(write):
    row = {"video": "a.mp4", "sentence": "it rains", "timestamp": [1, 2], "query": "it rains", "gt": [[1, 2]]}
    with pytest.raises(
        AnnotationError, match=r"fits several formats, vtg .*; vue-tr .*: say which it is with --format"
    ):
        load_annotations(write([row]))
    assert rows_of(write([row]), format="vtg") == [("it rains", [[1, 2]], None)]


def test_rows_that_fit_none_say_what_they_hold(write):
    with pytest.raises(
        AnnotationError,
        match=r"fits no format that is known \(vtg, .*: its first row has the fields \['a', 'b'\]",
    ):
        load_annotations(write([{"a": 1, "b": 2}]))


def test_a_row_of_no_format_among_many_is_a_bad_row_and_one_of_another_is_read(write):
    [example] = [example for example in EXAMPLES if example.name == "tvr"]
    rows = [*example.content, *example.content, {"video": "a.mp4", "ts": [1, 2]}, EXAMPLES[0].content[0]]
    loaded = load_annotations(write(rows), on_error="skip")
    assert (loaded.format, len(loaded.annotations)) == ("tvr", 3)
    assert "rows.json:3, field 'desc'" in loaded.skipped[0]


def test_rows_of_two_formats_are_each_read_as_their_own_and_the_reason_says_so(write):
    ours = {"video": "a.mp4", "sentence": "it moves", "windows": [[2, 5]]}
    chunks = {"video": "a.mp4", "description": "it moves", "times": [[1, 2], [1, 2]]}
    path = write([ours, chunks, ours])
    assert len(load_annotations(write([ours, chunks], "two.json")).annotations) == 2
    loaded = load_annotations(path)
    assert [a.windows for a in loaded.annotations] == [(Window(2, 5),), (Window(5, 15),), (Window(2, 5),)]
    assert "entries that hold 'times' and 'description' are read as didemo (DiDeMo)" in loaded.why
    [bad] = load_annotations(path, format="vtg", on_error="skip").unreadable
    assert bad.row == 1


def test_the_steps_of_hirest_are_read_where_they_are_asked_for(write):
    [example] = [example for example in EXAMPLES if example.name == "hirest"]
    assert rows_of(write(example.text()), format="hirest-steps") == [("cut paper", [[50, 58]], 207.08)]


def test_next_gqa_takes_its_questions_from_the_table_beside_it(write):
    path = write(
        '{"101": {"duration": 35, "location": {"0": [[0.5, 12.6], [20, 21]]}, "fps": 30}}', "gsub_val.json"
    )
    with pytest.raises(AnnotationError, match=r"put its val.csv beside gsub_val.json"):
        load_annotations(path)
    write("video_id,question,qid\n101,who waves,0\n", "val.csv")
    assert rows_of(path) == [("who waves", [[0.5, 12.6], [20, 21]], 35.0)]


def test_rows_that_lie_deeper_are_counted_through_the_file(write):
    [example] = [example for example in EXAMPLES if example.name == "activitynet-captions"]
    first, second = load_annotations(write(example.text())).annotations
    assert (first.number, second.number) == (1, 2)
    assert second.where == "rows.json:1, 'v_abc', sentence 2, row 2"


def test_the_files_own_numbers_and_other_fields_are_kept(write):
    [example] = [example for example in EXAMPLES if example.name == "qvhighlights"]
    [row] = load_annotations(write(example.text())).annotations
    assert row.qid == 25
    assert row.raw["saliency_scores"] == [[1, 2, 3], [4, 4, 4]]


def test_a_list_that_an_object_wraps_is_read(write):
    wrapped = {"version": 1, "data": EXAMPLES[0].content, "license": "none"}
    assert rows_of(write(json.dumps(wrapped))) == EXAMPLES[0].rows


def test_objects_over_several_lines_are_read(write):
    text = "\n".join(json.dumps(row, indent=2) for row in EXAMPLES[0].content * 2)
    loaded = load_annotations(write(text))
    assert [row.where for row in loaded.annotations] == ["rows.json:1, row 1", "rows.json:11, row 2"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_a_file_that_is_packed_is_read(tmp_path, example):
    path = tmp_path / "rows.json.gz"
    path.write_bytes(gzip.compress(example.text().encode()))
    assert rows_of(path) == example.rows


def test_a_packed_file_that_is_cut_is_named(tmp_path):
    packed = gzip.compress(EXAMPLES[0].text().encode() * 50)
    (tmp_path / "rows.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(AnnotationError, match=r"rows.gz must be a whole gzip file, and is damaged or cut"):
        load_annotations(tmp_path / "rows.gz")


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_table_with_the_names_of_a_format_is_read_as_that(write, delimiter):
    lines = [["vid", "query", "relevant_windows", "duration"], ["abc", "it rains", '"[[1, 2]]"', "30.5"]]
    loaded = load_annotations(write("\n".join(delimiter.join(cells) for cells in lines)))
    assert loaded.format == "qvhighlights"
    assert [list(w) for w in loaded.annotations[0].windows] == [[1, 2]]


@pytest.fixture
def write_parquet(tmp_path):
    """Write rows as Parquet, so many of them in a row group."""

    def write(rows, row_group_size=2):
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet", row_group_size=row_group_size)
        return tmp_path / "rows.parquet"

    return write


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if isinstance(e.content, list)], ids=lambda e: e.name
)
def test_parquet_holds_what_json_holds(write, write_parquet, example):
    read = [
        load_annotations(path, format=example.name, on_error="skip", read_windows=windows_said)
        for path in (write_parquet(example.content), write(example.content))
    ]
    told = [[(a.query, a.windows, a.duration, a.messages, a.weights) for a in r.annotations] for r in read]
    assert told[0] == told[1]
    assert len(read[0].annotations) == len(example.rows)


def test_parquet_is_told_by_what_its_rows_hold_and_not_by_empty_columns(write_parquet):
    rows = [
        {"vid": "a", "query": "it rains", "relevant_windows": [[1.0, 2.0]], "sentence": None, "timestamp": None},
        {"vid": "b", "query": "it snows", "relevant_windows": [[1, 2], [4, 5]], "sentence": None, "timestamp": None},
    ]  # fmt: skip
    loaded = load_annotations(write_parquet(rows))
    assert (loaded.format, [a.where for a in loaded.annotations]) == (
        "qvhighlights",
        ["rows.parquet:1, row 1", "rows.parquet:2, row 2"],
    )


def test_parquet_is_read_row_group_by_row_group(write_parquet):
    rows = [{**SEED, "more": f"{n}" * 20_000} for n in range(400)]
    file = AnnotationFile.at(write_parquet(rows, row_group_size=20))
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in file.entries()]
    assert len(held) == 400
    assert max(held) < sum(len(row["more"]) for row in rows) / 4


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:-30], lambda d: d[:40] + b"x" * 200 + d[240:], lambda d: b"PAR1 and so on"]
)
def test_a_damaged_parquet_file_is_one_sentence(write_parquet, spoil):
    path = write_parquet([{**SEED, "more": f"{n}" * 200} for n in range(90)])
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(
        AnnotationError, match=r"rows.parquet must be a Parquet file that can be read, and is not"
    ):
        load_annotations(path)


def test_a_bad_row_of_parquet_is_named_by_its_number(write_parquet):
    path = write_parquet([SEED, SEED | {"timestamp": [3.0]}, SEED | {"timestamp": [3.0, 2.0]}])
    skipped = load_annotations(path, on_error="skip").skipped
    assert [said.split(", field")[0] for said in skipped] == [
        "rows.parquet:2, row 2",
        "rows.parquet:3, row 3",
    ]


def test_a_large_array_is_read_in_bounded_memory(tmp_path):
    path = tmp_path / "rows.json"
    row = json.dumps({**EXAMPLES[0].content[0], "more": "x" * 4000})
    path.write_text("[" + ",\n".join([row] * 5_000) + "]")
    tracemalloc.start()
    assert sum(1 for _ in AnnotationFile.at(path).entries()) == 5_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 20_000_000
    assert peak < 8_000_000


@pytest.mark.parametrize("chunk", [1, 2, 3, 7])
def test_where_the_text_is_cut_changes_nothing(write, monkeypatch, chunk):
    monkeypatch.setattr("vtg_core.data.formats.json_text.CHUNK_CHARS", chunk)
    text = json.dumps(
        [{**EXAMPLES[0].content[0], "x": [1.25e-3, True, None, '\\u00e9\n"', -7]}] * 2, indent=1
    )
    loaded = load_annotations(write(text))
    assert [row.query for row in loaded.annotations] == ["a lamp is lit"] * 2
    assert loaded.annotations[1].raw["x"] == [1.25e-3, True, None, '\\u00e9\n"', -7]


def conversation(write, **fields):
    [row] = load_annotations(write([{"messages": SAYS_WHEN, "videos": ["a.mp4"], **fields}])).annotations
    return row


def test_a_conversation_keeps_its_own_words_in_chat_form(write, tmp_path):
    row = conversation(write)
    assert row.messages == (
        {"role": "user", "content": [
            {"type": "video", "video": str(tmp_path / "a.mp4")},
            {"type": "text", "text": "\nWhen does it rain?"},
        ]},
        {"role": "assistant", "content": [{"type": "text", "text": "[1.0, 2.5]"}]},
    )  # fmt: skip
    assert row.weights == (0.0, 1.0)


def test_every_assistants_turn_is_trained_unless_its_row_says_otherwise(write):
    more = [
        {"role": "user", "content": "Sure?"},
        {"role": "assistant", "content": "[1.0, 2.5]", "loss_scale": 0.5},
    ]
    row = conversation(write, messages=[SAYS_WHEN[0], {**SAYS_WHEN[1], "loss": False}, *more])
    assert row.weights == (0.0, 0.0, 0.0, 0.5)


def test_a_prompt_and_its_completion_train_the_completion_alone(write):
    turns = [*SAYS_WHEN, {"role": "user", "content": "Sure?"}]
    turns[0] = {
        "role": "user",
        "content": [{"type": "video", "video": "a.mp4"}, {"type": "text", "text": "When?"}],
    }
    [row] = load_annotations(write([{"prompt": turns, "completion": [SAYS_WHEN[1]]}])).annotations
    assert row.weights == (0.0, 0.0, 0.0, 1.0)


def test_a_system_prompt_and_a_history_come_first(write):
    row = {"system": "Be brief.", "instruction": "When?", "output": "[1.0, 2.5]", "videos": ["a.mp4"],
           "history": [["<video>What is it?", "Rain."]]}  # fmt: skip
    [read] = load_annotations(write([row])).annotations
    assert [message["role"] for message in read.messages] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert read.query == "What is it?"


def test_an_answer_without_a_window_is_read_all_the_same(write):
    row = conversation(write, messages=[SAYS_WHEN[0], {"role": "assistant", "content": "It never rains."}])
    assert row.windows == ()


def test_the_windows_of_an_answer_are_read_by_whoever_is_asked(write):
    def read(text, duration):
        return (Window(3, 4),) if (text, duration) == ("[1.0, 2.5]", 30.0) else None

    path = write([{"messages": SAYS_WHEN, "videos": ["a.mp4"], "duration": 30.0}])
    assert rows_of(path, read_windows=read) == [("When does it rain?", [[3.0, 4.0]], 30.0)]


def test_videos_in_a_list_are_read_of_spoken_turns_too(write):
    assert rows_of(write([{"videos": ["a.mp4"], "conversations": SPOKEN}])) == RAIN


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"messages": [*SAYS_WHEN, {"role": "tool", "content": "x"}]}, "must be spoken by one of .*, got 'tool'"),
        ({"messages": [{**SAYS_WHEN[0], "loss": True}, SAYS_WHEN[1]]}, "must train an assistant's messages alone"),
        ({"messages": [SAYS_WHEN[0], {**SAYS_WHEN[1], "loss_scale": "no"}]}, "must hold a 'loss_scale' of true, false"),
        ({"messages": [SAYS_WHEN[0], {**SAYS_WHEN[1], "loss": False}]}, "must train an assistant's message, and trains none"),
        ({"videos": [["f0.png", "f1.png"]]}, "a list of frames has no times"),
        ({"videos": ["a.mp4", "b.mp4"]}, "must hold as many <video> as the row has videos .2., got 1"),
        ({"messages": [{**SAYS_WHEN[0], "content": "<video><video>When?"}, SAYS_WHEN[1]], "videos": ["a.mp4", "b.mp4"]}, "must show one video, got 2"),
        ({"images": ["a.png"]}, "field 'images': must be empty"),
        ({"messages": "When?"}, "field 'messages': must be a list of objects, got 'When"),
        ({"videos": ["/etc/a.mp4"]}, "field 'videos': must stay under the video root"),
    ],
)  # fmt: skip
def test_a_conversation_that_cannot_be_taken_as_it_is_says_why(write, fields, said):
    with pytest.raises(AnnotationError, match=said):
        conversation(write, **fields)


def test_a_conversation_is_not_asked_again_in_a_templates_words(write):
    with pytest.raises(AnnotationError, match=r"rows.json:1: a row must be a query that a template asks for"):
        refuse_own_words(conversation(write))


@pytest.mark.parametrize("command", ["probe", "compare"])
def test_commands_that_ask_in_a_templates_words_refuse_a_conversation(write, capsys, command):
    path = write([{"messages": SAYS_WHEN, "videos": ["red_circle.mp4"]}])
    root = str(Path(__file__).parents[2] / "assets")
    status = main([command, "--annotations", str(path), "--video-root", root, "--num-frames", "4"])
    printed = capsys.readouterr()
    assert status == 1
    assert "this one has messages of its own" in printed.out + printed.err


def places_in(value, before=()):
    """Every place in JSON values, as a path of keys."""
    yield before
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from places_in(inner, (*before, key))


SPOILABLE = [
    (example, place)
    for example in EXAMPLES
    if not isinstance(example.content, str)
    for place in places_in(example.content)
    if place
]
VALUES = [
    None,
    True,
    -1,
    0.5,
    10**400,
    float("nan"),
    "",
    "x",
    "\ud800",
    "a\0b",
    "y" * 5000,
    [],
    [1],
    [[1, 2]],
    ["x"],
    {},
    {"a": 1},
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value!a:.12}")
def test_whatever_stands_in_a_file_it_is_read_or_refused(write, value):
    for example, place in SPOILABLE:
        path = write(example.spoilt(put(*place, value)))
        for name in ("auto", example.name):
            with suppress(AnnotationError):
                assert load_annotations(path, on_error="skip", format=name)


def test_the_documents_list_every_format():
    text = Path(__file__).parents[2].joinpath("docs", "data.md").read_text(encoding="utf-8")
    assert all(re.search(rf"^\| `{form.name}`", text, re.MULTILINE) for form in FORMATS)


def test_the_page_takes_a_format_and_says_what_it_took(write, capsys):
    [example] = [example for example in EXAMPLES if example.name == "tvr"]
    path = write(example.text())
    rows = page_settings(page_parser().parse_args(["--annotations", str(path)])).annotations
    assert [row.query for row in rows] == ["She waves."]
    said = capsys.readouterr().err
    assert "note: read as tvr (TVR), because its rows hold 'vid_name', 'ts' and 'desc'" in said
    assert "note: videos: 1 missing under" in said
    settings = page_settings(page_parser().parse_args(["--annotations", str(path), "--format", "tvr"]))
    assert settings.format == "tvr"
    assert "as --format says" in capsys.readouterr().err
