"""The page: Gradio, and nothing that a command would need too. It calls the core and draws its views."""

from vtg_core.dashboard.events.page import build_dashboard
from vtg_core.dashboard.serving import launch_options
from vtg_core.dashboard.settings import Settings

__all__ = ["Settings", "build_dashboard", "launch_options"]
