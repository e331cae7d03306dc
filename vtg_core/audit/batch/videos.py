"""The videos and images of a batch: as many as its rows show, each its own row's, and as much of each as is asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vtg_core.audit.batch.arrays import as_array, listed, shape_of, shown
from vtg_core.audit.batch.split import RowMedia, Split, split
from vtg_core.audit.codes.batch import OTHERS_VIDEO, VIDEOS_DIFFER
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds, is_one_of
from vtg_core.audit.row.pictures import are_same_pictures, marks_of
from vtg_core.audit.row.row import Known
from vtg_core.audit.row.videos import image_id, video_ids


@dataclass(frozen=True)
class Medium:
    """The columns of one kind of media.

    Attributes:
        noun: one of them.
        grid, pixels: the names of its columns.
        processor: the attribute of the processor that makes them.
    """

    noun: str
    grid: str
    pixels: str
    processor: str


VIDEO = Medium("video", "video_grid_thw", "pixel_values_videos", "video_processor")
IMAGE = Medium("image", "image_grid_thw", "pixel_values", "image_processor")


@dataclass(frozen=True, eq=False)
class _Media:
    """The media of one kind in a batch.

    Attributes:
        medium: see :class:`Medium`.
        grids: int64, shape (N, 3).
        num_patches: of each.
        num_features: of each, each of them on one placeholder.
        rows: what each row shows.
        owners: for each grid the rows whose own video it is, as far as its pixels tell.
    """

    medium: Medium
    grids: np.ndarray
    num_patches: list[int]
    num_features: list[int]
    rows: list[RowMedia]
    owners: list[frozenset[int]]


def media_of(
    batch: Mapping[str, Any],
    ids: np.ndarray,
    chat: ChatIds,
    known: Sequence[Known | None],
    numbers: Sequence[int],
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Give each row its grids and seconds, and say where the batch has others than its rows show.

    A row whose own video has another size than its placeholders is left to the checks of the row, and so is one that
    shows no placeholder.

    Args:
        batch: as the collator returned it.
        ids: int64, shape (B, L).
        chat: what the ids mean.
        known: what is known of each row's sample.
        numbers: the rows' numbers.
    """
    of_rows: list[dict[str, Any]] = [{} for _ in ids]
    findings: list[Finding] = []
    for medium in (VIDEO, IMAGE):
        value = batch.get(medium.grid)
        if value is None:
            continue
        grids = _grids(medium, value)
        if isinstance(grids, Finding):
            findings.append(grids)
            continue
        marks = marks_of(batch.get(medium.pixels)) if medium is VIDEO else None
        media = _media(medium, grids, marks, ids, chat, known)
        handed = split(media.num_features, media.rows, media.owners)
        for of_row, positions in zip(of_rows, handed.of_rows, strict=True):
            of_row |= _given(media, batch, positions)
        if medium is VIDEO:
            _give_marks(of_rows, marks, media, handed)
        differ = list(_differ(media, handed, numbers))
        findings += [*differ, *_others(media, handed, numbers), *_patches_differ(batch, media)]
    return of_rows, findings


SECONDS_NAMES = ("second_per_grid_ts", "video_second_per_grid")
"""What processors call the seconds of a step of the grid: Qwen2.5-VL's, and those of the Omni models."""
MARKS = "marks"
"""What the pictures of a row are known by, among its media."""


MAX_PATCHES = 2**20
"""No video has as many along one axis; the product of three such numbers is an int64."""


def _grids(medium: Medium, value: Any) -> np.ndarray | Finding:
    grids = as_array(value)
    if grids is None or grids.ndim != 2 or grids.shape[1] != 3 or not len(grids):
        return _no_grids(medium, shown(value))
    is_one = ((grids > 0) & (grids < MAX_PATCHES)).all(axis=1)  # not so for NaN either
    return grids.astype(np.int64) if is_one.all() else _no_grids(medium, str(grids[~is_one][0].tolist()))


def _no_grids(medium: Medium, came: str) -> Finding:
    return VIDEOS_DIFFER.finding(
        f"{medium.grid} must be numbers above 0 of shape (N, 3), one row a {medium.noun}, got {came}."
    )


