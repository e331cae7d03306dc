"""How the page looks, and what it refuses: one set of launch options for the app and its tests."""

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vtg_core.asset_folder import asset_folder

MAX_UPLOAD = "1gb"

# 'unsafe-eval' is forced by Gradio's own HTML component; what keeps text from being code is that we write text only.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
)


def theme() -> gr.themes.Base:
    """Return the theme: system fonts, so that nothing is fetched."""
    return gr.themes.Soft(
        primary_hue="sky",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        block_title_background_fill="none",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_title_padding="0",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_label_background_fill="*background_fill_primary",
        block_label_background_fill_dark="*background_fill_secondary",
        block_info_text_color="*neutral_500",  # Gradio's own greys and blues are too pale to read
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        button_secondary_background_fill_hover_dark="*neutral_500",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
    )


def launch_options(host: str = "127.0.0.1", port: int | None = None) -> dict[str, Any]:
    """Return the options of ``Blocks.launch``: loopback unless told otherwise, no sharing, nothing kept or sent."""
    middleware = [Middleware(_SecurityHeaders)]
    if _is_loopback(host):  # a page of another site cannot reach us under a name of its own
        hosts = ["127.0.0.1", "localhost", "[::1]"]
        middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False))
    return {
        "server_name": host,
        "server_port": port,
        "share": False,
        "theme": theme(),
        "css_paths": [asset_folder() / "dashboard.css", asset_folder() / "probe.css"],
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "max_file_size": MAX_UPLOAD,
        "app_kwargs": {"middleware": middleware},
    }


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _SecurityHeaders:
    """Add the page's policy to every answer, and refuse what a page of another site sends."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _comes_from_elsewhere(scope):
            await PlainTextResponse("This page takes nothing from other sites.", 403)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers)


def _comes_from_elsewhere(scope: Scope) -> bool:
    """Say whether a page of another origin sends something; asking for something is left to the browser's rules."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if scope["method"] in ("GET", "HEAD", "OPTIONS") or origin is None:
        return False
    return urlsplit(origin).netloc != headers.get("host")
