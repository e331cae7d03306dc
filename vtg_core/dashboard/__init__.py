"""The page: Gradio and nothing else. It calls the core and draws its views."""

from vtg_core.dashboard.events import build_dashboard
from vtg_core.dashboard.settings import Settings
from vtg_core.dashboard.theme import launch_options

__all__ = ["Settings", "build_dashboard", "launch_options"]
