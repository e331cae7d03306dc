"""What a sample of rows says of a file."""

import pytest

from vtg_core.audit.codes.audit import UNREADABLE
from vtg_core.audit.rates import Rate
from vtg_core.audit.report import Report, RowFindings


@pytest.mark.parametrize(
    ("rate", "low", "high"),
    [(Rate(0, 2_000), 0.0, 0.001917), (Rate(5, 10), 0.2366, 0.7634), (Rate(10, 10), 0.7225, 1.0)],
)
def test_the_interval_is_wilsons(rate, low, high):
    assert rate.interval == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (Rate(0, 2_000), "0 of 2,000, below 0.2 % at 95 %"),
        (Rate(3, 300), "3 of 300, 1 %, 0.34 % to 2.9 % at 95 %"),
        (Rate(10, 10), "10 of 10, above 72.2 % at 95 %"),
    ],
)
def test_a_rate_is_said_in_words(rate, said):
    assert rate.in_words == said


def test_a_row_counts_once_whatever_is_found_in_it():
    report = Report("rows", num_drawn=4)
    finding = UNREADABLE.finding("It is empty.", row=1)
    report.add(RowFindings(None, "rows.json:2", (finding, finding), False))
    assert {name: rate.count for name, rate in report.rates.items()} == {
        "any error": 1, "any warning": 0, UNREADABLE.name: 1,
    }  # fmt: skip
