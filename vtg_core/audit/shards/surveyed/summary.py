"""The survey of a file in parts, from its parts alone: one of them is read at a time."""

from vtg_core.audit.shards.folder import ResultsFolder
from vtg_core.audit.shards.surveyed.table import read_rows
from vtg_core.audit.survey.run import Surveyor
from vtg_core.errors import VTGError


def fill_survey(surveyor: Surveyor, folder: ResultsFolder) -> int:
    """Take into a survey what the parts hold; return how many rows they do.

    Raises:
        VTGError: a part is damaged, or holds a row that another one holds.
    """
    num_rows, last, finder = 0, 0, surveyor.reader.finder
    for path in folder.shards.values():
        for row in read_rows(path):
            if row.facts.number <= last:
                raise VTGError(
                    f"a row must be in one shard, and {path.name} holds row {row.facts.number} of another one"
                )
            last, num_rows = row.facts.number, num_rows + 1
            if row.renamed:
                finder.renamed.setdefault(row.named, row.renamed)
            elif row.named:
                finder.missing.setdefault(row.named)
            surveyor.take(row.facts, row.counted)
    return num_rows
