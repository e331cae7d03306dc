import pytest

from vtg_core.audit.checks.units import RowTimes, check_units


def rows(times, declared=None, durations=(30.0,), fps=10.0):
    """A row for each pair of times, the videos' durations in turn."""
    return [
        RowTimes(f"a.json:{i}", pair, declared, durations[i % len(durations)], fps)
        for i, pair in enumerate(times)
    ]


@pytest.mark.parametrize(
    ("times", "declared", "unit", "factor"),
    [
        ((0.1, 0.9), 1, "fractions of the duration", 30.0),
        ((10, 25), 100, "percent of the duration", 0.3),
        ((80, 140), 300, "frame numbers", 0.1),
        ((8000, 14000), 30000, "milliseconds", 0.001),
        ((1026, 1180), 30, "centiseconds", 0.01),
        ((80, 140), None, "frame numbers", 0.1),
    ],
)
def test_a_unit_is_told_from_duration_or_overrun_with_its_factor(times, declared, unit, factor):
    (finding,) = check_units(rows([times], declared))
    assert (finding.code, finding.evidence["unit"]) == ("time.unit-suspected", unit)
    assert finding.evidence["factor"] == pytest.approx([factor, factor])


def test_fractions_chunks_and_minutes_need_the_whole_file():
    (fractions,) = check_units(rows([(0.1, 0.9), (0.2, 0.3), (0.5, 0.96)]))
    assert fractions.evidence["unit"].startswith("fractions")
    (chunks,) = check_units(rows([(i % 5, i % 5 + 1) for i in range(12)]))
    assert (chunks.evidence["unit"], chunks.evidence["factor"]) == ("chunks of 5 s", [5.0, 5.0])
    (minutes,) = check_units(rows([(0.1, 1.0 + i / 100) for i in range(12)], durations=(120.0,)))
    assert minutes.evidence["unit"].startswith("MM.SS")


@pytest.mark.parametrize(
    ("times", "declared"),
    [
        ([(0.1, 0.9)], None),
        ([(8, 14), (0.2, 0.8), (0.5, 1.0)], 30.0),
        ([(i, i + 12) for i in range(15)], 30.2),
        ([(20, 33)], 30),
    ],
)
def test_honest_seconds_are_no_unit(times, declared):
    assert list(check_units(rows(times, declared))) == []


def test_choices_of_whole_numbers_that_end_where_they_begin_are_chunks():
    (finding,) = check_units(rows([(2, 2, 2, 2, 0, 0, 2, 2)]))
    assert (finding.evidence["unit"], finding.evidence["factor"]) == ("chunks of 5 s", [5.0, 5.0])
    assert list(check_units(rows([(2, 4, 4, 5, 8, 9)]))) == []


def test_rows_on_which_all_annotators_agree_are_chunks_where_others_of_the_file_are():
    given = [(2, 2, 2, 2, 0, 0, 2, 2), (2, 5, 2, 5, 1, 5, 2, 5), (1, 3, 1, 4, 2, 5), (1.5, 3)]
    (finding,) = check_units(rows([tuple(map(float, times)) for times in given]))
    assert finding.evidence["count"] == 3
    assert "--format didemo" in finding.message
