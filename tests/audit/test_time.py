from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.audit.conftest import build_batch, sample_of
from vtg_core.audit.time import best_iou, check
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.encoding import call_processor
from vtg_core.frame_plan import FramePolicy
from vtg_core.templates import TEMPLATES
from vtg_core.video import sample_frames
from vtg_core.windows import Window

ASSETS = Path(__file__).parents[2] / "assets"


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


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: f"{t.mode}-{t.name}")
@pytest.mark.parametrize("name", ["demo", "demo-qwen2.5-vl"])
def test_no_template_gives_a_false_alarm(processors_by_name, video, name, template):
    place = [t for t in TEMPLATES if t.mode is template.mode].index(template)
    good = build_batch(processors_by_name[name], [sample_of(video, mode=template.mode, template=place)])
    assert codes(good) == codes(good, saved=True) == []


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


def test_stamps_out_of_step_are_wrong_stamps(good, other_video):
    told = foreign(good, other_video, metadata={"frames_indices": [0, 64, 128, 300, 310, 319]}, row=1)
    (finding,) = check(told.rows()[0])
    assert finding.code == "time.stamps-differ"
    assert finding.evidence["stamps"] == [3.2, 21.4, 31.4]
    assert finding.evidence["frame_times"] == [3.2, 16.0, 28.7]


def test_as_many_other_frames_spread_over_the_video_are_fine(good, video):
    """Code that takes every 75th frame, from the first on, says so rightly."""
    told = foreign(good, video, metadata={"frames_indices": [0, 75, 150, 225]})
    assert codes(told) == []


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


def test_seconds_per_grid_of_zero_are_wrong_without_any_knowledge(good_qwen2_5):
    good_qwen2_5.batch["second_per_grid_ts"] = good_qwen2_5.batch["second_per_grid_ts"].int() * 0
    assert codes(good_qwen2_5, saved=True) == ["time.seconds-per-grid-differ"]


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
