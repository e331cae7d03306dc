"""Which file a row's video is: under which root, with which extension, in whose folder."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from vtg_core.bounded_cache import BoundedCache
from vtg_core.data.formats.row import Row, is_unicode, shown
from vtg_core.errors import AnnotationError

VIDEO_SUFFIXES = frozenset((".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".mpg", ".mpeg", ".flv", ".ts", ".gif", ".wmv", ".3gp"))  # fmt: skip
MAX_INDEXED_FILES = 500_000
MAX_KEPT_VIDEOS = 50_000
"""So many videos are remembered, by what rows call them; the rows of one mostly stand together."""

MAX_KEPT_FOLDERS = 10_000

VIDEO_ID = "{video_id}"
CLIP_TOLERANCE_SECONDS = 0.01


class VideoFinder:
    """Finds the files of rows; counts what is missing, and what is called otherwise than its row says.

    Args:
        roots: folders with the videos, the first one first; no file outside them is ever found.
        name: how files are called, with ``{video_id}`` in it; empty where rows name them.

    Attributes:
        renamed: what each row's video was called and what its file is called, where they differ.
        missing: what each video is called that has no file.

    Raises:
        AnnotationError: ``name`` has no ``{video_id}``.
    """

    def __init__(self, roots: Sequence[Path], name: str = "") -> None:
        if name and VIDEO_ID not in name:
            raise AnnotationError(f"--video-name must hold {VIDEO_ID}, got {shown(name)}")
        self.roots, self.name = tuple(roots), name
        self.renamed: dict[str, str] = {}
        self.missing: dict[str, None] = {}
        self._indexes = [VideoIndex(root) for root in self.roots]
        self._folders: list[dict[str, str]] = [{} for _ in self.roots]
        self._found: BoundedCache[Path] = BoundedCache(MAX_KEPT_VIDEOS)

    def find(self, row: Row, where: str, start: float | None = None, end: float | None = None) -> Path:
        """Return the file of a row's video; where there is none, the path at which it was looked for first.

        Args:
            row: names the video.
            where: its place, for messages.
            start, end: the part of the video that the row speaks of, in seconds, where it says.

        Raises:
            AnnotationError: the name is no path within the roots, or several files could be meant.
        """
        field, given = row.video.name, row.video.value
        plain = self.named(given)
        key = (plain, row.names, start, end) if isinstance(plain, str) else ()

        def looked_for() -> Path:
            expected = [
                resolve_video(plain, root, where, field, folders=folders)
                for root, folders in zip(self.roots, self._folders, strict=True)
            ]
            return self._find(row, plain, expected, where, start, end)

        return self._found.get(key, looked_for)

    def named(self, given: Any) -> Any:
        """Return what the file of a video is called that its row calls ``given``, before it is looked for."""
        return self.name.replace(VIDEO_ID, given) if self.name and isinstance(given, str) else given

    def told(self) -> str:
        """Say in a line what is missing and what is called otherwise; empty where every row's own name was right."""
        parts = []
        if self.renamed:
            was, now = next(iter(self.renamed.items()))
            parts.append(
                f"{len(self.renamed):,} found under another name, such as {shown(was)} as {shown(now)}"
            )
        if self.missing:
            tried = "the name itself, other extensions, folders of that name" if not self.name else self.name
            named = ", ".join(shown(name) for name in [*self.missing][:3])
            roots = ", ".join(str(root) for root in self.roots)
            parts.append(f"{len(self.missing):,} missing under {roots}, such as {named} (tried: {tried})")
        return "videos: " + "; ".join(parts) if parts else ""

    def _find(
        self,
        row: Row,
        plain: str,
        expected: Sequence[Path],
        where: str,
        start: float | None,
        end: float | None,
    ) -> Path:
        for path in expected:
            if os.path.isfile(path):  # False too for what no file can be called
                return path
        for name in () if self.name else (plain, *row.names):
            for index in self._indexes:
                found = index.named(name, start, end)
                if len(found) > 1:
                    several = ", ".join(shown(str(path.relative_to(index.root))) for path in found[:3])
                    raise AnnotationError(
                        f"{where}, field '{row.video.name}': must be one file, and {several} could be meant; "
                        "name the files with --video-name or give another --video-root"
                    )
                if found:
                    if not row.is_id or found[0].stem != PurePosixPath(plain).name:
                        self.renamed.setdefault(plain, found[0].relative_to(index.root).as_posix())
                    return found[0]
        self.missing.setdefault(plain)
        return expected[0]


