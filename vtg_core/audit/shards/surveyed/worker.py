"""Who looks at a block of rows for a survey: one a process, with its own finder of videos and what it counts tokens with."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vtg_core.audit.shards.setup import Block
from vtg_core.audit.shards.surveyed.table import SurveyedRow, content_of
from vtg_core.audit.shards.table import digest_of
from vtg_core.audit.shards.worker import Result, Shard, Task
from vtg_core.audit.survey.row_facts import facts_of
from vtg_core.audit.survey.run import count_tokens
from vtg_core.audit.survey.tokens import TokenCounter, TokenRules
from vtg_core.checkpoints.loading import load_checkpoint
from vtg_core.checkpoints.template_change import TemplateChange
from vtg_core.data.annotations import AnnotationReader
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.data.formats.registry import Found
from vtg_core.data.formats.row import Row
from vtg_core.templates import TemplateSelector
from vtg_core.video.plan import FramePolicy


@dataclass(frozen=True, kw_only=True)
class Counting:
    """How tokens are counted; see :class:`vtg_core.audit.survey.tokens.TokenRules`.

    Attributes:
        checkpoint: its name.
        change: what is added to its chat template.
        frames: which frames are taken.
        selector: chooses the template of each row, by the row's place in the file.
    """

    checkpoint: str
    change: TemplateChange
    frames: FramePolicy
    selector: TemplateSelector

    def counter(self) -> TokenCounter:
        """Return what counts them.

        Raises:
            CheckpointError: the checkpoint cannot be loaded.
        """
        processor = load_checkpoint(self.checkpoint, template=self.change).processor
        return TokenCounter(TokenRules(processor, self.frames, self.selector))


@dataclass(frozen=True)
class SurveySetup:
    """How rows are looked at; it can be sent to another process.

    Attributes:
        file: the annotation file.
        reading: how it is read, as :class:`vtg_core.data.annotations.AnnotationReader` takes it.
        counting: how tokens are counted; None where they are not.
        folder: that paths are relative to; empty for the current one.
    """

    file: str
    reading: Mapping[str, Any] = field(default_factory=dict)
    counting: Counting | None = None
    folder: str = ""

    @property
    def probes(self) -> bool:
        """Whether the videos of rows are probed before them: what a survey asks of one is in its first bytes."""
        return False

    def begin(self) -> "SurveyWorker":
        """Return who looks at rows this way, in whichever process this is.

        Raises:
            VTGError: the file or the checkpoint cannot be read.
        """
        return SurveyWorker(self)


class SurveyWorker:
    """Does one block after the other.

    Args:
        setup: how rows are looked at.
    """

    def __init__(self, setup: SurveySetup) -> None:
        if setup.folder:
            with suppress(OSError):
                os.chdir(setup.folder)
        self._reader = AnnotationReader(Path(setup.file), **setup.reading, read_windows=windows_said)
        self._counter = setup.counting.counter() if setup.counting is not None else None

    def do(self, task: Task) -> Result:
        """Do a block."""
        assert isinstance(task, Block), "no video is probed by itself"
        rows = [self._looked_at(found) for _, found in task.rows]
        return Shard(task.number, content_of(rows), len(rows))

    def _looked_at(self, found: Found) -> SurveyedRow:
        facts, finder, row = facts_of(self._reader, found), self._reader.finder, found.row
        if not isinstance(row, Row):
            return SurveyedRow(facts)
        counted = None if self._counter is None else count_tokens(self._counter, facts, found.number - 1)
        named = finder.named(row.video.value)
        if not isinstance(named, str) or not (named in finder.renamed or named in finder.missing):
            named = ""
        return SurveyedRow(facts, counted, digest_of(row.raw), named, finder.renamed.get(named, ""))
