from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.audit.conftest import build_batch, sample_of
from vtg_core.audit.checks.times import best_iou, check
from vtg_core.audit.row.clock import clock_of
from vtg_core.audit.row.videos import find_blocks
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.masking.processor_call import call_processor
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames
from vtg_core.windows import Window

ASSETS = Path(__file__).parents[3] / "assets"


def codes(good, **how):
    return good.codes(check, **how)


def with_scene(good, **changes):
    """The same rows, the first one's scene changed."""
    known = good.known[0]
    return replace(good, known=[replace(known, scene=replace(known.scene, **changes)), *good.known[1:]])


def foreign(good, video, *, metadata=None, row=0):
    """A row as a collator encodes it that passes other metadata with the frames."""
    text = good.processor.apply_chat_template(sample_of(video).messages, tokenize=False)
    outputs = good.processor(
        text=[text],
        videos=[video.frames],
        video_metadata=[{**video.metadata, **(metadata or {})}],
        do_sample_frames=False,
        input_data_format="channels_last",
        return_tensors="pt",
    )
    media = {n: outputs[n] for n in ("video_grid_thw", "second_per_grid_ts") if n in outputs}
    return good.of_ids(outputs["input_ids"][0].numpy(), row=row, **media)


@pytest.mark.parametrize("saved", [False, True])
def test_a_good_row_has_the_right_times(every_good, saved):
    for row in range(2):
        assert codes(every_good, saved=saved, row=row) == []


@pytest.mark.parametrize(
    "policy", [FramePolicy(num_frames=32), FramePolicy(fps=1), FramePolicy(num_frames=7)]
)
@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
def test_the_demo_clips_have_no_warning(processors_by_name, name, policy):
    for use_temporal_tokens in (False, True):
        dataset = VideoTemporalSFTDataset(
            ASSETS / "demo_annotations.json", use_temporal_tokens=use_temporal_tokens, frames=policy
        )
        good = build_batch(processors_by_name[name], list(dataset)[:3])
        for row in good.rows():
            assert [f.code for f in check(row) if f.severity != "info"] == []


@pytest.mark.parametrize("fps", [24.0, 30.0, 2.0])
def test_an_assumed_frame_rate_is_named_with_its_factor(good, video, fps):
    (finding,) = check(foreign(good, video, metadata={"fps": fps}).rows()[0])
    assert (finding.code, finding.evidence["fps"]) == ("time.fps-assumed", pytest.approx(fps, rel=0.02))
    assert finding.evidence["factor"] == pytest.approx(10 / fps, rel=0.02)
    assert finding.regions


def test_frames_taken_as_following_each_other_assume_a_rate_too(good, video):
    told = foreign(good, video, metadata={"frames_indices": [0, 1, 2, 3], "fps": 2.0})
    (finding,) = check(told.rows()[0])
    assert (finding.code, finding.evidence["fps"]) == ("time.fps-assumed", pytest.approx(2, rel=0.1))


@pytest.mark.parametrize("indices", [[0, 300, 128, 191, 20, 40], [5, 5, 5, 5, 5, 5]])
def test_stamps_that_do_not_increase_are_wrong_for_as_many_frames_too(good, other_video, indices):
    (finding,) = check(foreign(good, other_video, metadata={"frames_indices": indices}, row=1).rows()[0])
    assert finding.code == "time.stamps-differ"
    assert finding.evidence["frame_times"] == [3.2, 16.0, 28.7]


@pytest.mark.parametrize(
    "indices",
    [[0, 75, 150, 225], [0, 99, 199, 299], [37, 112, 187, 262], [60, 80, 210, 290], [0, 150, 299]],
    ids=["stride", "floor", "centres", "jitter", "an odd number"],
)
def test_as_many_other_frames_of_the_whole_video_are_fine(good, video, indices):
    """Which frames were taken, ids do not tell: what increases and reaches the end can be true."""
    frames = video.frames[: len(indices)]
    other = replace(
        video, frames=frames, frame_indices=tuple(indices), timestamps=video.timestamps[: len(indices)]
    )
    assert codes(foreign(good, other, metadata={"frames_indices": indices})) == []


HONEST_SAMPLERS = {
    "floor": lambda n, k: np.linspace(0, n - 1, k).astype(int),
    "centres": lambda n, k: ((np.arange(k) + 0.5) * n / k).astype(int),
    "starts": lambda n, k: (np.arange(k) * n / k).astype(int),
    "odd": lambda n, k: np.linspace(0, n - 1, k - 1).round().astype(int),
    "stride": lambda n, k: np.arange(0, n, max(1, round(n / k)))[:k],
    "jitter": lambda n, k: [
        int(np.random.default_rng(int(a)).integers(int(a), int(b)))
        for a, b in pairwise(np.linspace(0, n, k + 1))
    ],
}


