"""The page: Gradio, which calls the core and draws its views. No mask, no loss and no rule of the audit is in here."""

from vtg_core.dashboard.events.page import build_dashboard
from vtg_core.dashboard.serving import launch_options
from vtg_core.dashboard.settings import Settings

__all__ = ["Settings", "build_dashboard", "launch_options"]
