"""Start here: the page, or a command of the terminal.

``vtg-lens`` where it is installed, ``python app.py`` in a checkout and ``python -m vtg_core`` are one program.
"""

import argparse
import getpass
import logging
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import vtg_core
from vtg_core.chat.bounded_rendering import bounded_templates
from vtg_core.commands import cli
from vtg_core.commands.answer_option import add_one_language_option
from vtg_core.commands.terminal import (
    add_frame_options,
    add_model_options,
    add_reading_options,
    frame_policy,
    plain,
    quiet_libraries,
    reading,
    tell,
    tell_format,
    template_change,
    terminable,
)
from vtg_core.errors import AnnotationError, VTGError
from vtg_core.files.upload_folder import upload_folder

if TYPE_CHECKING:
    from vtg_core.dashboard import Settings
    from vtg_core.data.annotations import LoadedAnnotations


PASSWORD = "VTG_LENS_PASSWORD"
"""The environment variable with the password of ``--auth``: what stands on a command line, others can read."""

EVERYWHERE = "0.0.0.0"
LOOPBACK = "127.0.0.1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that stands first, or serve the page until it is stopped; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with bounded_templates():
        if given and not given[0].startswith("-"):
            return cli.main(given)
        return _page(given)


def _page(given: Sequence[str]) -> int:
    parser = page_parser()
    options = parser.parse_args(given)
    try:
        _look_around(options)
    except VTGError as error:
        parser.error(plain(str(error)))
    if options.command is not None:
        parser.error(f"a command stands first: {parser.prog} {options.command} [options]")
    if not options.annotations and options.clip and not options.video_root:
        parser.error(
            "--clip speaks of the rows of --annotations, or of files under --video-root: give one of them"
        )
    if bool(options.endpoint) != bool(options.model):
        parser.error(
            "--endpoint and --model belong together: the server, and the model by the name that it has there"
        )
    if options.endpoint and options.public:
        parser.error("--endpoint would let every visitor of --public ask your server: leave one of them out")
    if not (_is_loopback(options.host) or options.public or options.allow_host):
        parser.error(
            f"--host {options.host} lets other machines in: say under which names with --allow-host NAME, or any with --public"
        )
    return _serve(options)


def _look_around(options: argparse.Namespace) -> None:
    """Fill in what the options leave to the environment.

    Raises:
        VTGError: a variable makes no sense.
    """
    around = Environment.read(os.environ)
    options.host, options.port = options.host or around.host, options.port or around.port
    options.public, options.is_space = options.public or around.is_space, around.is_space


def page_parser() -> argparse.ArgumentParser:
    """Return the parser of the page's options; its help names the commands too."""
    prog = cli.program()
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [options]\n       {prog} COMMAND [options]",
        description="VTG Lens: see exactly what your video model is trained on. Without a command, serve the page.",
    )
    parser.add_argument("--version", action="version", version=f"vtg-lens {vtg_core.__version__}")
    parser.add_argument("--annotations", type=Path, metavar="F", help="annotation file to pick samples from")
    add_reading_options(parser)
    parser.add_argument(
        "--collator",
        default="",
        metavar="M:F",
        help="audit this collator too (package.module:name, or a framework by its name)",
    )
    parser.add_argument(
        "--batch", type=Path, metavar="B", help="audit a saved batch too (.safetensors or torch.save)"
    )
    add_model_options(parser)
    add_frame_options(parser)
    add_one_language_option(parser)
    parser.add_argument(
        "--endpoint", default="", metavar="URL",
        help="let templates grow on the page, by a model behind this OpenAI-compatible server, up to /v1",
    )  # fmt: skip
    parser.add_argument(
        "--model", default="", metavar="NAME", help="of --endpoint: the model, as the server calls it"
    )
    parser.add_argument(
        "--host", help="address to listen on (default: $GRADIO_SERVER_NAME, or else this machine only)"
    )
    parser.add_argument(
        "--port",
        type=_port,
        help="port to listen on (default: $GRADIO_SERVER_PORT, or else the first free one from 7860)",
    )
    parser.add_argument(
        "--allow-host", action="append", type=_host_name, default=[], metavar="NAME",
        help="a host name, besides this machine's own, under which the page answers (may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--public", action="store_true",
        help="answer under any host name, to whoever reaches the address, within smaller bounds for each: uploads, frames, "
        "who waits",
    )  # fmt: skip
    parser.add_argument(
        "--auth",
        metavar="USER",
        help=f"ask for this name and a password, ${PASSWORD} or asked for at the start",
    )
    parser.add_argument(
        "--mcp", action="store_true", help="offer inspect, audit, loss and compare as tools to a model (MCP)"
    )
    cli.add_commands(parser)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got {text!r}")
    return int(text)


def _host_name(text: str) -> str:
    if not re.fullmatch(r"(\*\.)?[\w-]+(\.[\w-]+)*|\[[\da-fA-F:]+\]", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            f"must be a host name without a port, or *. and a domain, got {text!r}"
        )
    return text


