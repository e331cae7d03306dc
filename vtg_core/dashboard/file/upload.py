"""An annotation file that a person uploads: its videos are looked for under the roots of the page's start, nowhere else."""

from dataclasses import replace
from pathlib import Path

from vtg_core.dashboard.settings import Settings
from vtg_core.data.annotations import Annotation, AnnotationReader, UnreadableRow
from vtg_core.data.answer_forms.reading import windows_said
from vtg_core.data.formats.registry import AUTO
from vtg_core.errors import AnnotationError, VTGError


def open_upload(settings: Settings, path: Path) -> Settings:
    """Return the settings of a page that looks at an uploaded file.

    Args:
        settings: what the page was started with.
        path: the file, where Gradio has put it.

    Raises:
        VTGError: the page has no roots, or the file is too large, cannot be read, or holds no row that can be.
    """
    if not settings.takes_files:
        raise VTGError("the page must know where videos are; start it with --video-root FOLDER")
    max_bytes, max_rows = settings.max_upload
    if (size := path.stat().st_size) > max_bytes:
        raise AnnotationError(
            f"an uploaded file must have at most {max_bytes // 1_000_000:,} MB, got {size / 1e6:,.0f} MB; "
            "start the page with --annotations FILE instead"
        )
    given = replace(settings, annotation_file=path, video_root=settings.roots, format=AUTO)
    readable, unreadable = list[Annotation](), list[UnreadableRow]()
    for row in AnnotationReader(path, **given.reading, read_windows=windows_said):
        if isinstance(row, Annotation):
            readable.append(row)
        else:
            unreadable.append(row)
        if len(readable) + len(unreadable) > max_rows:
            raise AnnotationError(
                f"an uploaded file must have at most {max_rows:,} rows; start the page with --annotations FILE instead"
            )
    if not readable:
        why = f"the first: {unreadable[0].reason}" if unreadable else "it is empty"
        raise AnnotationError(
            f"{path.name} must hold a row that can be read, got none of {len(unreadable):,}; {why}"
        )
    return replace(given, annotations=tuple(readable), unreadable=tuple(unreadable))
