"""Frames that fill the memory are processed one by one, into the very same tensors."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vtg_core.masking import lean_calls
from vtg_core.masking.processor_call import call_processor
from vtg_core.video.plan import VideoBackend
from vtg_core.video.sampling import SampledVideo, VideoInfo


def noise(num_frames, height, width):
    """Return frames whose every pixel is another."""
    frames = np.random.default_rng(0).integers(0, 255, (num_frames, height, width, 3), np.uint8)
    info = VideoInfo(Path("a.mp4"), num_frames / 10, 10.0, num_frames, width, height, "h264")
    times, indices = tuple(i / 10 for i in range(num_frames)), tuple(range(num_frames))
    return SampledVideo(info, frames, times, indices, VideoBackend.PYAV)


@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
@pytest.mark.parametrize(("height", "width"), [(720, 1280), (613, 1001), (32, 64)])
def test_the_tensors_are_those_of_all_frames_at_once(processors_by_name, monkeypatch, name, height, width):
    processor, video = processors_by_name[name], noise(12, height, width)
    prompt = f"<|vision_start|>{processor.video_token}<|vision_end|>"
    at_once = call_processor(processor, prompt, [video])
    monkeypatch.setattr(lean_calls, "LARGE_BYTES", 1_000)
    one_by_one = call_processor(processor, prompt, [video])
    assert at_once.keys() == one_by_one.keys()
    assert torch.equal(at_once["pixel_values_videos"], one_by_one["pixel_values_videos"])
    assert torch.equal(at_once["input_ids"], one_by_one["input_ids"])


def test_a_large_video_is_made_smaller_frame_by_frame():
    import torch.nn.functional as functions

    frames, seen = torch.zeros(4, 3, 64, 64, dtype=torch.uint8), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lean_calls, "LARGE_BYTES", 1_000)
        with lean_calls.frame_by_frame():
            made = functions.interpolate(frames.permute(0, 1, 3, 2), size=(32, 32))
            seen.append(frames.permute(0, 1, 3, 2).contiguous().is_contiguous())
    assert made.shape == (4, 3, 32, 32)
    assert seen == [False]  # no copy of them all was made


@pytest.mark.parametrize("num_frames", [4, 5])
def test_floats_and_patches_are_made_of_few_frames_at_a_time(processors_by_name, num_frames):
    video_processor = processors_by_name["demo"].video_processor
    videos, seen = list(noise(num_frames, 64, 96).frames[None]), []
    at_once = video_processor(videos, do_sample_frames=False, return_tensors="pt")
    lean = lean_calls.group_by_group(video_processor)
    scale = lean.rescale_and_normalize
    lean.rescale_and_normalize = lambda some, *given: seen.append(scale(some, *given)) or seen[-1]
    some = lean(videos, do_sample_frames=False, return_tensors="pt")
    assert torch.equal(some["pixel_values_videos"], at_once["pixel_values_videos"])
    assert torch.equal(some["video_grid_thw"], at_once["video_grid_thw"])
    assert [type(one).__name__ for one in seen] == ["_Unscaled"]
