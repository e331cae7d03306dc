"""How the page is served: on this machine only unless told otherwise, under a strict content policy."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from gradio import processing_utils
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vtg_core.dashboard.components import REPORT, SCRIPTS, imported
from vtg_core.dashboard.theme import theme
from vtg_core.files.assets import asset_folder

MAX_UPLOAD = "1gb"
MAX_WAITING = 128
"""So much may wait in the queue; whoever comes then is told, and asks again (``assets/queue.js``)."""

MAX_WAITING_IN_PUBLIC = 16
"""The same where anybody may come."""

MAX_WAITING_OF_ONE = 32
"""So much of it may be one address's: one visitor cannot hold the queue."""

MAX_UPLOAD_OF_VISITORS = "200mb"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
ANY_NAME = ("*",)


# 'unsafe-eval' is forced by Gradio's own HTML component; what keeps text from being code is that we write text only.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
)
AROUND_A_SPACE = " https://huggingface.co https://*.huggingface.co"
"""Whose pages may show a Space inside their own."""


def launch_options(
    host: str = "127.0.0.1",
    port: int | None = None,
    *,
    names: Sequence[str] = LOOPBACK_NAMES,
    auth: tuple[str, str] | None = None,
    is_public: bool = False,
    is_space: bool = False,
    has_tools: bool = False,
) -> dict[str, Any]:
    """Return the options of ``Blocks.launch``: loopback unless told otherwise, no sharing, nothing kept or sent.

    Args:
        host: address to listen on.
        port: to listen on; the first free one from 7860 without one.
        names: the host names under which the page answers, ``ANY_NAME`` for all: a page of another site that made its
            own name mean this machine is refused by them.
        auth: a name and a password to ask for.
        is_public: anybody may come, and may upload less.
        is_space: a Space of Hugging Face serves it, and shows it inside a page of theirs.
        has_tools: the named endpoints are tools of a model too.
    """
    policy = CONTENT_SECURITY_POLICY + (AROUND_A_SPACE if is_space else "")
    middleware = [
        Middleware(_SecurityHeaders, policy=policy),
        Middleware(_Places),
        Middleware(TrustedHostMiddleware, allowed_hosts=list(names), www_redirect=False),
    ]
    return {
        "server_name": host,
        "server_port": port,
        "auth": auth,
        "share": False,
        "theme": theme(),
        "favicon_path": asset_folder() / "favicon.png",
        "css_paths": [
            asset_folder() / f"{name}.css"
            for name in ("dashboard", "frame", "linked_view", "probe", "survey")
        ],
        "head": "".join(
            f"<script>{imported(name)}.then((script) => script.start());</script>"
            for name in ("queue", "idle")
        ),
        "footer_links": ["api"],  # the named endpoints, and nothing else
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "max_file_size": MAX_UPLOAD_OF_VISITORS if is_public else MAX_UPLOAD,
        "mcp_server": has_tools,
        "app_kwargs": {
            "middleware": middleware,
            "routes": [Route(REPORT, _empty_report), Mount(SCRIPTS, _Scripts(directory=asset_folder()))],
        },
    }


def refuse_addresses() -> None:
    """Let Gradio fetch nothing: where a file belongs, whoever sends a request may name an address of the web instead."""

    async def refuse(url: str, cache_dir: str) -> str:
        raise gr.Error("A file must be uploaded: no address is fetched.", print_exception=False)

    processing_utils.async_ssrf_protected_download = refuse


def _empty_report(request: Request) -> HTMLResponse:
    """Answer with the report that holds nothing yet."""
    from vtg_core.views.report.document import empty_document

    return HTMLResponse(empty_document(), headers={"cache-control": "no-cache"})


class _Scripts(StaticFiles):
    """Serve the page's scripts, and nothing else of their folder.

    A browser asks each time whether a script has changed: one of an older page would not fit its others.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not path.endswith(".js"):
            return PlainTextResponse("There is no such script.", 404)
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "no-cache"
        return response


class _SecurityHeaders:
    """Add the page's policy to every answer, and refuse what a page of another site sends."""

    def __init__(self, app: ASGIApp, policy: str = CONTENT_SECURITY_POLICY) -> None:
        self.app, self.policy = app, policy.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _comes_from_elsewhere(scope):
            await PlainTextResponse("This page takes nothing from other sites.", 403)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    (b"content-security-policy", self.policy),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers)


class _Places:
    """Refuses a place in the queue where there is none, or the visitor has enough, and says how many wait."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith("/queue/join"):
            waiting = _waiting(scope)
            own = waiting.count((scope.get("client") or ("",))[0])
            if own >= MAX_WAITING_OF_ONE or len(waiting) >= MAX_WAITING:
                who = "this address has" if own >= MAX_WAITING_OF_ONE else "others have"
                told = {
                    "detail": f"The page is busy: {who} all the places in its queue.",
                    "waiting": len(waiting),
                }
                await JSONResponse(told, 429)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _waiting(scope: Scope) -> list[str]:
    """Return the address of each request that waits in the page's queue."""
    queue = scope["app"].get_blocks()._queue
    events = (event for one in queue.event_queue_per_concurrency_id.values() for event in one.queue)
    return [event.request.client.host if event.request.client else "" for event in events]


def _comes_from_elsewhere(scope: Scope) -> bool:
    """Say whether a page of another origin sends something; asking for something is left to the browser's rules."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if scope["method"] in ("GET", "HEAD", "OPTIONS") or origin is None:
        return False
    return urlsplit(origin).netloc != headers.get("host")