@dataclass(frozen=True)
class Environment:
    """Where the page listens unless an option says otherwise.

    Attributes:
        host: an address.
        port: None for the first free one from 7860.
        is_space: a Space runs it: it is public, and shown inside another page.
    """

    host: str = LOOPBACK
    port: int | None = None
    is_space: bool = False

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> "Environment":
        """Read the variables that Gradio knows, and those of a Space.

        ``GRADIO_SERVER_NAME`` lets nobody in by itself: whoever listens elsewhere than on this machine must say who
        may come. ``PORT`` is for a Space alone: elsewhere it may be meant for another program.

        Raises:
            VTGError: a port is none.
        """
        is_space = bool(variables.get("SPACE_ID"))
        name = "GRADIO_SERVER_PORT" if variables.get("GRADIO_SERVER_PORT") else "PORT"
        port = variables.get(name, "") if is_space or name != "PORT" else ""
        host = variables.get("GRADIO_SERVER_NAME") or (EVERYWHERE if is_space else LOOPBACK)
        return cls(host, _port_of(name, port) if port else None, is_space)


def _port_of(name: str, text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= 65_535:
        raise VTGError(f"{name} must be a port from 1 to 65535, got {text[:40]!r}")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    quiet_libraries()
    with terminable(), upload_folder():  # before Gradio is imported, which asks for its folder once
        return _serve_from_here(options)


def _serve_from_here(options: argparse.Namespace) -> int:
    try:
        settings, auth = page_settings(options), _credentials(options)
    except VTGError as error:
        tell(f"error: {plain(str(error))}")
        return 1

    from vtg_core.dashboard import build_dashboard, launch_options
    from vtg_core.dashboard.api.tools import answer_in_json

    try:
        socket.getaddrinfo(options.host, None)
        if not _is_loopback(options.host):
            tell(_exposed(options, settings))
        if options.mcp:
            answer_in_json()
        where = launch_options(
            options.host, options.port, names=_names(options), auth=auth, is_public=options.public,
            is_space=options.is_space, has_tools=options.mcp,
        )  # fmt: skip
        build_dashboard(settings).launch(**where)
    except OSError as error:  # no such address, or a port that is taken
        tell(f"error: the page cannot be served at {plain(options.host)}: {plain(str(error))}")
        return 1
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _names(options: argparse.Namespace) -> Sequence[str]:
    from vtg_core.dashboard.serving import ANY_NAME, LOOPBACK_NAMES

    return ANY_NAME if options.public else (*LOOPBACK_NAMES, *options.allow_host)


def _credentials(options: argparse.Namespace) -> tuple[str, str] | None:
    """Return the name and the password to ask for; None where none is.

    Raises:
        VTGError: there is no password.
    """
    if not options.auth:
        return None
    password = os.environ.get(PASSWORD, "")
    if not password and sys.stdin.isatty():
        password = getpass.getpass(f"password for {plain(options.auth)}: ")
    if not password:
        raise VTGError(f"--auth needs a password: put it into the environment variable {PASSWORD}")
    return options.auth, password


def _exposed(options: argparse.Namespace, settings: "Settings") -> str:
    """Return one sentence about what other machines get, for who starts the page."""
    rows = f", and read {settings.num_in_file:,} rows and their videos" if settings.annotations else ""
    asked = "with a password" if options.auth else "without a password (--auth USER asks for one)"
    who = "any name" if options.public else ", ".join(map(plain, options.allow_host))
    return (
        f"other machines can reach this page as {who}, {asked}: they can upload videos and run the model{rows}; "
        "what they send is not encrypted"
    )


def page_settings(options: argparse.Namespace) -> "Settings":
    """Return what the page is started with.

    Raises:
        VTGError: an option names what is not there, or contradicts another one.
    """
    if options.batch and not options.batch.is_file():
        raise VTGError(f"--batch must be a file that exists, got {str(options.batch)!r}")
    if options.mcp and find_spec("mcp") is None:
        raise VTGError("--mcp needs the package mcp, which is not installed: pip install 'gradio[mcp]'")
    from vtg_core.checkpoints.adapters import check_adapter
    from vtg_core.checkpoints.four_bits import check_four_bits
    from vtg_core.checkpoints.placement import check_device, check_device_map
    from vtg_core.checkpoints.versions import check_versions
    from vtg_core.dashboard.settings import Settings, for_visitors
    from vtg_core.data.wording.growth.endpoint import check_url

    check_versions()
    frames, rows = frame_policy(options), _rows(options)
    return Settings(
        checkpoint=options.checkpoint,
        device=check_device(options.device),
        dtype=options.dtype,
        device_map=check_device_map(options.device_map, device=options.device),
        adapter=check_adapter(options.adapter),
        load_in_4bit=check_four_bits(options.load_in_4bit),
        template=template_change(options),
        frames=for_visitors(frames) if options.public else frames,
        annotations=rows.annotations,
        unreadable=rows.unreadable,
        annotation_file=options.annotations,
        **reading(options),
        collator=options.collator,
        batch=options.batch,
        is_public=options.public,
        language=options.language,
        endpoint=check_url(options.endpoint) if options.endpoint else "",
        writer=options.model,
    )


def _rows(options: argparse.Namespace) -> "LoadedAnnotations":
    from vtg_core.data.annotations import LoadedAnnotations, OnError, load_annotations
    from vtg_core.data.answer_forms.reading import windows_said

    for root in options.video_root or ():
        if not Path(root).is_dir():
            raise AnnotationError(f"--video-root must be a folder that exists, got {root!r}")
    if not options.annotations:
        return LoadedAnnotations((), ())
    rows = load_annotations(
        options.annotations, **reading(options), on_error=OnError.SKIP, read_windows=windows_said
    )
    if not rows.annotations:  # the page says of each why
        tell(
            f"warning: none of the {len(rows.skipped):,} rows can be read; the first: {plain(rows.skipped[0])}"
        )
    tell_format(rows)
    return rows
