"""The videos of a batch: as many as its rows show, and as much of each as their placeholders ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vtg_core.audit.batch.arrays import as_array, shape_of, shown
from vtg_core.audit.codes.batch import VIDEOS_DIFFER
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.chat_ids import ChatIds, is_one_of
from vtg_core.audit.row.pictures import marks_of
from vtg_core.audit.row.row import Known
from vtg_core.audit.row.videos import video_ids


@dataclass(frozen=True, eq=False)
class Videos:
    """The videos of a batch.

    Attributes:
        grids: int64, shape (N, 3).
        num_patches: of each video.
        num_features: of each video, each of them on one placeholder.
        num_placeholders: of each row.
        num_known: how many videos each row's sample has; None where that is not known of every row.
    """

    grids: np.ndarray
    num_patches: list[int]
    num_features: list[int]
    num_placeholders: list[int]
    num_known: list[int] | None


def media_of(
    batch: Mapping[str, Any], ids: np.ndarray, chat: ChatIds, known: Sequence[Known | None]
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """Give each row its videos' grids and seconds, and say where the batch has others than its rows show.

    Where it cannot be told whose videos they are, no row is given any. A row whose own video has another size than
    its placeholders is left to the checks of the row.

    Args:
        batch: as the collator returned it.
        ids: int64, shape (B, L).
        chat: what the ids mean.
        known: what is known of each row's sample.
    """
    nothing: list[dict[str, Any]] = [{} for _ in ids]
    value = batch.get("video_grid_thw")
    if value is None:
        return nothing, []
    grids = as_array(value)
    if grids is None or grids.ndim != 2 or grids.shape[1] != 3:
        return nothing, [_no_grids(shown(value))]
    is_video = ((grids > 0) & (grids < MAX_PATCHES)).all(axis=1)  # not so for NaN either
    if not is_video.all():
        return nothing, [_no_grids(str(grids[~is_video][0].tolist()))]
    videos = _videos(grids.astype(np.int64), ids, chat, known)
    counts = _split(videos)
    if counts is None:
        return nothing, [_numbers_differ(videos)]
    name = next((name for name in SECONDS_NAMES if batch.get(name) is not None), SECONDS_NAMES[0])
    seconds = as_array(batch.get(name))
    media = _given(videos.grids, seconds, counts)
    _give_marks(media, marks_of(batch.get("pixel_values_videos")), videos, counts)
    return media, _patches_differ(batch, videos)


SECONDS_NAMES = ("second_per_grid_ts", "video_second_per_grid")
"""What processors call the seconds of a step of the grid: Qwen2.5-VL's, and those of the Omni models."""
MARKS = "marks"
"""What the pictures of a row are known by, among its media."""


MAX_PATCHES = 2**20
"""No video has as many along one axis; the product of three such numbers is an int64."""


def _no_grids(came: str) -> Finding:
    return VIDEOS_DIFFER.finding(
        f"video_grid_thw must be numbers above 0 of shape (N, 3), one row a video, got {came}."
    )


def _videos(grids: np.ndarray, ids: np.ndarray, chat: ChatIds, known: Sequence[Known | None]) -> Videos:
    merge = int(getattr(getattr(chat.processor, "video_processor", None), "merge_size", 1)) ** 2
    video = video_ids(chat).video
    placeholders = is_one_of(ids, chat.media_ids if video is None else (video,)).sum(axis=1)
    patches = grids.prod(axis=1).tolist()
    of_rows = [len(k.grid) if k is not None and k.grid is not None else None for k in known]
    num_known = [count for count in of_rows if count is not None]
    return Videos(
        grids=grids,
        num_patches=patches,
        num_features=[count // merge for count in patches],
        num_placeholders=placeholders.tolist(),
        num_known=num_known if len(num_known) == len(of_rows) else None,
    )


def _split(videos: Videos) -> list[int] | None:
    """Return how many videos each row has; None where that cannot be told."""
    if videos.num_known is not None:
        return videos.num_known if sum(videos.num_known) == len(videos.grids) else None
    counts, at = [], 0
    for wanted in videos.num_placeholders:
        start = at
        while wanted > 0 and at < len(videos.grids):
            wanted -= videos.num_features[at]
            at += 1
        counts.append(at - start)
        if wanted:
            break
    else:
        if at == len(videos.grids):
            return counts
    if len(videos.num_placeholders) == 1:
        return [len(videos.grids)]
    return [1] * len(videos.grids) if len(videos.grids) == len(videos.num_placeholders) else None


def _given(grids: np.ndarray, seconds: np.ndarray | None, counts: Sequence[int]) -> list[dict[str, Any]]:
    media, at = [], 0
    for count in counts:
        of_row: dict[str, Any] = {
            "video_grid_thw": grids[at : at + count]
        }  # seconds by one name, whichever came
        if seconds is not None and seconds.shape == (len(grids),):
            of_row["second_per_grid_ts"] = seconds[at : at + count].astype(float)
        media.append(of_row)
        at += count
    return media


def _give_marks(
    media: Sequence[dict[str, Any]], marks: np.ndarray | None, videos: Videos, counts: Sequence[int]
) -> None:
    """Give each row the marks of its own pictures, where the batch has as many patches as its grids ask for."""
    if marks is None or len(marks) != sum(videos.num_patches):
        return
    borders = np.concatenate([[0], np.cumsum(videos.num_patches)])
    at = 0
    for of_row, count in zip(media, counts, strict=True):
        of_row[MARKS] = marks[borders[at] : borders[at + count]]
        at += count


def _numbers_differ(videos: Videos) -> Finding:
    expected, came = sum(videos.num_features), sum(videos.num_placeholders)
    evidence = {"videos": len(videos.grids), "expected": expected, "placeholders": came}
    samples = ""
    if videos.num_known is not None:
        evidence["videos_of_samples"] = sum(videos.num_known)
        samples = f", and the samples have {sum(videos.num_known):,} videos"
    return VIDEOS_DIFFER.finding(
        f"video_grid_thw names {len(videos.grids):,} videos, which ask for {expected:,} placeholders; the rows have "
        f"{came:,} placeholders{samples}.",
        evidence=evidence,
    )


def _patches_differ(batch: Mapping[str, Any], videos: Videos) -> list[Finding]:
    """Say where pixels and grids differ; not where placeholders do, which the rows' checks tell."""
    shape, expected = shape_of(batch.get("pixel_values_videos")), sum(videos.num_patches)
    if shape is None or len(shape) != 2 or shape[0] == expected:
        return []
    if sum(videos.num_features) != sum(videos.num_placeholders):
        return []
    message = f"video_grid_thw asks for {expected:,} rows of pixel_values_videos, and it has {shape[0]:,}."
    return [VIDEOS_DIFFER.finding(message, evidence={"expected_patches": expected, "patches": shape[0]})]
