"""The comparison of templates on the annotation file, as the page runs it: on the real demo."""

import csv
import io
import json
from dataclasses import replace

import pytest

from tests.conftest import ASSETS
from vtg_core.comparison.analytics import Metric
from vtg_core.comparison.files import read_csv, read_json
from vtg_core.comparison.on_file import compare_rows
from vtg_core.dashboard import Settings
from vtg_core.dashboard.file.comparison import FileComparison, show_file_comparison, waiting
from vtg_core.dashboard.inputs import END_OF_TURN, NEWLINE
from vtg_core.dashboard.tabs.chart import metric_boxes
from vtg_core.dashboard.tabs.compare_file import run_label
from vtg_core.data.annotations import UnreadableRow, load_annotations
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.errors import CheckpointError, OutOfMemoryError, VTGError
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy
from vtg_core.views.samples import as_json

FILE = ASSETS / "demo_annotations.json"
FRAMES = FramePolicy(num_frames=4)


def settings_of(file, **changed):
    loaded = load_annotations(file, video_root=ASSETS, on_error="skip")
    return Settings(
        frames=FRAMES,
        annotations=loaded.annotations,
        unreadable=loaded.unreadable,
        annotation_file=file,
        video_root=ASSETS,
        **changed,
    )


SETTINGS = settings_of(FILE)


def wanted(limit=2, baseline="direct", trained=(END_OF_TURN,), settings=SETTINGS):
    return FileComparison.read(settings, limit, baseline, 4, list(trained))


def silent(at, what):
    assert 0 <= at <= 1
    assert what


def run(wanted, settings=SETTINGS, is_stopped=lambda: False):
    return list(show_file_comparison(settings, wanted, silent, is_stopped))


@pytest.fixture(scope="module")
def compared(user_cache):
    """Two rows of the demo's file, compared to the end."""
    return run(wanted())[-1]


def test_the_page_finds_what_the_core_finds(compared, model, processor):
    dataset = VideoTemporalSFTDataset(FILE, frames=FRAMES)
    rows = compare_rows(dataset, model, processor, TEMPLATES, rows=range(2))
    known = {(r.row, r.key): r for row in rows for r in row.results}
    assert len(compared.results) == len(known) == 32
    for result in compared.results:
        other = known[result.row, result.key]
        assert result.sum_nll == pytest.approx(other.sum_nll, abs=1e-4)
        assert replace(result, sum_nll=0, mean_nll=0, time_nll=0, word_nll=0, end_of_turn_nll=0) == replace(
            other, sum_nll=0, mean_nll=0, time_nll=0, word_nll=0, end_of_turn_nll=0
        )


def test_a_run_begins_with_nothing_and_ends_with_everything(user_cache):
    views = [one.view for one in run(wanted(limit=1))]
    assert (views[0].state, views[0].num_rows, views[0].analytics) == ("running", 0, None)
    assert (views[-1].state, views[-1].num_rows, views[-1].num_all) == ("done", 1, 1)
    assert views[-1].subject == "demo on demo_annotations.json · 16 templates · 4 frames"
    assert len(views[-1].analytics.templates) == 16
    assert json.loads(as_json(waiting(SETTINGS)))["state"] == "waiting"


def test_rows_come_one_after_the_other_with_an_estimate_of_the_rest(user_cache, monkeypatch):
    monkeypatch.setattr("vtg_core.dashboard.file.comparison.SECONDS_BETWEEN", 0)
    monkeypatch.setattr("vtg_core.dashboard.file.comparison.SHARE_OF_SHOWING", 1e9)
    views = [one.view for one in run(wanted(limit=3))]
    assert [view.num_rows for view in views] == [0, 0, 1, 2, 3, 3]
    assert views[0].seconds_left is None
    assert all(view.seconds_left > 0 for view in views[1:4])  # the first of them by the size of a row
    assert views[-1].seconds_left == 0


def test_what_is_known_is_kept_where_a_person_stops_it(user_cache):
    told = []
    last = list(
        show_file_comparison(SETTINGS, wanted(limit=4), lambda at, what: told.append(what), lambda: any("3 of 4 rows" in t for t in told))
    )[-1]  # fmt: skip
    assert (last.view.state, last.view.num_rows, last.view.num_all) == ("partial", 2, 4)
    assert len(last.results) == 32
    assert last.view.analytics.num_samples == 2


