"""What *Compare templates* answers."""

from typing import Any

from vtg_core.dashboard.file_compare_events import FileCompareEvents
from vtg_core.dashboard.layout import Layout
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.visits import Visits


class CompareEvents:
    """Handlers of the comparison of templates, on the sample on screen."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits

    def connect(self, read_row: dict[str, Any]) -> None:
        """Answer every event; ``read_row`` reads the row of the annotation file that was picked."""
        if self.settings.annotation_file is not None:
            FileCompareEvents(self.settings, self.layout, self.visits).connect(read_row)
