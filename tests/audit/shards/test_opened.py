"""A folder of results is looked at a page of rows at a time, and refused where it is none."""

import json
from collections import Counter

import pytest

from tests.benchmarks._results import write_results
from vtg_core.audit.shards.opened.results import Results
from vtg_core.audit.shards.opened.search import RowFilter, Search
from vtg_core.errors import VTGError

NUM_ROWS, PER_SHARD = 430, 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_results(tmp_path_factory.mktemp("results") / "out", NUM_ROWS, per_shard=PER_SHARD).path


@pytest.fixture(scope="module")
def results(folder):
    return Results(folder)


def found(results, **wanted):
    search = Search(results, RowFilter(**wanted))
    search.look(float("inf"), seconds=60)
    assert search.is_done
    return search.rows(0, NUM_ROWS)


def code(name):
    return frozenset([name])


def test_any_few_rows_are_read_in_the_order_of_the_file(results):
    assert results.num_rows == NUM_ROWS
    assert [line.row for line in results.lines(95, 10)] == list(range(95, 105))
    assert [line.row for line in results.lines(428, 10)] == [428, 429]
    assert [line.row for line in results.lines_of([3, 99, 100, 429])] == [3, 99, 100, 429]


def test_rows_are_counted_by_code_and_cause(results):
    counts = {one["code"]: one["rows"] for one in results.codes}
    lines = results.lines(0, NUM_ROWS)
    assert counts == Counter(f.code for line in lines for f in line.findings)
    assert results.codes[0]["code"] == "row.unreadable"
    of_code = Counter()
    for name, _, rows in results.causes:
        of_code[name] += rows
    assert of_code == counts


def test_a_filter_takes_the_rows_that_have_what_is_looked_for(results):
    assert found(results, codes=code("row.unreadable")) == list(range(11, NUM_ROWS, 100))
    assert found(results, words=("clip_0123.mp4",)) == [123]
    assert found(results, words=("70",), codes=code("mask.header-trained"))[:2] == [69, 169]
    cause = next(one[:2] for one in results.causes if one[0] == "row.unreadable")
    assert found(results, cause=cause) == list(range(11, NUM_ROWS, 100))
    assert found(results, words=("nowhere",)) == []


def test_a_search_stops_where_a_page_is_full_and_goes_on_when_asked(results, monkeypatch):
    monkeypatch.setattr("vtg_core.audit.shards.opened.search.SHARDS_AT_ONCE", 1)
    search = Search(results, RowFilter(codes=code("time.window-without-frame")))
    search.look(10, seconds=60)
    assert (search.num_found >= 10, search.is_done) == (True, False)
    first = search.rows(2, 3)
    search.look(float("inf"), seconds=60)
    assert search.is_done
    assert search.rows(2, 3) == first


def test_an_audit_that_goes_on_says_how_far_it_is(tmp_path):
    part = write_results(tmp_path / "out", 150, per_shard=PER_SHARD, is_partial=True)
    results = Results(part.path)
    assert (results.is_partial, results.num_rows, results.causes) == (True, 150, [])
    before = {one["code"]: one["rows"] for one in results.codes}
    part.write_shard(2, next(iter(part.shards.values())).read_bytes())
    with pytest.raises(VTGError, match="a row is in two of its shards"):
        results.look_again()
    assert before["row.unreadable"] == 2


def _torn(path):
    shard = path / "rows" / "0000001.parquet"
    shard.write_bytes(shard.read_bytes()[:50])


def _fewer(path):
    (path / "rows" / "0000001.parquet").unlink()


def _other(path):
    (path / "manifest.json").write_text(json.dumps({"schema": "vtg-lens-survey/1"}))


def _empty(path):
    (path / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_torn, "0000001.parquet in it is no whole shard"),
        (_fewer, "speaks of 230 rows and its shards hold 130"),
        (_other, "its manifest.json is none of an audit's"),
        (_empty, "holds no manifest.json"),
    ],
)
def test_a_folder_that_is_none_of_ours_is_refused_in_one_sentence(tmp_path, spoil, said):
    path = write_results(tmp_path / "out", 230, per_shard=PER_SHARD).path
    spoil(path)
    with pytest.raises(VTGError, match=f"^--results must name a folder that .* is none: .*{said}"):
        Results(path)


def test_an_audit_that_has_only_begun_has_no_row_yet(tmp_path):
    results = Results(write_results(tmp_path / "out", 0, is_partial=True).path)
    assert (results.num_rows, results.codes, results.lines(0, 10), results.lines_of([3])) == (0, [], [], [])
    assert found(results, words=("anything",)) == []
