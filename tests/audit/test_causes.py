from vtg_core.audit.codes.audit import UNREADABLE
from vtg_core.audit.report import Report, RowFindings


def test_each_distinct_cause_of_unreadable_rows_is_kept_with_its_rows():
    report = Report("rows")
    causes = (
        "is empty (0 bytes)",
        "is cut short: 5 of 9 frames",
        "is empty (0 bytes)",
        "is cut short: 7 of 20 frames",
    )
    for row, cause in enumerate(causes):
        where = f"rows.json:{row + 1}"
        report.add(RowFindings(row, where, (UNREADABLE.finding(f"{where}: clip_{row}.mp4 {cause}."),), False))
    assert [(places, count) for _, places, count in report.causes(UNREADABLE.name)] == [
        (["rows.json:1", "rows.json:3"], 2),
        (["rows.json:2", "rows.json:4"], 2),
    ]
