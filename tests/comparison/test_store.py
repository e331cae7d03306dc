import json
from dataclasses import replace

import pytest

from tests.conftest import ASSETS
from vtg_core.comparison.files import ComparisonSettings
from vtg_core.comparison.on_file import PlainCheck, RowComparison
from vtg_core.comparison.results import TemplateResult
from vtg_core.comparison.store import ComparisonStore
from vtg_core.data.annotations import load_annotations
from vtg_core.data.answers import AnswerMode
from vtg_core.errors import VTGError
from vtg_core.windows import Window

ANNOTATIONS = load_annotations(ASSETS / "demo_annotations.json").annotations
SETTINGS = ComparisonSettings(
    "demo",
    "demo:1",
    "float32",
    "num_frames=12",
    "turns=all",
    "sha256:1",
    ("standard/direct", "standard/task"),
)
CHECK = PlainCheck(0, "direct", AnswerMode.STANDARD, 12, 1e-6, 1e-3)


def compared(row, names=("direct", "task"), sum_nll=12.0):
    annotation = ANNOTATIONS[row]
    results = tuple(
        TemplateResult(
            row, annotation.where, annotation.video.name, annotation.query, name, AnswerMode.STANDARD, "[8.0, 14.0]",
            457, 414, 12, sum_nll, sum_nll / 12, 5, 6.0, 11.5, 5.0, 1.0,
        )
        for name in names
    )  # fmt: skip
    return RowComparison(row, annotation.where, results)


def store_of(folder, settings=SETTINGS, annotations=ANNOTATIONS, *, json_name="out.json", csv_name="out.csv"):
    outs = (folder / name if name else None for name in (json_name, csv_name))
    json_out, csv_out = (None if out is None else str(out) for out in outs)
    return ComparisonStore(settings, annotations, json_out, csv_out)


@pytest.fixture
def stored(tmp_path):
    """A folder with rows 0 and 1 in both files."""
    store = store_of(tmp_path)
    store.add(compared(0))
    store.add(compared(1))
    store.save(is_partial=True)
    return tmp_path


@pytest.mark.parametrize("names", [{}, {"csv_name": None}, {"json_name": None}])
def test_what_is_stored_is_not_missing_any_more(stored, names):
    store = store_of(stored, **names)
    assert (store.num_found, store.missing(range(4))) == (2, [2, 3])
    assert [result.row for result in store.results] == [0, 0, 1, 1]


def test_a_row_is_done_if_either_file_has_it(stored):
    ahead = store_of(stored, csv_name=None)
    ahead.add(compared(2))
    ahead.save(is_partial=True)
    store = store_of(stored)
    assert store.missing(range(4)) == [3]
    store.save(is_partial=True)
    assert store_of(stored, json_name=None).missing(range(4)) == [3]


def test_a_file_that_is_new_takes_what_the_other_has(stored):
    (stored / "out.csv").unlink()
    store_of(stored).save(is_partial=True)
    assert store_of(stored, json_name=None).num_found == 2


def test_two_files_that_disagree_are_refused(stored):
    other = store_of(stored, csv_name=None)
    other.rows = {}
    other.add(compared(1, sum_nll=13.0))
    other.save(is_partial=True)
    with pytest.raises(VTGError, match=r"out.csv' must hold the same comparison, and differ in row 1"):
        store_of(stored)


def test_templates_in_another_order_are_the_same_comparison(stored):
    turned = replace(SETTINGS, templates=SETTINGS.templates[::-1])
    store = store_of(stored, turned)
    assert [result.template for result in store.results[:2]] == ["task", "direct"]


def test_a_row_with_a_template_missing_is_scored_again(stored):
    lines = (stored / "out.csv").read_bytes().splitlines(keepends=True)
    (stored / "out.csv").write_bytes(b"".join(lines[:-1]))
    assert store_of(stored, json_name=None).missing(range(2)) == [1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"checkpoint": "demo-qwen2.5-vl"}, "with checkpoint 'demo', and this one has 'demo-qwen2.5-vl'"),
        ({"dtype": "float16"}, "with dtype 'float32', and this one has 'float16'"),
        ({"trained": "turns=last"}, "with trained 'turns=all', and this one has 'turns=last'"),
        (
            {"weights": "demo:2"},
            "made before the files of its checkpoint or adapter changed \\('demo:1', now 'demo:2'\\); name another",
        ),
        (
            {"words": "sha256:2"},
            "made before the words of its templates changed \\('sha256:1', now 'sha256:2'",
        ),
        ({"frames": "num_frames=8"}, "with frames 'num_frames=12', and this one has 'num_frames=8'"),
        (
            {"templates": ("standard/direct",)},
            "with templates 'standard/direct, standard/task', and this one has",
        ),
    ],
)
@pytest.mark.parametrize("names", [{"csv_name": None}, {"json_name": None}])
def test_another_comparison_is_refused_and_left_as_it_is(stored, changed, said, names):
    before = [path.read_bytes() for path in sorted(stored.iterdir())]
    with pytest.raises(VTGError, match=said):
        store_of(stored, replace(SETTINGS, **changed), **names)
    assert [path.read_bytes() for path in sorted(stored.iterdir())] == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"query": "a dog"},
            r"another row 1 \(from 0\): its query is 'a blue square slides across the screen'.* is 'a dog'",
        ),
        ({"windows": (Window(5.0, 9.5),)}, r"another row 1 \(from 0\): its windows is"),
        ({"raw": {"video": "b.mp4"}}, r"another row 1 \(from 0\): its video is 'two_events.mp4'"),
        ({"video_start": 0.0, "video_end": 20.0}, r"another row 1 \(from 0\): its part is None"),
    ],
)
@pytest.mark.parametrize("names", [{"csv_name": None}, {"json_name": None}])
def test_another_row_at_the_same_number_is_refused(stored, changed, said, names):
    annotations = [ANNOTATIONS[0], replace(ANNOTATIONS[1], **changed)]
    with pytest.raises(VTGError, match=said):
        store_of(stored, annotations=annotations, **names)