def _media(
    medium: Medium,
    grids: np.ndarray,
    marks: np.ndarray | None,
    ids: np.ndarray,
    chat: ChatIds,
    known: Sequence[Known | None],
) -> _Media:
    merge = int(getattr(getattr(chat.processor, medium.processor, None), "merge_size", 1)) ** 2
    token = video_ids(chat).video if medium is VIDEO else image_id(chat)
    placeholders = is_one_of(ids, chat.media_ids if token is None else (token,)).sum(axis=1).tolist()
    own = [len(k.grid) if medium is VIDEO and k is not None and k.grid is not None else None for k in known]
    patches = grids.prod(axis=1).tolist()
    owners = _owners(marks, patches, known) if medium is VIDEO else [frozenset[int]()] * len(grids)
    rows = [RowMedia(p, num) for p, num in zip(placeholders, own, strict=True)]
    return _Media(medium, grids, patches, [count // merge for count in patches], rows, owners)


def _owners(
    marks: np.ndarray | None, patches: Sequence[int], known: Sequence[Known | None]
) -> list[frozenset[int]]:
    """Return for each video of the batch the rows whose own pictures it shows."""
    nobody = [frozenset[int]() for _ in patches]
    if marks is None or len(marks) != sum(patches):
        return nobody
    own = [(i, video) for i, row in enumerate(known) if row is not None for video in _marks_by_video(row)]
    if len({i for i, _ in own}) < 2:
        return nobody
    parts = np.split(marks, np.cumsum(patches)[:-1])
    return [frozenset(i for i, video in own if are_same_pictures(part, video)) for part in parts]


def _marks_by_video(known: Known) -> list[np.ndarray]:
    """Return the marks of each video of a sample; none where they are not known."""
    if known.marks is None or known.grid is None:
        return []
    patches = known.grid.prod(axis=1)
    return np.split(known.marks, np.cumsum(patches)[:-1]) if patches.sum() == len(known.marks) else []


def _given(media: _Media, batch: Mapping[str, Any], positions: range) -> dict[str, Any]:
    of_row: dict[str, Any] = {media.medium.grid: media.grids[positions.start : positions.stop]}
    name = next((name for name in SECONDS_NAMES if batch.get(name) is not None), SECONDS_NAMES[0])
    seconds = as_array(batch.get(name)) if media.medium is VIDEO else None
    if seconds is not None and seconds.shape == (len(media.grids),):
        of_row["second_per_grid_ts"] = seconds[positions.start : positions.stop].astype(float)
    return of_row


def _give_marks(
    of_rows: Sequence[dict[str, Any]], marks: np.ndarray | None, media: _Media, handed: Split
) -> None:
    """Give each row the marks of its own pictures, where the batch has as many patches as its grids ask for."""
    if marks is None or len(marks) != sum(media.num_patches):
        return
    borders = np.concatenate([[0], np.cumsum(media.num_patches)])
    for of_row, positions in zip(of_rows, handed.of_rows, strict=True):
        of_row[MARKS] = marks[borders[positions.start] : borders[positions.stop]]


def _differ(media: _Media, handed: Split, numbers: Sequence[int]) -> Iterator[Finding]:
    """Yield the rows that have placeholders and no grid, and the grids that are no row's."""
    medium, total = media.medium, len(media.grids)
    for row, positions, number in zip(media.rows, handed.of_rows, numbers, strict=True):
        expected, came = sum(media.num_features[at] for at in positions), row.num_placeholders
        if not came or expected == came or (len(positions) and medium is VIDEO):
            continue
        named = f"the {_counted(total, 'grid')} of {medium.grid}"
        had = f"{listed(positions)} of them ask for {expected:,}" if positions else "none of them is its own"
        yield VIDEOS_DIFFER.finding(
            f"The row has {came:,} placeholders of {medium.noun}s; of {named} {had}.",
            row=number,
            evidence={"grids": total, "expected": expected, "placeholders": came},
        )
    without = sum(row.num_known or 0 for row in media.rows if not row.num_placeholders)
    if len(handed.unused) > without:  # a row that shows no placeholder is told of as such
        asked = [media.num_features[at] for at in handed.unused]
        owners = {numbers[i] for at in handed.unused for i in media.owners[at]}
        yield VIDEOS_DIFFER.finding(
            f"{_counted(len(asked), 'grid')} of the {total:,} of {medium.grid} {'is' if len(asked) == 1 else 'are'} no "
            f"row's: no row has the {sum(asked):,} placeholders.",
            row=owners.pop() if len(owners) == 1 else None,
            evidence={"grids": total, "unused": list(handed.unused)[:20], "expected": sum(asked)},
        )


def _others(media: _Media, handed: Split, numbers: Sequence[int]) -> Iterator[Finding]:
    """Yield the rows whose video shows another row's pictures and not their own."""
    for i, positions in enumerate(handed.of_rows):
        theirs = [media.owners[at] for at in positions if media.owners[at] and i not in media.owners[at]]
        if theirs:
            others = sorted({numbers[j] for owner in theirs for j in owner})
            yield OTHERS_VIDEO.finding(
                f"The pixels that stand for this row's video are those of {listed(others)}.",
                row=numbers[i],
                evidence={"rows": others},
            )


def _patches_differ(batch: Mapping[str, Any], media: _Media) -> Iterator[Finding]:
    """Say where pixels and grids differ; not where placeholders do, which the rows' checks tell."""
    shape, expected = shape_of(batch.get(media.medium.pixels)), sum(media.num_patches)
    if shape is None or len(shape) != 2 or shape[0] == expected:
        return
    if sum(media.num_features) != sum(row.num_placeholders for row in media.rows):
        return
    message = (
        f"{media.medium.grid} asks for {expected:,} rows of {media.medium.pixels}, and it has {shape[0]:,}."
    )
    yield VIDEOS_DIFFER.finding(message, evidence={"expected_patches": expected, "patches": shape[0]})


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' if number != 1 else ''}"
