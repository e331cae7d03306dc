"""Start the dashboard: ``python app.py``."""

import argparse
import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from vtg_core.commands.terminal import add_frame_options, add_model_options, frame_policy, quiet_libraries
from vtg_core.errors import AnnotationError, VTGError

if TYPE_CHECKING:
    from vtg_core.dashboard import Settings


def main() -> int:
    """Parse the options, build the page and serve it until it is stopped."""
    options = _parser().parse_args()
    if not options.annotations and (options.video_root or options.clip):
        _parser().error("--video-root and --clip speak of --annotations, which is not given")
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    quiet_libraries()
    try:
        settings = _settings(options)
    except VTGError as error:
        _parser().exit(1, f"error: {error}\n")

    from vtg_core.dashboard import build_dashboard, launch_options

    try:
        socket.getaddrinfo(options.host, None)
        build_dashboard(settings).launch(**launch_options(options.host, options.port))
    except OSError as error:  # no such address, or a port that is taken
        _parser().exit(1, f"error: the page cannot be served at {options.host}: {error}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="VTG Lens: see exactly what your video model is trained on.")
    parser.add_argument("--annotations", type=Path, metavar="F", help="annotation file to pick samples from")
    parser.add_argument(
        "--video-root", type=Path, metavar="D", help="folder with its videos (default: the file's own)"
    )
    parser.add_argument("--clip", action="store_true", help="move window ends past a video to its end")
    parser.add_argument(
        "--collator", default="", metavar="M:F", help="audit this collator too (package.module:name)"
    )
    parser.add_argument(
        "--batch", type=Path, metavar="B", help="audit a saved batch too (.safetensors or torch.save)"
    )
    add_model_options(parser)
    add_frame_options(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=_port, help="port to listen on (default: the first free one from 7860)"
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to 65535, got {text!r}")
    return int(text)


def _settings(options: argparse.Namespace) -> "Settings":
    from vtg_core.annotations import LoadedAnnotations, OnError, load_annotations
    from vtg_core.checkpoints import check_device, check_device_map
    from vtg_core.dashboard.settings import Settings

    if options.batch and not options.batch.is_file():
        raise VTGError(f"--batch must be a file that exists, got {str(options.batch)!r}")
    rows = LoadedAnnotations((), ())
    if options.annotations:
        if options.video_root and not options.video_root.is_dir():
            raise AnnotationError(
                f"--video-root must be a folder that exists, got {str(options.video_root)!r}"
            )
        rows = load_annotations(
            options.annotations, video_root=options.video_root, clip=options.clip, on_error=OnError.SKIP
        )
        if not rows.annotations:
            raise AnnotationError(
                f"none of the {len(rows.skipped):,} rows can be read; the first: {rows.skipped[0]}"
            )
    return Settings(
        checkpoint=options.checkpoint,
        device=check_device(options.device),
        dtype=options.dtype,
        device_map=check_device_map(options.device_map, device=options.device),
        frames=frame_policy(options),
        annotations=rows.annotations,
        skipped=rows.skipped,
        clip=options.clip,
        annotation_file=options.annotations,
        video_root=options.video_root,
        collator=options.collator,
        batch=options.batch,
    )


if __name__ == "__main__":
    raise SystemExit(main())
