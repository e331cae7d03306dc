"""Whether a row shows the videos of its sample: all of them, as videos.

Source of the faults: unsloth#5136 and #5085.
"""

import numpy as np

from vtg_core.audit.codes.length import AS_IMAGES, VIDEO_MISSING, VIDEOS_TOO_FEW
from vtg_core.audit.findings import Finding
from vtg_core.audit.row.cuts import num_features, num_placeholders
from vtg_core.audit.row.row import Known, Row
from vtg_core.audit.row.videos import find_blocks, image_id, video_ids


def missing_videos(row: Row) -> Finding | None:
    """Say where a row shows fewer videos than its sample has; None where it shows them all, or nothing is known."""
    known = row.known
    if known is None or known.grid is None or not len(known.grid) or video_ids(row.chat).video is None:
        return None
    if not num_placeholders(row):
        return _without(row, len(known.grid))
    came = num_shown_videos(row, known)
    if came >= len(known.grid):
        return None
    return VIDEOS_TOO_FEW.finding(
        f"The row shows {came:,} of the {len(known.grid):,} videos of its sample.",
        row=row.number,
        evidence={"row": came, "sample": len(known.grid)},
        regions=row.regions(~row.is_padding & (row.ids == video_ids(row.chat).video)),
    )


def num_shown_videos(row: Row, known: Known) -> int:
    """Return how many videos a row shows: as many as it has grids; without any, as many as its markers say.

    Where a pair of markers stands around each frame and none around all of them, the pairs are counted as the frames
    that the sample's own grids have.
    """
    grids = row.media.get("video_grid_thw")
    if grids is not None and len(grids):
        return len(grids)
    blocks = find_blocks(row.own_ids, row.chat)
    came = sum(block.num_videos for block in blocks)
    if known.grid is None or any(block.is_nested for block in blocks):
        return came
    is_framed = came == int(known.grid[:, 0].sum()) and num_placeholders(row) <= num_features(row, known.grid)
    return len(known.grid) if is_framed else came


def _without(row: Row, num_videos: int) -> Finding:
    """Tell a row that shows images from one that shows nothing."""
    image = image_id(row.chat)
    is_image = ~row.is_padding & (row.ids == image) if image is not None else np.zeros(len(row), dtype=bool)
    evidence = {"videos": num_videos, "image_placeholders": int(is_image.sum())}
    if not is_image.any():
        videos = "1 video" if num_videos == 1 else f"{num_videos:,} videos"
        message = (
            f"The sample has {videos}, and none of the row's {len(row.own_ids):,} tokens is a placeholder."
        )
        return VIDEO_MISSING.finding(message, row=row.number, evidence=evidence)
    starts = is_image & ~np.concatenate([[False], is_image[:-1]])
    grids = row.media.get("image_grid_thw")
    num_images = len(grids) if grids is not None and len(grids) else int(starts.sum())
    return AS_IMAGES.finding(
        f"The row has {int(is_image.sum()):,} placeholders of images ({num_images:,} images) and none of a video.",
        row=row.number,
        evidence=evidence | {"images": num_images},
        regions=row.regions(is_image),
    )