class VideoIndex:
    """The video files under a folder, by what they could be called; read once, when it is first asked.

    Args:
        root: the folder. Links to files are followed, wherever they lead: its owner made them. Links to folders are not,
            which may go round.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def named(self, name: str, start: float | None = None, end: float | None = None) -> list[Path]:
        """Return the files that ``name`` could mean, by the first rule that finds one; links to one file are one.

        The rules: a file of that name elsewhere; with another extension; with ``v_`` before it or without; a clip
        called ``name_start_end``; the one video in a folder of that name.
        """
        found = self._called(name, start, end)
        return (
            list({path.resolve(): path for path in reversed(found)}.values())[::-1]
            if len(found) > 1
            else found
        )

    def _called(self, name: str, start: float | None, end: float | None) -> list[Path]:
        base = PurePosixPath(name.replace("\\", "/")).name
        suffix = PurePosixPath(base).suffix.lower()
        stem = base[: -len(suffix)] if suffix in VIDEO_SUFFIXES else base
        same = [path for path in self._by_stem.get(stem, ()) if os.path.basename(path) == base]
        if suffix in VIDEO_SUFFIXES and same:
            return list(map(Path, same))
        for other in (stem, stem.removeprefix("v_") if stem.startswith("v_") else f"v_{stem}"):
            if other in self._by_stem:
                return list(map(Path, self._by_stem[other]))
        if start is not None and end is not None:
            ends = (start, end)
            clips = [
                p
                for *own, p in self._clips.get(stem, ())
                if max(map(_apart, own, ends)) < CLIP_TOLERANCE_SECONDS
            ]
            if clips:
                return list(map(Path, clips))
        return [Path(self._by_folder[folder]) for folder in (stem, f"v_{stem}") if folder in self._by_folder][
            :1
        ]

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for path in self._files:
            found[_stem(path)].append(path)
        return dict(found)

    @cached_property
    def _by_folder(self) -> dict[str, str]:
        """The one video in each folder that has one."""
        found = defaultdict(list)
        for path in self._files:
            folder = os.path.dirname(path)
            if folder != str(self.root):
                found[os.path.basename(folder)].append(path)
        return {name: paths[0] for name, paths in found.items() if len(paths) == 1}

    @cached_property
    def _clips(self) -> dict[str, list[tuple[float, float, str]]]:
        found = defaultdict(list)
        for path in self._files:
            if match := _CLIP.fullmatch(_stem(path)):
                found[match[1]].append((float(match[2]), float(match[3]), path))
        return dict(found)

    @cached_property
    def _files(self) -> list[str]:
        """The paths of all videos as texts, which take a tenth of the time; the nearest to the root first."""
        return sorted(self._walk(), key=lambda path: (path.count(os.sep), path))

    def _walk(self) -> Iterator[str]:
        """Yield the files of the folder and its folders; none, where it cannot be read."""
        folders, count = [str(self.root)], 0
        while folders:
            try:
                entries = list(os.scandir(folders.pop()))
            except OSError:
                continue
            for entry in entries:
                if (count := count + 1) > MAX_INDEXED_FILES:
                    return
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif os.path.splitext(entry.name)[1].lower() in VIDEO_SUFFIXES and entry.is_file():
                    yield entry.path


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _apart(a: float, b: float) -> float:
    return abs(a - b)


_CLIP = re.compile(r"(.+)_(\d{1,9}(?:\.\d{1,9})?)_(\d{1,9}(?:\.\d{1,9})?)")


def resolve_video(
    name: Any, root: Path, where: str, field_name: str = "video", *, folders: dict[str, str] | None = None
) -> Path:
    """Return the path of the video ``name`` under ``root``, links followed wherever they lead: the root's owner made them.

    Args:
        name: as a row gives it.
        root: the folder with the videos.
        where: the row's place, for messages.
        field_name: the row's field.
        folders: where folders under ``root`` really are, by their names there; grows, so that many videos of one folder
            are found without following its path for each of them.

    Raises:
        AnnotationError: ``name`` is a URL, or leads out of ``root`` by ``..`` or as an absolute path.
    """
    folders = {} if folders is None else folders
    if not isinstance(name, str) or not name.strip() or "\0" in name or not is_unicode(name):
        raise AnnotationError(
            f"{where}, field '{field_name}': must be a path under the video root, got {shown(name)}"
        )
    if "://" in name or name.lower().startswith(("data:", "file:", "http:", "https:")):
        raise AnnotationError(f"{where}, field '{field_name}': must be a path, not a URL, got {shown(name)}")
    steps = PurePosixPath(name.replace("\\", "/"))
    is_up = ".." in steps.parts
    if is_up or (os.path.isabs(name) and not (root / name).is_relative_to(root)):
        by = "by '..'" if is_up else "as an absolute path"
        raise AnnotationError(
            f"{where}, field '{field_name}': must stay under the video root, and {shown(name)} leads out of it {by}; "
            "set video_root to a folder that holds every video"
        )
    inside, base = os.path.split(name)
    try:
        if inside not in folders:
            if len(folders) >= MAX_KEPT_FOLDERS:
                folders.clear()
            folders[inside] = str((root / inside).resolve())
        path = os.path.join(folders[inside], base)
        return Path(path).resolve() if os.path.islink(path) else Path(path)
    except (OSError, RuntimeError):
        raise AnnotationError(
            f"{where}, field '{field_name}': must be a path that can be followed, got {shown(name)}"
        ) from None
