import json

import pytest
import torch

from tests.conftest import ASSETS
from vtg_core.collator import pad
from vtg_core.comparison.on_file import compare_rows
from vtg_core.dataset import VideoTemporalSFTDataset
from vtg_core.errors import LossCancelledError
from vtg_core.inspection import inspect_templates
from vtg_core.loss.score import score
from vtg_core.templates import TEMPLATES, templates_for
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames

FOUR = FramePolicy(num_frames=4)


def dataset_of(path=ASSETS / "demo_annotations.json", root=None):
    return VideoTemporalSFTDataset(path, root, frames=FOUR)


def test_every_row_gets_a_result_of_each_template_in_their_order(model, processor):
    dataset, templates = dataset_of(), [TEMPLATES[9], TEMPLATES[0], TEMPLATES[4]]
    found = list(compare_rows(dataset, model, processor, templates))
    assert [row.row for row in found] == [0, 1, 2, 3]
    assert [row.where for row in found] == [annotation.where for annotation in dataset.annotations]
    for row in found:
        assert [result.key for result in row.results] == [(t.name, t.mode) for t in templates]
        assert row.plain_because == ""
        assert 0 < row.num_shared < row.num_run < row.num_plain


def test_a_result_is_what_a_plain_pass_gives(model, processor):
    dataset = dataset_of()
    [row] = compare_rows(dataset, model, processor, TEMPLATES, rows=[2])
    sample = dataset[2]
    inspections = inspect_templates(
        sample.video, sample.query, sample.windows, processor=processor, templates=TEMPLATES
    )
    for result, inspection in zip(row.results, inspections, strict=True):
        [plain] = score(model, pad([inspection.encoded], processor), processor.tokenizer)
        assert result.sum_nll == pytest.approx(plain.sum_nll, abs=1e-3)
        parts = result.time_nll + result.word_nll + result.end_of_turn_nll
        assert parts == pytest.approx(result.sum_nll, abs=1e-6)


def test_templates_of_any_answer_form_are_compared(model, processor):
    templates = [*templates_for("frames_sentence"), TEMPLATES[0], *templates_for("bins_300_tokens")]
    [row] = compare_rows(dataset_of(), model, processor, templates, rows=[0])
    assert [(result.mode, result.answer) for result in row.results] == [
        ("frames_sentence", "From frame 0 to frame 2."), ("standard", "[8.0, 14.0]"), ("bins_300_tokens", "<80><140>"),
    ]  # fmt: skip
    assert all(0 < result.num_times < result.num_supervised for result in row.results)


def test_a_row_that_cannot_be_read_does_not_end_the_others(model, processor, tmp_path):
    rows = json.loads((ASSETS / "demo_annotations.json").read_text())
    rows[1]["video"] = "gone.mp4"
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    found = list(compare_rows(dataset_of(tmp_path / "rows.json", ASSETS), model, processor, TEMPLATES[:2]))
    assert [bool(row.results) for row in found] == [True, False, True, True]
    assert "gone.mp4" in found[1].reason


def test_a_row_that_does_not_fit_in_memory_does_not_end_the_others(model, processor):
    calls = []

    def full(*_):
        calls.append(None)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("no memory is left")

    hook = model.get_input_embeddings().register_forward_pre_hook(full)
    try:
        found = list(compare_rows(dataset_of(), model, processor, TEMPLATES[:2], rows=[0, 1]))
    finally:
        hook.remove()
    assert "must fit in the memory of cpu, and does not" in found[0].reason
    assert len(found[1].results) == 2


def test_a_row_is_taken_just_before_it_is_scored(model, processor):
    taken = []

    def rows():
        for row in (3, 1):
            taken.append(row)
            yield row

    found = compare_rows(dataset_of(), model, processor, TEMPLATES[:1], rows=rows())
    assert next(found).row == 3
    assert taken == [3]


