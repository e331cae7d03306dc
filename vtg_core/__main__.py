"""``python -m vtg_core``."""

import sys

from vtg_core.cli import main

sys.exit(main())