def test_a_shorter_annotation_file_is_refused(stored):
    with pytest.raises(VTGError, match=r"holds row 1 \(from 0\), and the annotation file has no such row"):
        store_of(stored, annotations=ANNOTATIONS[:1])


@pytest.mark.parametrize("content", [b"my notes", b'{"a": 1}', b"\xff\xfe", b"a,b\n1,2\n"])
@pytest.mark.parametrize("names", [{"csv_name": None}, {"json_name": None}])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path, content, names):
    for name in ("out.json", "out.csv"):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VTGError, match="it is left as it is: name another file"):
        store_of(tmp_path, **names)
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {content}


def test_an_empty_file_is_a_new_one(tmp_path):
    (tmp_path / "out.json").touch()
    (tmp_path / "out.csv").touch()
    assert store_of(tmp_path).missing(range(2)) == [0, 1]


def test_a_file_that_another_program_changed_is_not_overwritten(stored):
    first, second = store_of(stored, csv_name=None), store_of(stored, csv_name=None)
    second.add(compared(2))
    second.save(is_partial=True)
    first.add(compared(3))
    with pytest.raises(VTGError, match="was changed by another"):
        first.save(is_partial=True)
    assert store_of(stored, csv_name=None).missing(range(4)) == [3]


def test_a_row_that_cannot_be_scored_is_kept_with_its_reason_and_tried_again(tmp_path):
    store = store_of(tmp_path)
    store.add(RowComparison(0, "rows.json:2", (), reason="the video is gone"))
    store.save(is_partial=False)
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["unreadable"] == [{"row": 0, "where": "rows.json:2", "reason": "the video is gone"}]
    assert store_of(tmp_path).missing(range(1)) == [0]


def test_what_was_checked_before_is_still_told_after_a_second_run(tmp_path):
    store = store_of(tmp_path)
    store.add(replace(compared(0), check=CHECK))
    store.save(is_partial=True)
    again = store_of(tmp_path)
    again.add(compared(1))
    again.save(is_partial=False)
    assert json.loads((tmp_path / "out.json").read_text())["checks"] == [vars(CHECK)]


def test_writing_takes_a_small_share_of_the_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("vtg_core.comparison.store.time.monotonic", lambda: now[0])
    store, written = store_of(tmp_path, csv_name=None), []
    for second in range(100):
        now[0] = float(second)
        store.add(compared(0, sum_nll=float(second)))
        store.save_if_due()
        found = store_of(tmp_path, csv_name=None).results
        written.append(found[0].sum_nll if found else None)
    assert written[5] is None
    assert written[6] == 6.0
    assert len(set(written[6:])) == 16  # every six seconds


def test_a_pipe_is_written_at_the_end_only(tmp_path):
    store = ComparisonStore(SETTINGS, ANNOTATIONS, json_out="/dev/null")
    store.add(compared(0))
    store.save(is_partial=True)
    store.save(is_partial=False, is_last=True)
    assert ComparisonStore(SETTINGS, ANNOTATIONS, json_out="/dev/null").num_found == 0


def test_a_comparison_of_one_answer_form_is_gone_on_with_in_that_form_only(tmp_path):
    percent, clock = (
        replace(SETTINGS, templates=(f"{form}/concise",)) for form in ("percent_json", "clock_json")
    )
    store = store_of(tmp_path, percent)
    [result] = compared(0, ["concise"]).results
    store.add(RowComparison(0, result.where, (replace(result, mode="percent_json"),)))
    store.save(is_partial=True)
    again = store_of(tmp_path, percent)
    assert [(result.mode, result.row) for result in again.results] == [("percent_json", 0)]
    with pytest.raises(
        VTGError, match="templates 'percent_json/concise', and this one has 'clock_json/concise'"
    ):
        store_of(tmp_path, clock)
