"""The Loss tab's *Compare templates*: what is where."""

from vtg_core.dashboard.file_compare_tab import FileCompareTab
from vtg_core.dashboard.settings import Settings


class CompareTab:
    """The components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        if settings.annotation_file is not None:
            self.file = FileCompareTab(settings)
