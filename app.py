"""Start the dashboard in a checkout: ``python app.py``. Installed, it is called ``vtg-lens``."""

from vtg_core.__main__ import leave_working_folder, main

if __name__ == "__main__":
    leave_working_folder()
    raise SystemExit(main())
