"""Start the dashboard in a checkout: ``python app.py``. Installed, it is called ``vtg-lens``."""

from vtg_core.__main__ import main

if __name__ == "__main__":
    raise SystemExit(main())
