"""``python -m vtg_core``."""

import sys

try:
    from vtg_core.commands.cli import main

    status = main()
except KeyboardInterrupt:
    status = 130
sys.exit(status)
