"""The person's video: the page reads their file, byte for byte; what the browser plays is a preview of it.

Which file is read stands on the server, in a ``gr.State``, and only the server says so: it is an example, a row of
the annotation file, or an upload. Gradio's own video component is not used: it brings 32 MB of ffmpeg to a first
visit, and where ffmpeg is installed it converts a file and gives back the conversion.
"""

import json
from pathlib import Path

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from vtg_core.dashboard.components import script_component
from vtg_core.video.timeline import shown_name


def build_player(first: Path | None) -> gr.HTML:
    """Return the player, with a preview of ``first`` in it.

    Its script fires ``upload`` when a file has arrived, and ``clear`` when a person takes the video away.
    """
    player = script_component("player", elem_id="video", label="Video", events=("upload", "clear"))
    if first is not None:
        player.value = preview_of(first, player)
        player.keep_in_cache.update(player.temp_files)  # it is on every page that is opened from now on
    return player


def preview_of(video: Path, player: gr.HTML) -> str:
    """Return what ``player`` is told of a file, as JSON: its name, and a copy of it that the browser may ask for.

    The copy has the same bytes and goes when the server stops. It is None where there can be none, and where a
    browser that plays playlists would ask for what the file names.
    """
    try:
        copy = None if _is_playlist(video) else save_file_to_cache(video, player.GRADIO_CACHE)
    except OSError:  # the disk is full: the page can read the file all the same
        copy = None
    if copy is not None:
        player.temp_files.add(copy)
    return json.dumps({"name": shown_name(video), "path": copy})


def uploaded_file(value: object) -> str | None:
    """Return the path of the file that a browser has uploaded; None where it was never uploaded here.

    Args:
        value: what the player's script sent, as :func:`preview_of` writes it. Whoever can reach the page can send
            another path, and it is not looked at where it leads out of the folder of uploads.
    """
    try:
        path = Path(json.loads(value)["path"]).resolve() if isinstance(value, str) else None
    except (ValueError, TypeError, LookupError, RecursionError, OSError):
        return None
    if path is None or not path.is_relative_to(Path(get_upload_folder()).resolve()):
        return None
    return str(path)


def _is_playlist(video: Path) -> bool:
    with video.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"#EXTM3U")
