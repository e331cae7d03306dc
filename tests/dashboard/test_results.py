"""A folder of results on the page: only the rows that are looked at leave the server, and one of them is opened."""

import json
from dataclasses import replace

import pytest

from tests.audit.shards.rows import MISSING, write_rows
from tests.benchmarks._results import write_results
from vtg_core.audit.shards.opened.results import Results
from vtg_core.dashboard import Settings
from vtg_core.dashboard.file.results import ROWS_A_PAGE, Browser, one_row
from vtg_core.dashboard.samples import Samples
from vtg_core.errors import VTGError

NUM_ROWS = 430


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    file = write_rows(folder, NUM_ROWS, num_videos=10)
    results = write_results(
        folder / "out", NUM_ROWS, per_shard=100, num_bytes=file.stat().st_size, num_videos=10
    )
    return Settings(results=Results(results.path), results_file=file)


def asked(browser, **wanted):
    return json.loads(browser.page({"severity": "all", "asked": 7, **wanted}))["page"]


def test_a_page_of_rows_is_all_that_leaves_the_server(settings):
    browser = Browser(settings)
    shown = json.loads(browser.overview({"severity": "all", "asked": 1}))
    assert (shown["folder"]["num_rows"], shown["folder"]["why_not"]) == (NUM_ROWS, "")
    assert [line["row"] for line in shown["page"]["lines"]] == list(range(1, ROWS_A_PAGE + 1))
    last = asked(browser, first=400)
    assert (last["asked"], last["first"], len(last["lines"]), last["num"]) == (7, 400, 30, NUM_ROWS)


def test_rows_are_narrowed_by_severity_code_cause_and_words(settings):
    browser = Browser(settings)
    folder = json.loads(browser.overview({}))["folder"]
    counts = {code["code"]: code["count"] for code in folder["codes"]}
    assert asked(browser, code="row.unreadable")["num"] == counts["row.unreadable"] == 5
    assert asked(browser, severity="warning")["num"] == NUM_ROWS // 2 - 5
    [cause] = folder["codes"][1]["causes"]
    assert asked(browser, cause=cause["cause"])["num"] == cause["count"]
    assert [line["row"] for line in asked(browser, text="rows.jsonl:412")["lines"]] == [412]


@pytest.mark.parametrize(
    "sent", [{"first": -1}, {"code": ["x"]}, {"cause": True}, {"text": 5}, {"first": 1e300}]
)
def test_whatever_a_browser_sends_a_page_of_rows_is_the_answer(settings, sent):
    assert asked(Browser(settings), **sent)["num"] == NUM_ROWS


def test_a_row_is_opened_from_the_file_that_was_audited(settings):
    row = Browser(settings).row(129)
    assert (row.number, row.query[-10:]) == (129, "number 128")
    opened = one_row(settings, row)
    assert Samples(opened).number_of("129") == 129


@pytest.mark.parametrize(
    ("number", "said"),
    [(38, f"there is no file '{MISSING}'"), (12, "must have end after start|start"), (9_999, "among those that were audited")],
)  # fmt: skip
def test_a_row_that_cannot_be_opened_says_why(settings, number, said):
    with pytest.raises(VTGError, match=said):
        Browser(settings).row(number)


def test_rows_are_opened_only_from_the_very_file(settings, tmp_path):
    assert "--annotations rows.jsonl" in Browser(replace(settings, results_file=None)).why_not()
    other = tmp_path / "rows.jsonl"
    other.write_text("{}")
    assert "rows.jsonl has 2 bytes" in Browser(replace(settings, results_file=other)).why_not()
    text = settings.results_file.read_text()
    other.write_text(text.replace("number 128", "number 821"))
    browser = Browser(replace(settings, results_file=other, video_root=settings.results_file.parent))
    assert browser.row(128).number == 128
    with pytest.raises(VTGError, match=r"row 129 of rows\.jsonl must be the one that was audited"):
        browser.row(129)
