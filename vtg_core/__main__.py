"""``python -m vtg_core``, and what ``vtg-lens`` and ``app.py`` call: the program, which Ctrl-C ends quietly."""

import sys


def main() -> int:
    """Run the program; return its exit status, 130 where it was interrupted before there was anything to show."""
    try:
        from vtg_core.commands.start import main as start

        return start()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
