"""``python -m vtg_core``, and what ``vtg-lens`` and ``app.py`` call: the program, which Ctrl-C ends quietly."""

import os
import sys


def main() -> int:
    """Run the program; return its exit status, 130 where it was interrupted before there was anything to show."""
    try:
        from vtg_core.commands.start import main as start

        return start()
    except KeyboardInterrupt:
        return 130


def leave_working_folder() -> None:
    """Import nothing from the folder that a person works in: a ``tqdm.py`` there is theirs, and not the library.

    A collator of theirs is looked for there all the same, by who loads it.
    """
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]


if __name__ == "__main__":
    leave_working_folder()
    sys.exit(main())
