import pytest
import torch

from vtg_core.collator import SFTCollator
from vtg_core.errors import WindowError
from vtg_core.inspection import inspect_templates
from vtg_core.templates import TEMPLATES
from vtg_core.windows import Window


def test_all_sixteen_templates_are_inspected_in_order(processor, video):
    inspections = inspect_templates(
        video, "a red circle appears", [Window(8, 14)], processor=processor, templates=TEMPLATES
    )
    assert [i.sample.template for i in inspections] == list(TEMPLATES)


def test_processing_the_pixels_once_changes_nothing(processor, video):
    inspections = inspect_templates(
        video, "a star", [Window(8, 14)], processor=processor, templates=TEMPLATES[:3]
    )
    collator = SFTCollator(processor)
    for inspection in inspections:
        alone = collator.encode(inspection.sample)
        assert torch.equal(inspection.encoded.labels, alone.labels)
        assert torch.equal(inspection.encoded.input_ids, alone.input_ids)
        assert torch.equal(
            inspection.encoded.media["pixel_values_videos"], alone.media["pixel_values_videos"]
        )


def test_a_window_past_the_video_is_refused(processor, video):
    with pytest.raises(WindowError, match=r"duration \(30 s\), got start=28, end=31.2"):
        list(inspect_templates(video, "x", [Window(28, 31.2)], processor=processor, templates=TEMPLATES[:1]))
