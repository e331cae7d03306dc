"""The few frames that stand above the timeline."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ASSETS
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames
from vtg_core.views.report.film import NUM_ON_TIMELINE, view_film


@pytest.mark.parametrize("num_frames", [1, 8, 40])
def test_frames_are_evenly_taken_and_a_few_kilobytes_together(num_frames):
    video = sample_frames(ASSETS / "two_events.mp4", FramePolicy(num_frames=num_frames))
    film = view_film(video)
    assert len(film.times) == len(film.frames) == min(num_frames, NUM_ON_TIMELINE)
    assert film.times == [round(video.timestamps[frame], 3) for frame in film.frames]
    assert len(film.picture) < 2_700 * len(film.times)  # 2 kB each, in base64
    picture = Image.open(io.BytesIO(base64.b64decode(film.picture.partition(",")[2])))
    assert picture.size == (film.width * len(film.times), film.height)


def test_each_picture_is_of_its_own_frame():
    video = sample_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=8))
    film = view_film(video)
    picture = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(film.picture.partition(",")[2]))).convert("RGB")
    )
    for place, frame in enumerate(film.frames):
        shown = picture[:, place * film.width : (place + 1) * film.width].mean(axis=(0, 1))
        assert np.allclose(shown, video.frames[frame].mean(axis=(0, 1)), atol=6)
