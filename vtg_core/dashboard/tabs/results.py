"""A folder of results, under *File*: what is where."""

from vtg_core.dashboard.components import script_component


class ResultsTab:
    """The components, built where they are made; nothing here answers an event."""

    def __init__(self) -> None:
        self.view = script_component(
            "file_results",
            elem_id="file-results",
            label="Results in a folder",
            events=("look", "turn", "pick", "show_row"),
        )
