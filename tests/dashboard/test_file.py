"""The File tab: what a file holds, figure by figure, and a file that is uploaded."""

import json
from dataclasses import replace

import pytest

from tests.conftest import ASSETS
from tests.conversation_files import ROWS, write_rows
from vtg_core.dashboard import Settings
from vtg_core.dashboard import settings as bounds
from vtg_core.dashboard.file.audit import FileAudit
from vtg_core.dashboard.file.comparison import FileComparison
from vtg_core.dashboard.file.survey import FileSurvey, show_file_survey
from vtg_core.dashboard.file.upload import open_upload
from vtg_core.dashboard.inputs import pick_row
from vtg_core.dashboard.samples import Samples
from vtg_core.dashboard.session.visit import Visit
from vtg_core.dashboard.settings import for_visitors
from vtg_core.errors import AnnotationError, VTGError
from vtg_core.video.plan import FramePolicy
from vtg_core.views.results.histograms import distribution_bars
from vtg_core.views.survey import MAX_SHOWN_ROWS, view_figure_rows, view_survey

GOOD = {"video": "red_circle.mp4", "duration": 30.0, "timestamp": [8.0, 14.0], "sentence": "a red circle"}
ROOTED = Settings(video_root=ASSETS, frames=FramePolicy(num_frames=4))


@pytest.fixture
def opened(tmp_path):
    return lambda *rows: open_upload(ROOTED, write_rows(tmp_path, *rows))


def surveyed(settings, *, counts=False, max_length=0, stop=False):
    wanted = FileSurvey.read(settings, "standard", 4, counts, max_length)
    *_, last = show_file_survey(settings, wanted, lambda at, what: None, lambda: stop)
    return last


def test_a_survey_on_the_page_counts_what_is_wrong_and_opens_its_rows(opened):
    settings = opened(GOOD, {**GOOD, "timestamp": [14.0, 8.0], "sentence": "a circle"}, GOOD)
    last = surveyed(settings)
    view = json.loads(last.view)
    assert (view["state"], view["num_rows"], view["num_all"]) == ("done", 3, 3)
    assert {one["name"]: one["count"] for one in view["counts"]} == {"inverted": 1, "repeated": 1}
    assert [row for row, _ in view_figure_rows(last.survey, "inverted").rows] == [2]
    assert view_figure_rows(last.survey, "nothing") is None


def test_a_bar_and_the_best_guess_have_rows_too(opened):
    last = surveyed(opened(GOOD))
    view = view_survey(last.survey, 1)
    [bar] = next(d for d in view.distributions if d.name == "length").bars
    assert (bar.between, bar.count) == ("5 to 10 s", 1)
    for name in (bar.name, "iou_0.5"):
        assert view_figure_rows(last.survey, name).rows == [(1, "")]


def test_a_chart_carries_the_name_of_each_bar(opened):
    survey = surveyed(opened(GOOD)).survey
    figure = distribution_bars(view_survey(survey, 1).distributions, survey)
    assert list(figure.data[0].customdata) == ["length:4"]
    assert len(figure.layout.shapes) == 4  # two best guesses, where they start and where they end


def test_a_survey_that_is_stopped_says_of_how_many_rows_it_is(opened):
    view = json.loads(surveyed(opened(GOOD, GOOD, GOOD), stop=True).view)
    assert (view["state"], view["num_rows"], view["num_all"]) == ("partial", 1, 3)


def test_tokens_are_counted_where_it_is_asked(opened):
    view = json.loads(surveyed(opened(GOOD), counts=True, max_length=10).view)
    assert {"tokens", "length"} <= {one["name"] for one in view["distributions"]}
    assert [one["name"] for one in view["counts"]] == ["too_long"]


@pytest.mark.parametrize("length", [-1, 1.5, float("inf")])
def test_a_bound_on_tokens_is_a_whole_number(length):
    with pytest.raises(VTGError, match="must be a whole number"):
        FileSurvey.read(ROOTED, "standard", 4, True, length)


def test_only_the_first_rows_of_a_figure_are_listed(opened):
    last = surveyed(opened(*[GOOD] * (MAX_SHOWN_ROWS + 2)))
    rows = view_figure_rows(last.survey, "repeated")
    assert (rows.count, len(rows.rows)) == (MAX_SHOWN_ROWS + 1, MAX_SHOWN_ROWS)


def test_an_uploaded_file_is_that_pages_alone(opened):
    visit, at_the_start = Visit(), Samples(ROOTED)
    visit.uploaded = Samples(opened(ROWS["chat"]))
    assert visit.settings(ROOTED).num_in_file == 1
    assert visit.samples(at_the_start).has_own_words
    assert Visit().settings(ROOTED) is ROOTED


@pytest.mark.parametrize("video", ["../secret.mp4", "/etc/passwd", "http://example.org/a.mp4"])
def test_an_uploaded_file_reaches_no_video_outside_the_roots(opened, video):
    settings = opened(GOOD, {**GOOD, "video": video})
    with pytest.raises(AnnotationError):
        pick_row(settings, 2)


def test_an_upload_is_refused_in_a_sentence(opened, tmp_path, monkeypatch):
    with pytest.raises(AnnotationError, match="must hold a row that can be read"):
        opened({**GOOD, "timestamp": 8})
    with pytest.raises(VTGError, match="start it with --video-root"):
        open_upload(Settings(), tmp_path / "rows.jsonl")
    monkeypatch.setattr(bounds, "MAX_ROWS", 1)
    with pytest.raises(AnnotationError, match="at most 1 rows"):
        opened(GOOD, GOOD)
    monkeypatch.setattr(bounds, "MAX_BYTES", 10)
    with pytest.raises(AnnotationError, match="an uploaded file must have at most 0 MB"):
        opened(GOOD)


def test_a_visitor_may_upload_less_and_compare_templates_on_fewer_rows(opened, tmp_path, monkeypatch):
    page = replace(opened(GOOD, GOOD, GOOD), is_public=True)
    assert (page.max_upload, page.max_compared) == ((20_000_000, 20_000), 3)
    monkeypatch.setattr(bounds, "MAX_COMPARED_OF_VISITORS", 2)
    assert FileComparison.read(page, 2, "direct", 4, []).limit == 2
    with pytest.raises(VTGError, match="a whole number from 1 to 2; got 3"):
        FileComparison.read(page, 3, "direct", 4, [])
    with pytest.raises(VTGError, match="at most max_frames"):
        FileAudit.read(replace(page, frames=for_visitors(page.frames)), "ours", "standard", "direct", 129, [])
    monkeypatch.setattr(bounds, "MAX_ROWS_OF_VISITORS", 2)
    with pytest.raises(AnnotationError, match="at most 2 rows"):
        open_upload(page, page.annotation_file)