def test_a_run_that_was_stopped_is_gone_on_with_and_comes_to_the_same(user_cache, compared):
    told = []
    first = list(
        show_file_comparison(SETTINGS, wanted(), lambda at, what: told.append(what), lambda: any("2 of 2 rows" in t for t in told))
    )[-1]  # fmt: skip
    assert (first.view.state, first.view.num_rows) == ("partial", 1)
    shown = run(first.rest(SETTINGS))
    assert shown[0].view.num_rows == 1
    assert (shown[-1].view.state, shown[-1].view.num_rows) == ("done", 2)
    assert shown[-1].results == compared.results
    with pytest.raises(VTGError, match="that was stopped"):
        shown[-1].rest(SETTINGS)
    with pytest.raises(VTGError, match="of this file"):
        first.rest(replace(SETTINGS, annotation_file=FILE.with_name("other.json")))


def test_a_model_that_guesses_is_said_to_and_one_that_learned_is_not(user_cache, compared):
    assert compared.view.reading == ""
    settings = replace(SETTINGS, checkpoint="demo-untrained")
    reading = run(wanted(limit=1, settings=settings), settings)[-1].view.reading
    assert reading.startswith("This model does no better than a blind guess: 7.")
    assert "ln V is 7.57" in reading


def test_one_that_was_cancelled_while_it_waited_runs_nothing(user_cache):
    last = run(wanted(), is_stopped=lambda: True)[-1]
    assert (last.view.state, last.view.num_rows, last.results) == ("partial", 0, [])


def test_rows_that_cannot_be_scored_are_listed_and_the_others_compared(user_cache, tmp_path):
    rows = json.loads(FILE.read_text())[:2]
    file = tmp_path / "rows.jsonl"
    bad = [{"video": "gone.mp4", "timestamp": [1, 2], "sentence": "x"}, {"video": "red_circle.mp4"}]
    file.write_text("\n".join(map(json.dumps, [rows[0], *bad, rows[1]])))
    settings = settings_of(file)
    view = run(wanted(limit=3, settings=settings), settings)[-1].view
    assert (view.state, view.num_rows, view.num_unread, view.analytics.num_samples) == ("done", 3, 2, 2)
    assert (view.num_compared, view.num_in_file) == (2, 4)
    assert [(one.row, one.where) for one in view.unread] == [(3, "rows.jsonl:3"), (2, "rows.jsonl:2")]
    assert view.unread[0].reason.startswith("Field 'sentence': must be there")
    assert "gone.mp4" in view.unread[1].reason
    assert [sample.row for sample in view.analytics.samples] == [1, 4]


def test_a_failure_leaves_what_came_and_is_raised(user_cache):
    shown = []
    settings = replace(SETTINGS, checkpoint="/no/such/folder")
    with pytest.raises(CheckpointError):
        shown.extend(
            one.view.state for one in show_file_comparison(settings, wanted(), silent, lambda: False)
        )
    assert shown == ["running", "partial"]


def test_a_row_that_clearly_does_not_fit_is_refused_before_the_weights_are_loaded(user_cache, monkeypatch):
    monkeypatch.setattr("vtg_core.loss.cost.free_memory", lambda device: 1_000)
    monkeypatch.setattr(
        "vtg_core.checkpoints.loading.load_model", lambda *names, **options: pytest.fail("loaded")
    )
    with pytest.raises(OutOfMemoryError, match="must fit in the memory of cpu"):
        run(wanted())


@pytest.mark.parametrize("limit", [None, 0, 5, 2.5, -1])
def test_the_number_of_rows_must_be_one_that_the_file_has(limit):
    with pytest.raises(VTGError, match="number of rows must be a whole number from 1 to 4; "):
        wanted(limit=limit)


@pytest.mark.parametrize(("baseline", "trained"), [("nobody", []), ("direct", None)])
def test_values_that_the_page_does_not_offer_are_refused(baseline, trained):
    with pytest.raises(VTGError, match="the page's own choices"):
        FileComparison.read(SETTINGS, 1, baseline, 4, trained)


