"""What a survey says of a file: each typical mistake is counted, with its rows."""

import gzip
import json
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from vtg_core.audit.findings import Severity
from vtg_core.audit.survey.results import Survey
from vtg_core.audit.survey.run import Surveyor
from vtg_core.audit.survey.tokens import TokenRules
from vtg_core.checkpoints.loading import load_processor
from vtg_core.data.annotations import AnnotationReader
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.data.answer_forms.registry import format_named
from vtg_core.templates import TemplateSelector
from vtg_core.video.plan import FramePolicy

ASSETS = Path(__file__).parents[3] / "assets"
GOOD = {"video": "a.mp4", "duration": 30.0, "timestamp": [8.0, 14.0], "sentence": "a dog runs"}


def surveyed(path, *, form="standard", tokens=None, **given) -> Survey:
    surveyor = Surveyor(
        AnnotationReader(path, read_windows=windows_said, **given), format_named(form), tokens
    )
    for _ in surveyor.rows():
        pass
    return surveyor.done()


@pytest.fixture
def survey(tmp_path):
    """Survey rows: the good one with each of these changes, a line each."""

    def of(*changes, **options):
        path = tmp_path / "rows.jsonl"
        rows = [GOOD | {"sentence": f"number {n}"} | change for n, change in enumerate(changes)]
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return surveyed(path, **options)

    return of


def rows_of(survey):
    return {count.name: count.rows for count in survey.counts if count.count and count.name != "no_videos"}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"timestamp": [8.0, 30.5]}, "past_end"),
        ({"timestamp": [8.0, 30.04]}, "rounded_end"),
        ({"timestamp": [30.0, 31.0]}, "outside"),
        ({"timestamp": [-1.0, 3.0]}, "outside"),
        ({"timestamp": [14.0, 8.0]}, "inverted"),
        ({"timestamp": [8.0, 8.0]}, "empty"),
        ({"timestamp": [0.5, 29.5]}, "whole_video"),
        ({"timestamp": [8.0]}, "unreadable"),
        ({"timestamp": [8.0, float("inf")]}, "unreadable"),
        ({"sentence": ""}, "unreadable"),
        ({"video": "../a.mp4"}, "unreadable"),
        ({"duration": None}, "no_duration"),
        ({"timestamp": [8.0, 8.05]}, "under_a_step"),
    ],
)  # fmt: skip
def test_a_mistake_is_counted_with_its_row(survey, change, name):
    assert rows_of(survey({}, change)) == {name: (2,)}


def test_a_row_with_two_windows_past_the_end_counts_once(survey):
    found = survey({"timestamp": None, "windows": [[10, 40], [20, 50]]})
    assert rows_of(found) == {"past_end": (1,)}
    assert found.num_windows == 2


def test_a_mistake_is_said_with_its_place(survey):
    [count] = [count for count in survey({}, {"timestamp": [14.0, 8.0]}).counts if count.name == "inverted"]
    assert count.examples == ("rows.jsonl:2: the window 14 to 8 s ends before it starts",)
    assert count.severity is Severity.ERROR


def test_no_video_at_all_is_a_warning_and_some_missing_an_error(survey, tmp_path):
    assert {c.name: c.severity for c in survey({}).counts if c.count} == {"no_videos": Severity.WARNING}
    (tmp_path / "red.mp4").write_bytes((ASSETS / "red_circle.mp4").read_bytes())
    found = survey({}, {"video": "red.mp4"})
    assert {c.name: c.severity for c in found.counts if c.count} == {"missing_video": Severity.ERROR}
    assert (found.videos.num_named, found.videos.missing) == (2, ("a.mp4",))


def test_another_duration_than_the_file_has_is_told(survey, tmp_path):
    (tmp_path / "a.mp4").write_bytes((ASSETS / "red_circle.mp4").read_bytes())
    assert rows_of(survey({"duration": 60.0})) == {"other_duration": (1,)}


def test_the_duration_of_the_file_is_asked_where_the_row_says_none(survey, tmp_path):
    (tmp_path / "a.mp4").write_bytes((ASSETS / "red_circle.mp4").read_bytes())
    assert rows_of(survey({"duration": None, "timestamp": [8.0, 40.0]})) == {"past_end": (1,)}


