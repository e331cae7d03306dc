"""*Compare templates* on the whole annotation file: what is where."""

from vtg_core.dashboard.settings import Settings


class FileCompareTab:
    """The components, built where they are made; nothing here answers an event."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
