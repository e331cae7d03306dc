"""The report of an audit in parts, from its shards alone: one of them is read at a time."""

from vtg_core.audit.causes import CauseTally
from vtg_core.audit.report import Report
from vtg_core.audit.shards.folder import SUMMARY, ResultsFolder
from vtg_core.audit.shards.table import read_shard
from vtg_core.audit.shards.video_index import ProbedVideos
from vtg_core.errors import VTGError


def fill_report(report: Report, folder: ResultsFolder) -> int:
    """Take into a report what the shards hold, and write which codes and causes are in how many rows beside them.

    Args:
        report: knows already which rows are looked at twice.
        folder: with the shards.

    Returns:
        How many rows all shards hold, those that cannot be read among them.

    Raises:
        VTGError: a shard is damaged, or holds a row that another one holds; the counts cannot be written.
    """
    num_rows, last, tally = 0, -1, CauseTally()
    shards = folder.shards
    for path in shards.values():
        counts, rows = read_shard(path)
        for row in rows:
            if row.row is not None and row.row <= last:
                raise VTGError(
                    f"a row must be in one shard, and {path.name} holds row {row.row} of another one"
                )
            report.num_rows -= row.row is not None
            report.num_audited -= row.row is not None and row.is_audited
            report.add(row)
            tally.add(row)
        report.num_rows += counts.readable
        report.num_audited += counts.audited
        num_rows, last = num_rows + counts.rows, max(last, counts.last)
    folder.write_json(SUMMARY, {"shards": len(shards), **tally.as_dict()})
    return num_rows


def fill_beside(report: Report, folder: ResultsFolder) -> None:
    """Take into a report what concerns no row alone.

    Raises:
        VTGError: its shard is damaged.
    """
    if folder.beside.is_file():
        for row in read_shard(folder.beside)[1]:
            report.add(row)


def videos_dict(videos: ProbedVideos) -> dict[str, object]:
    """Return what is known of the videos, as values that JSON can hold; the first of those that cannot be read."""
    return {
        **videos.counts(),
        "missing_videos": [video.path for video in videos.broken(is_missing=True)],
        "damaged_videos": [
            {"path": video.path, "reason": video.reason} for video in videos.broken(is_missing=False)
        ],
    }
