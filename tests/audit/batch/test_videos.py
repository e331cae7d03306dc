"""Each row's own video: none, too few, another row's, or images in its place; told at that row, whatever the batch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from vtg_core.audit.batch.split import RowMedia, split
from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.findings import Severity
from vtg_core.audit.row.pictures import marks_of
from vtg_core.audit.row.videos import find_blocks, image_id, video_ids
from vtg_core.regions import IGNORE_INDEX

PER_VIDEO = ("video_grid_thw", "second_per_grid_ts")
NOBODY = (frozenset(),) * 9


def bad(good):
    found = check_batch(good.batch, good.chat, good.known).findings
    return [(f.code, f.row) for f in found if f.severity in (Severity.ERROR, Severity.WARNING)]


def batch_of(good, rows, media):
    """A batch of rows of ids, which end as the samples do, padded on the right."""
    length = max(len(ids) for ids in rows)
    ids = torch.full((len(rows), length), good.chat.pad_id)
    labels, mask = torch.full_like(ids, IGNORE_INDEX), torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = torch.as_tensor(row), 1
        own = torch.as_tensor(good.known[i].tokens.labels(None))
        tail = own[int((own != IGNORE_INDEX).nonzero()[0]) :]
        labels[i, len(row) - len(tail) : len(row)] = tail
    return replace(good, batch={"input_ids": ids, "labels": labels, "attention_mask": mask, **media})


def without_video(ids, chat):
    block = find_blocks(ids, chat)[0]
    return np.concatenate([ids[: block.start], ids[block.end :]])


def media_of_row(good, row):
    grids = good.batch["video_grid_thw"]
    patches = torch.split(good.batch["pixel_values_videos"], grids.prod(dim=1).tolist())
    return {"pixel_values_videos": patches[row]} | {
        n: good.batch[n][row : row + 1] for n in PER_VIDEO if n in good.batch
    }


@pytest.mark.parametrize("missing", [0, 1])
def test_a_row_without_its_video_is_an_error_at_that_row(every_good, missing):
    rows = [known.tokens.input_ids for known in every_good.known]
    rows[missing] = without_video(rows[missing], every_good.chat)
    broken = batch_of(every_good, rows, media_of_row(every_good, 1 - missing))
    assert bad(broken) == [("length.video-missing", missing)]


def test_a_row_without_its_video_is_an_error_in_a_batch_of_its_own(every_good):
    row = without_video(every_good.known[0].tokens.input_ids, every_good.chat)
    alone = replace(every_good, known=every_good.known[:1])
    assert bad(batch_of(alone, [row], {})) == [("length.video-missing", 0)]


def test_a_video_of_another_row_is_told_by_its_pixels_at_both_rows(every_good, video):
    grids = every_good.batch["video_grid_thw"]
    assert len(grids) == 2
    own = every_good.batch["pixel_values_videos"][: int(grids[0].prod())].numpy()
    other = own + 1
    known = [every_good.known[0], replace(every_good.known[0], marks=marks_of(other))]
    media = {
        n: every_good.batch[n][:1].repeat(2, *[1] * (every_good.batch[n].ndim - 1))
        for n in PER_VIDEO
        if n in every_good.batch
    }
    media["pixel_values_videos"] = torch.as_tensor(np.concatenate([other, own]))
    swapped = batch_of(replace(every_good, known=known), [k.tokens.input_ids for k in known], media)
    assert bad(swapped) == [("batch.video-of-another-row", 0), ("batch.video-of-another-row", 1)]
    media["pixel_values_videos"] = torch.as_tensor(np.concatenate([own, other]))
    assert bad(batch_of(swapped, [k.tokens.input_ids for k in known], media)) == []


def test_images_in_the_place_of_a_video_are_said_to_be_images(good):
    ids = good.known[0].tokens.input_ids.copy()
    ids[ids == video_ids(good.chat).video] = image_id(good.chat)
    grids = good.batch["video_grid_thw"][:1]
    media = {"image_grid_thw": grids, "pixel_values": torch.zeros(int(grids.prod()), 4)}
    alone = replace(good, known=good.known[:1])
    assert ("length.video-as-images", 0) in bad(batch_of(alone, [ids], media))
    media["image_grid_thw"] = grids * 2
    assert ("batch.videos-differ", 0) in bad(batch_of(alone, [ids], media))


def test_a_sample_of_two_videos_that_shows_one_is_told(good):
    known = [replace(good.known[0], grid=np.repeat(good.known[0].grid, 2, axis=0), marks=None)]
    alone = replace(good, known=known)
    row = batch_of(alone, [known[0].tokens.input_ids], media_of_row(good, 0))
    assert bad(row) == [("length.videos-too-few", 0)]


@pytest.mark.parametrize(
    ("features", "placeholders", "handed", "unused"),
    [
        ([6], [6, 0], [1, 0], 0),
        ([6], [0, 6], [0, 1], 0),
        ([6, 4], [0, 10], [0, 2], 0),
        ([6, 4], [4, 6], [1, 1], 0),  # each has the other's
        ([4], [6, 4], [0, 1], 0),
        ([6], [6, 4], [1, 0], 0),
        ([6, 4], [6, 0], [1, 0], 1),
        ([6, 4, 5], [6, 5], [1, 1], 1),
        ([6, 4], [5, 4], [1, 1], 0),  # cut
    ],
)
def test_grids_go_to_the_rows_whose_placeholders_they_fill(features, placeholders, handed, unused):
    rows = [RowMedia(number, 1) for number in placeholders]
    found = split(features, rows, NOBODY)
    assert ([len(positions) for positions in found.of_rows], len(found.unused)) == (handed, unused)


def test_of_two_rows_alike_the_one_whose_pixels_are_there_has_the_grid():
    rows = [RowMedia(6, 1), RowMedia(6, 1)]
    assert [len(p) for p in split([6], rows, [frozenset({1})]).of_rows] == [0, 1]
    assert [len(p) for p in split([6], rows, [frozenset({0})]).of_rows] == [1, 0]
