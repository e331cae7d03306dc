"""What *Compare templates* answers about the whole annotation file."""

from typing import Any

from vtg_core.dashboard.layout import Layout
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.visits import Visits


class FileCompareEvents:
    """Handlers of the comparison on every row of the annotation file."""

    def __init__(self, settings: Settings, layout: Layout, visits: Visits) -> None:
        self.settings, self.layout, self.visits = settings, layout, visits

    def connect(self, read_row: dict[str, Any]) -> None:
        """Answer every event; ``read_row`` reads the row of the annotation file that was picked."""