def pair_stamps(indices, fps):
    """The stamps that a processor writes: of each two frames their middle, the last of an odd number doubled."""
    times = [*indices, indices[-1]][: len(indices) // 2 * 2 + len(indices) % 2 * 2]
    return [round(float(a + b) / 2 / fps, 1) for a, b in zip(times[::2], times[1::2], strict=True)]


@pytest.mark.parametrize("sampler", HONEST_SAMPLERS)
@pytest.mark.parametrize("num_frames", [2, 4, 8, 16, 64])
def test_no_honest_sampler_has_wrong_stamps(good, sampler, num_frames):
    for duration in (10, 30, 90, 600):
        for fps in (24, 25, 29.97, 30):
            total = int(duration * fps)
            ours = np.linspace(0, total - 1, num_frames).round().astype(int)
            theirs = list(HONEST_SAMPLERS[sampler](total, num_frames))
            if theirs[-1] < 0.85 * total and num_frames > 8:
                continue  # a stride of whole frames that ends early covers a first part only
            scene = replace(
                good.known[0].scene, duration=total / fps, fps=fps, timestamps=tuple((ours / fps).tolist())
            )
            assert clock_of(pair_stamps(theirs, fps), pair_stamps(list(ours), fps), scene) is None


@pytest.mark.parametrize("num_frames", [4, 8, 16, 64])
@pytest.mark.parametrize(("fps", "assumed"), [(30, 24), (24, 50), (10, 24), (25, 1), (30, 60)])
def test_an_assumed_rate_is_found_for_as_many_frames(good, num_frames, fps, assumed):
    total = 60 * fps
    ours = np.linspace(0, total - 1, num_frames).round().astype(int)
    scene = replace(good.known[0].scene, duration=60.0, fps=fps, timestamps=tuple((ours / fps).tolist()))
    clock = clock_of(pair_stamps(list(ours), assumed), pair_stamps(list(ours), fps), scene)
    assert clock.fps == pytest.approx(assumed, rel=0.02)


def test_stamps_past_the_end_are_wrong_whatever_frames_were_taken(good, other_video):
    told = foreign(good, other_video, metadata={"fps": 5.0})
    assert codes(told) == ["time.stamps-differ"]


def test_stamps_of_a_first_part_are_a_warning(good):
    begin = sample_frames(ASSETS / "red_circle.mp4", FramePolicy(num_frames=8), clip=Window(0, 17))
    told = foreign(good, begin)
    (finding,) = check(told.rows()[0])
    assert finding.code == "time.only-first-part"
    assert finding.evidence["covered"] < 0.9


def test_other_frames_of_the_whole_video_are_fine(good):
    more = sample_frames(ASSETS / "red_circle.mp4", FramePolicy(fps=1))
    assert codes(foreign(good, more)) == []


def test_stamps_that_do_not_increase_are_wrong_without_any_knowledge(good):
    ids = good.known[1].tokens.input_ids
    pads = np.flatnonzero(np.isin(ids, list(good.chat.media_ids)))
    first, last = pads[0], pads[-1] + 1
    again = [*ids[:last], *ids[first - 9 : last], *ids[last:]]
    assert codes(good.of_ids(again, row=1), saved=True) == ["time.stamps-differ"]


def test_a_query_with_seconds_in_it_is_no_stamp(processor, video):
    query = "it rings for 3 seconds after <0.5 seconds>"
    good = build_batch(processor, [sample_of(video, query=query)])
    text = good.processor.apply_chat_template(sample_of(video, query=query).messages, tokenize=False)
    ids = call_processor(good.processor, text + " ", [video])["input_ids"][0].numpy()
    assert codes(good) == codes(good.of_ids(ids)) == codes(good.of_ids(ids), saved=True) == []


@pytest.mark.parametrize("seconds", [1.0, 0.0833, 40.0])
def test_seconds_per_grid_of_another_rate_are_an_error(good_qwen2_5, seconds):
    good_qwen2_5.batch["second_per_grid_ts"][0] = seconds
    (finding,) = check(good_qwen2_5.rows()[0])
    assert finding.code == "time.seconds-per-grid-differ"
    assert finding.evidence["row"] == pytest.approx(seconds, rel=1e-3)
    assert finding.evidence["expected"] == pytest.approx([15.0, 19.9], abs=0.2)


def test_of_our_own_frames_no_seconds_between_the_two_are_right(good_qwen2_5):
    good_qwen2_5.batch["second_per_grid_ts"][0] = 17.0
    (finding,) = check(good_qwen2_5.rows()[0])
    assert "2 frames last 15.00 or 20.00 s" in finding.message
    del good_qwen2_5.batch["pixel_values_videos"]  # other frames than ours may lie as far apart
    assert codes(good_qwen2_5) == []


def test_seconds_per_grid_of_zero_are_wrong_without_any_knowledge(good_qwen2_5):
    good_qwen2_5.batch["second_per_grid_ts"] = good_qwen2_5.batch["second_per_grid_ts"].int() * 0
    assert codes(good_qwen2_5, saved=True) == ["time.seconds-per-grid-differ"]


def test_a_grid_without_frames_is_not_divided_by(good_qwen2_5):
    row = good_qwen2_5.rows()[0]
    empty = {**row.media, "video_grid_thw": row.media["video_grid_thw"] * 0}
    assert list(check(replace(row, media=empty))) == []


def test_a_video_that_stands_twice_has_two_clocks(good):
    ids = good.known[0].tokens.input_ids
    block = find_blocks(ids, good.chat)[0]
    twice = good.of_ids([*ids[: block.end], *ids[block.start : block.end], *ids[block.end :]])
    del twice.batch["video_grid_thw"]
    assert codes(twice) == []


def test_frames_of_a_first_part_only_are_a_warning(good):
    part = with_scene(good, timestamps=(0.0, 4.0, 8.0, 12.0))
    (finding,) = check(part.rows()[0])
    assert finding.code == "time.only-first-part"
    assert finding.evidence == {"last_frame": 12.0, "duration": 30.0, "covered": 0.5333}


def test_a_window_behind_the_last_frame_is_a_warning(good):
    late = with_scene(good, timestamps=(0.0, 1.0, 2.0, 26.0, 26.5), windows=(Window(8, 14), Window(3, 29)))
    found = list(check(late.rows()[0]))
    assert [f.code for f in found] == ["time.window-after-last-frame", "time.window-without-frame"]
    assert found[0].evidence["windows"] == [[3.0, 29.0]]
    assert found[1].evidence["windows"] == [[8.0, 14.0]]


def test_a_window_between_two_frames_is_a_warning(good):
    assert codes(with_scene(good, windows=(Window(11, 19),))) == ["time.window-without-frame"]
    assert codes(with_scene(good, windows=(Window(10, 19),))) == []  # both ends count


@pytest.mark.parametrize(
    ("mode", "window"), [("standard", Window(10.01, 10.04)), ("temporal_tokens", Window(9.991, 10.01))]
)
def test_a_window_within_one_step_of_the_format_is_a_warning(originals, mode, window):
    good = originals["demo", mode, "right"]
    frame = (0.0, 10.0, 10.02, 19.9, 29.9)
    (finding,) = check(with_scene(good, windows=(window,), timestamps=frame).rows()[0])
    assert finding.code == "time.same-bin"
    assert finding.evidence["quantum"] == pytest.approx(0.1 if mode == "standard" else 0.03)


def test_what_the_format_costs_is_said_once_it_matters(good):
    frames = (0.0, 10.0, 19.9, 29.9)
    (finding,) = check(with_scene(good, windows=(Window(9.86, 10.34),), timestamps=frames).rows()[0])
    assert (finding.code, finding.severity) == ("time.resolution", "info")
    assert finding.evidence["best_iou"] == pytest.approx(0.8333, abs=1e-3)
    (finding,) = check(with_scene(good, windows=(Window(9.94, 10.06),), timestamps=frames).rows()[0])
    assert finding.evidence["best_iou"] == pytest.approx(0.6, abs=1e-3)


def test_a_format_too_coarse_for_a_window_is_a_warning(good):
    window = Window(9.96, 10.04)
    frames = (0.0, 10.0, 19.9, 29.9)
    assert codes(with_scene(good, windows=(window,), timestamps=frames)) == ["time.same-bin"]
    (finding,) = check(
        with_scene(good, windows=(Window(9.949, 9.951),), timestamps=(0.0, 9.95, 19.9, 29.9)).rows()[0]
    )
    assert finding.code == "time.resolution-low"


def test_the_best_iou_is_that_of_the_window_written_and_read(good):
    scene = good.known[0].scene
    assert best_iou(Window(8, 14), scene) == 1
    assert best_iou(Window(8.04, 14), scene) == pytest.approx(5.96 / 6)
    assert best_iou(Window(29, 31), scene) is None