class Turned:
    """Makes a model see a wrong position behind its cache: its shared pass is then no plain pass's."""

    def __init__(self, model):
        self.layer = model.get_decoder().layers[0]

    def __enter__(self):
        self.hook = self.layer.register_forward_pre_hook(self, with_kwargs=True)

    def __call__(self, layer, args, kwargs):
        cache = kwargs.get("cache", kwargs.get("past_key_values"))
        is_behind = cache is not None and cache.get_seq_length() > 100  # not in the model's own trial
        return (2 * args[0], *args[1:]) if is_behind else args, kwargs

    def __exit__(self, *_):
        self.hook.remove()


def test_the_shared_pass_proves_itself_on_the_first_row(model, processor):
    first, *others = compare_rows(dataset_of(), model, processor, TEMPLATES)
    shortest = min(first.results, key=lambda result: result.num_tokens)
    assert (first.check.row, first.check.template, first.check.mode) == (0, *shortest.key)
    assert first.check.num_tokens == shortest.num_supervised
    assert first.check.largest_difference < 1e-5
    assert first.check.has_passed
    assert [row.check for row in others] == [None, None, None]


@pytest.mark.parametrize("number", [0, 2])
def test_as_many_rows_are_checked_as_are_asked_for(model, processor, number):
    found = compare_rows(dataset_of(), model, processor, TEMPLATES[:2], num_checked=number)
    assert [row.check is not None for row in found] == [row < number for row in range(4)]


def test_a_shared_pass_that_differs_is_not_taken_and_the_losses_are_those_of_plain_passes(model, processor):
    expected = list(compare_rows(dataset_of(), model, processor, TEMPLATES[:3], rows=[0, 1]))
    with Turned(model):
        found = list(compare_rows(dataset_of(), model, processor, TEMPLATES[:3], rows=[0, 1]))
        unchecked = next(compare_rows(dataset_of(), model, processor, TEMPLATES[:3], num_checked=0))
    assert not found[0].check.has_passed
    assert all("on row 1 the shared pass was " in row.plain_because for row in found)
    for own, other in zip(found, expected, strict=True):
        assert [r.sum_nll for r in own.results] == pytest.approx([r.sum_nll for r in other.results], abs=1e-4)
    assert unchecked.results[0].sum_nll != pytest.approx(expected[0].results[0].sum_nll, abs=1e-2)


def test_a_model_that_gets_plain_passes_is_not_checked(model, processor, monkeypatch):
    monkeypatch.setattr("vtg_core.loss.shared_pass.why_not_continued", lambda model: "a reason")
    [row] = compare_rows(dataset_of(), model, processor, TEMPLATES[:2], rows=[0])
    assert (row.plain_because, row.check) == ("a reason", None)


@pytest.fixture
def queries(tmp_path):
    """Rows about the same video one after the other, then another video, then a part of the first."""
    first = {"video": "red_circle.mp4", "timestamp": [8, 14], "sentence": "a red circle"}
    other = {"video": "two_events.mp4", "timestamp": [5, 9], "sentence": "a square"}
    rows = [first, {**first, "sentence": "a disc"}, first, other, first]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    return dataset_of(tmp_path / "rows.json", ASSETS)


def test_rows_about_one_video_have_it_decoded_and_processed_once(queries, model, own_processor, monkeypatch):
    decoded, processed = [], []
    monkeypatch.setattr(
        "vtg_core.comparison.on_file.sample_frames",
        lambda path, *args, **options: decoded.append(path.name) or sample_frames(path, *args, **options),
    )
    process = own_processor.video_processor._preprocess
    monkeypatch.setattr(
        own_processor.video_processor,
        "_preprocess",
        lambda *args, **options: processed.append(None) or process(*args, **options),
    )
    found = list(compare_rows(queries, model, own_processor, TEMPLATES[:2]))
    assert decoded == ["red_circle.mp4", "two_events.mp4", "red_circle.mp4"]
    assert len(processed) == 3
    alone = [next(compare_rows(queries, model, own_processor, TEMPLATES[:2], rows=[row])) for row in range(5)]
    assert [row.results for row in found] == [row.results for row in alone]


def test_a_person_can_stop_it(model, processor):
    def stop(begun, total):
        raise LossCancelledError("stopped")

    with pytest.raises(LossCancelledError):
        list(compare_rows(dataset_of(), model, processor, TEMPLATES[:1], on_layer=stop))