def test_another_baseline_changes_differences_and_no_loss(compared):
    other = compared.against("task")
    lines = {(one.mode, one.name): one for one in other.view.analytics.templates}
    before = {(one.mode, one.name): one for one in compared.view.analytics.templates}
    assert [one.name for one in other.view.analytics.templates if one.is_baseline] == ["task", "task"]
    for mode in ("standard", "temporal_tokens"):
        there = before[mode, "task"].by_metric["mean"].difference
        back = lines[mode, "direct"].by_metric["mean"].difference
        assert there == pytest.approx(-back, abs=1e-4)
    assert other.view.analytics.maps == compared.view.analytics.maps
    assert json.loads(other.as_json())["comparison"]["by_metric"]["sum"]["baselines"] == {
        "standard": "task", "temporal_tokens": "task"
    }  # fmt: skip


def test_the_files_are_those_of_the_command(compared):
    for stored in (read_csv(compared.as_csv()), read_json(compared.as_json())):
        assert sorted(stored.rows) == [0, 1]
        assert [r for row in stored.rows.values() for r in row.results] == compared.results
        assert stored.settings.checkpoint == "demo"
    assert json.loads(compared.as_json())["partial"] is False


def test_results_of_another_mask_policy_are_told_apart_in_the_files(user_cache, compared):
    other = run(wanted(limit=1, trained=(END_OF_TURN, NEWLINE)))[-1]
    assert read_csv(other.as_csv()).settings.trained != read_csv(compared.as_csv()).settings.trained
    assert other.results[0].num_supervised == compared.results[0].num_supervised + 1


def test_a_text_that_a_spreadsheet_would_run_is_text_in_the_csv(user_cache, tmp_path):
    row = {**json.loads(FILE.read_text())[0], "sentence": "=1+1"}
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([row]))
    settings = settings_of(file)
    last = run(wanted(limit=1, settings=settings), settings)[-1]
    lines = list(csv.DictReader(io.StringIO(last.as_csv())))
    assert {line["query"] for line in lines} == {"'=1+1"}
    assert len(lines) == 16


@pytest.mark.parametrize("metric", Metric)
def test_the_chart_has_a_box_a_template_with_its_values_and_labels_that_are_text(compared, metric):
    results = [
        replace(result, query="<b>x</b>", template=f"<i>{result.template}") for result in compared.results
    ]
    figure = metric_boxes(results, metric)
    field = {"sum": "sum_nll", "mean": "mean_nll", "times": "time_nll", "end_of_turn": "end_of_turn_nll"}[
        metric
    ]
    assert len(figure.data) == 16
    for box, template in zip(figure.data, TEMPLATES, strict=True):
        own = [r for r in compared.results if r.key == (template.name, template.mode)]
        assert list(box.y) == [getattr(r, field) for r in own]
        assert box.name.startswith("&lt;i&gt;")
        assert all("<b>" not in hint for hint in box.customdata)
    assert metric_boxes([], metric).data == ()


def test_the_chart_of_many_samples_holds_quartiles_and_no_points(compared):
    results = [replace(compared.results[0], row=row, mean_nll=float(row)) for row in range(401)]
    [box] = metric_boxes(results, Metric.MEAN).data
    assert box.y is None
    assert [*box.lowerfence, *box.q1, *box.median, *box.q3, *box.upperfence] == [0, 100, 200, 300, 400]


def test_the_button_says_how_many_rows_it_takes():
    assert run_label(SETTINGS, 4) == "Compare all templates on the whole file: 4 rows"
    assert run_label(SETTINGS, 3) == "Compare all templates on the first 3 of 4 rows"
    assert run_label(SETTINGS, None) == "Compare all templates on the whole file: 4 rows"
    bad = replace(SETTINGS, unreadable=(UnreadableRow(4, "rows.json:6, row 5", "it is bad"),))
    assert run_label(bad, 4) == "Compare all templates on the 4 of 5 rows that can be read"
    assert run_label(bad, 3) == "Compare all templates on the first 3 of the 4 rows that can be read"


def test_the_chat_templates_variables_of_the_page_are_those_of_the_files_comparison(user_cache):
    chosen = FileComparison.read(SETTINGS, 1, "direct", 4, [END_OF_TURN], "enable_thinking=false")
    assert chosen.subject(SETTINGS).endswith("4 frames · enable_thinking=false")
    with pytest.raises(CheckpointError, match="enable_thinking"):
        run(chosen)