def test_every_window_is_in_one_bar_of_each_distribution(survey):
    found = survey({}, {"timestamp": [0.0, 3.0]}, {"timestamp": [10.0, 25.0]})
    spread = {d.name: {(b.low, b.high): b.rows for b in d.bars if b.count} for d in found.distributions}
    assert spread["length"] == {(2, 5): (2,), (5, 10): (1,), (10, 20): (3,)}
    assert spread["start"] == {(0.0, 0.1): (2,), (0.2, 0.3): (1,), (0.3, 0.4): (3,)}
    assert spread["windows"] == {(1, 2): (1, 2, 3)}
    assert found.distributions[0].quantiles["median"] == 6.0


def test_a_coarse_answer_form_is_measured_on_the_windows(survey):
    found = survey({"duration": 3_000.0, "timestamp": [100.0, 104.0]}, form="bins_100_tokens")
    assert found.resolution.step == (30.0, 30.0)
    assert (found.resolution.num_below, found.resolution.rows_below) == (1, (1,))
    assert rows_of(found) == {"under_a_step": (1,)}


def test_milliseconds_are_suspected_over_the_whole_file(survey):
    found = survey(*[{"timestamp": [8_000 + n, 14_000 + n]} for n in range(12)])
    [unit] = found.units
    assert (unit.name, unit.is_most, unit.factor, unit.rows[:2]) == (
        "milliseconds",
        True,
        (0.001, 0.001),
        (1, 2),
    )


def test_tokens_are_counted_where_the_videos_are():
    rules = TokenRules(load_processor("demo"), FramePolicy(num_frames=4), TemplateSelector(seed=0), 20)
    found = surveyed(ASSETS / "demo_annotations.json", tokens=rules)
    assert rows_of(found) == {"too_long": (1, 2, 3, 4)}
    [tokens] = [d for d in found.distributions if d.name == "tokens"]
    assert sum(bar.count for bar in tokens.bars) == 4


def test_rows_are_numbered_as_the_file_has_them(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    lines = [json.dumps(GOOD), "", "{", json.dumps(GOOD | {"timestamp": [9, 8], "sentence": "another"})]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert rows_of(surveyed(path)) == {"unreadable": (3,), "inverted": (4,)}


def test_a_figure_says_its_rows_by_name(survey):
    found = survey({}, {"timestamp": [14.0, 8.0]})
    assert found.rows_of("inverted") == (2,)
    assert found.rows_of("length:4") == found.rows_of("iou_0.7") == (1,)
    assert found.rows_of("resolution") == ()
    assert found.rows_of("nothing") is None


def test_a_survey_is_written_as_json(survey):
    found = survey({}, {"timestamp": [14.0, 8.0]})
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["counts"][3] | {"examples": []} == {
        "name": "inverted", "severity": "error", "title": "a window ends before it starts",
        "fix": "Swap the ends, as --fix does, after a look at the video.", "count": 1, "rows": [2], "examples": [],
    }  # fmt: skip
    assert told["guesses"][0]["share"] == 1.0
    assert replace(found, is_partial=True).as_dict()["is_partial"] is True


def test_an_answer_is_read_again_when_the_duration_is_known(tmp_path):
    said = [("human", "<video>\nWhen?"), ("gpt", "[3.0, 9.0]")]
    row = {"video": "a.mp4", "conversations": [{"from": who, "value": text} for who, text in said]}
    (tmp_path / "rows.json").write_text(json.dumps([row]), encoding="utf-8")
    assert rows_of(surveyed(tmp_path / "rows.json")) == {"no_windows": (1,), "no_duration": (1,)}
    (tmp_path / "a.mp4").write_bytes((ASSETS / "red_circle.mp4").read_bytes())
    found = surveyed(tmp_path / "rows.json")
    assert (rows_of(found), found.num_windows) == ({}, 1)


def test_a_survey_holds_no_text_of_the_file(survey, tmp_path):
    survey(
        *[{"sentence": f"number {n}", "more": "x" * 10_000} for n in range(3_000)]
    )  # what is loaded once is
    tracemalloc.start()
    surveyed(tmp_path / "rows.jsonl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (tmp_path / "rows.jsonl").stat().st_size / 4
