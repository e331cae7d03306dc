import json
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vtg_core.inspection import inspect_templates
from vtg_core.templates import TEMPLATES
from vtg_core.video.sampling import SampledVideo
from vtg_core.video.timeline import VideoInfo
from vtg_core.views.samples import as_json, view_prompt
from vtg_core.windows import Window


def inspected(processor, video, query="a red circle appears"):
    [inspection] = inspect_templates(
        video, query, [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    return inspection


def test_the_parts_of_a_prompt_are_what_the_model_reads(processor, video):
    view = view_prompt(inspected(processor, video), processor)
    text = "".join(text for part in view.parts if part.kind != "video" for text, _ in part.pieces)
    assert text == view.rendered.replace("<|vision_start|><|video_pad|><|vision_end|>", "")
    assert [part.kind for part in view.parts][-3:] == ["answer", "end_of_turn", "chat"]


def test_a_prompt_writes_the_runs_of_its_video_once(processor, video):
    [shown] = [
        part for part in view_prompt(inspected(processor, video), processor).parts if part.kind == "video"
    ]
    assert shown.pieces[:3] == [
        ("<|vision_start|><5.0 seconds><|vision_start|>", 1),
        ("<|video_pad|>", 60),
        ("<|vision_end|><24.9 seconds><|vision_start|>", 1),
    ]
    assert (shown.num_stamps, shown.first_stamp, shown.last_stamp) == (2, "<5.0 seconds>", "<24.9 seconds>")


def clip_of(duration, num_frames):
    """Frames without anything to see, as small as the processor takes them, spread over ``duration`` seconds."""
    info = VideoInfo(Path("clip.mp4"), duration, 30.0, round(duration * 30), 32, 32, "h264")
    indices = tuple(np.linspace(0, info.num_frames - 1, num_frames).round().astype(int).tolist())
    frames = np.zeros((num_frames, 32, 32, 3), dtype=np.uint8)
    return SampledVideo(info, frames, tuple(index / 30 for index in indices), indices)


@settings(max_examples=15)
@example(600.0, 384, "what is it")
@example(555.5, 8, "5 55 555 5555 <|video_pad|><|video_pad|> ×60 <555.5 seconds>")
@given(st.floats(20, 40_000), st.integers(2, 64), st.sampled_from(["one", "222 2222 222", "no no no"]))
def test_what_a_prompt_shows_unfolds_to_what_the_model_reads(
    checkpoints_by_name, duration, num_frames, query
):
    for checkpoint in checkpoints_by_name.values():
        inspection = inspected(checkpoint.processor, clip_of(duration, num_frames), query)
        encoded, view = inspection.encoded, view_prompt(inspection, checkpoint.processor)
        assert "".join(text * count for part in view.parts for text, count in part.pieces) == encoded.text
        folded = {text for part in view.parts for text, count in part.pieces if count > 1}
        assert folded <= {"<|video_pad|>"}


def test_a_long_video_is_shown_with_every_stamp_and_every_digit(processor):
    view = view_prompt(inspected(processor, clip_of(600.0, 384)), processor)
    [shown] = [part for part in view.parts if part.kind == "video"]
    assert (shown.num_stamps, shown.first_stamp, shown.last_stamp) == (
        192,
        "<0.8 seconds>",
        "<599.2 seconds>",
    )
    assert any("<555.3 seconds>" in text for text, _ in shown.pieces)


def test_the_counts_of_a_prompt_add_up(processor, video):
    inspection = inspected(processor, video)
    view = view_prompt(inspection, processor)
    assert view.num_tokens == len(inspection.encoded) == sum(part.num_tokens for part in view.parts)
    assert view.num_supervised == 12
    assert view.num_video == next(part.num_tokens for part in view.parts if part.kind == "video")


def test_views_become_json_that_any_reader_accepts(processor, video):
    inspection = inspected(processor, video, "</script> \u2028 ${x} {{y}}")
    assert json.loads(as_json([view_prompt(inspection, processor)]))[0]["key"] == "standard/direct"
