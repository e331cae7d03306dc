"""What is known of the rows of a file, as a table of Parquet: written by those who look, read for the survey."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vtg_core.audit.shards.table import text_of
from vtg_core.audit.survey.kinds import KINDS
from vtg_core.audit.survey.row_facts import RowFacts
from vtg_core.data.annotations import Annotation
from vtg_core.errors import VTGError

if TYPE_CHECKING:
    import pyarrow

SURVEY_COLUMNS = {
    "row": "position in the annotation file, from 0",
    "id": "file and line it was read from, and the row's number where it is no line's",
    "content": "a digest of what the file says in it; empty where it could not be read",
    "video": "path of its video; empty where the row could not be read",
    "named": "what the row calls its video, where there is no file of it, or one of another name",
    "renamed": "what the file of its video is called then; null where there is none",
    "query": "what it asks for; empty where it could not be read",
    "readable": "whether it could be read",
    "there": "whether its video has a file",
    "windows": "as the file has them, each start and end in seconds",
    "declared": "the duration that the row says, in seconds; null where it says none",
    "duration": "of the video or its clip, in seconds; null where it is not known",
    "fps": "of the video's file; null where there is none",
    "problems": "each with the figure that counts it, and a sentence",
    "tokens": "how many it has; null where they were not counted",
    "uncounted": "why it cannot be made into tokens; null where it can, or they were not counted",
}
"""The columns of a part of a survey, and what is in each."""


@dataclass(frozen=True)
class SurveyedRow:
    """What is known of a row, and how its video was found.

    Attributes:
        facts: of the row.
        counted: see :meth:`vtg_core.audit.survey.run.Surveyor.take`.
        content: a digest of what the file says in it.
        named: what the row calls its video, where there is no file of it, or one of another name; empty otherwise.
        renamed: what the file is called then; empty where there is none.
    """

    facts: RowFacts
    counted: int | str | None = None
    content: str = ""
    named: str = ""
    renamed: str = ""


def schema() -> "pyarrow.Schema":
    """Return the columns with their types."""
    import pyarrow as pa

    types = {
        "row": pa.int64(), "readable": pa.bool_(), "there": pa.bool_(), "tokens": pa.int32(),
        "windows": pa.list_(pa.list_(pa.float64())), "declared": pa.float64(), "duration": pa.float64(),
        "fps": pa.float64(), "problems": pa.list_(pa.struct([("figure", pa.string()), ("said", pa.string())])),
    }  # fmt: skip
    return pa.schema([(name, types.get(name, pa.string())) for name in SURVEY_COLUMNS])


def content_of(rows: list[SurveyedRow]) -> bytes:
    """Return rows as a file of Parquet; equal rows give equal bytes."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    file = io.BytesIO()
    write_table(pa.Table.from_pylist(list(map(_line, rows)), schema=schema()), file, compression="zstd")
    return file.getvalue()


def read_rows(path: Path) -> Iterator[SurveyedRow]:
    """Yield the rows of a part.

    Raises:
        VTGError: it is no whole part.
    """
    import pyarrow as pa
    from pyarrow.parquet import read_table

    try:
        table = read_table(path, schema=schema())
    except (pa.ArrowException, OSError, ValueError):
        raise VTGError(
            f"a shard must be a whole file of Parquet, and {path.name} is none; remove it and run again with --resume"
        ) from None
    for batch in table.to_batches(max_chunksize=1_000):
        yield from map(_row_of, batch.to_pylist())


def _line(row: SurveyedRow) -> dict[str, Any]:
    facts, annotation = row.facts, row.facts.annotation
    is_counted = isinstance(row.counted, int)
    return {
        "row": facts.number - 1,
        "id": text_of(facts.where),
        "content": row.content,
        "video": text_of(str(annotation.video)) if annotation is not None else "",
        "named": text_of(row.named) or None,
        "renamed": text_of(row.renamed) or None,
        "query": text_of(annotation.query) if annotation is not None else "",
        "readable": annotation is not None,
        "there": facts.is_there,
        "windows": [list(pair) for pair in facts.pairs],
        "declared": annotation.duration if annotation is not None else None,
        "duration": facts.duration,
        "fps": facts.fps,
        "problems": [{"figure": kind.name, "said": text_of(said)} for kind, said in facts.problems],
        "tokens": row.counted if is_counted else None,
        "uncounted": text_of(str(row.counted)) if row.counted is not None and not is_counted else None,
    }


def _row_of(line: Mapping[str, Any]) -> SurveyedRow:
    annotation = Annotation(Path(line["video"]), line["query"], (), line["declared"], line["id"], line["row"])
    facts = RowFacts(
        number=line["row"] + 1,
        where=line["id"],
        annotation=annotation if line["readable"] else None,
        pairs=tuple((start, end) for start, end in line["windows"]),
        duration=line["duration"],
        fps=line["fps"],
        is_there=line["there"],
        problems=tuple(
            (_KINDS[one["figure"]], one["said"]) for one in line["problems"] if one["figure"] in _KINDS
        ),
    )
    counted = line["uncounted"] if line["tokens"] is None else line["tokens"]
    return SurveyedRow(facts, counted, line["content"], line["named"] or "", line["renamed"] or "")


_KINDS = {kind.name: kind for kind in KINDS}
