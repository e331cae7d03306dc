import json

from vtg_core.inspection import inspect_templates
from vtg_core.templates import TEMPLATES
from vtg_core.views.samples import as_json, view_prompt, view_tokens
from vtg_core.windows import Window


def inspected(processor, video, query="a red circle appears"):
    [inspection] = inspect_templates(
        video, query, [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    return inspection


def expanded(view, column):
    return [
        value for value, count in zip(getattr(view, column), view.count, strict=True) for _ in range(count)
    ]


def test_the_rows_of_a_token_view_expand_to_the_ids_and_labels(processor, video):
    encoded = inspected(processor, video).encoded
    view = view_tokens(encoded, processor.tokenizer)
    assert expanded(view, "id") == encoded.input_ids.tolist()
    assert expanded(view, "label") == encoded.labels.tolist()
    assert view.index == [sum(view.count[:row]) for row in range(len(view.count))]


def test_the_kinds_of_a_token_view_are_the_regions(processor, video):
    encoded = inspected(processor, video).encoded
    view = view_tokens(encoded, processor.tokenizer)
    kinds = [view.kinds[kind] for kind in expanded(view, "kind")]
    assert kinds == [str(region.kind) for region in encoded.regions for _ in range(len(region))]


def test_only_control_tokens_are_gathered_into_a_run(processor, video):
    view = view_tokens(inspected(processor, video, "no no no no no").encoded, processor.tokenizer)
    gathered = {view.pieces[p] for p, count in zip(view.piece, view.count, strict=True) if count > 1}
    assert gathered == {"<|video_pad|>", "<|vision_end|>"}


def test_the_totals_say_how_many_tokens_of_each_region_are_in_the_loss(processor, video):
    totals = view_tokens(inspected(processor, video).encoded, processor.tokenizer).totals
    assert totals["answer"] == (11, 11)
    assert totals["end_of_turn"] == (1, 1)
    assert sum(supervised for _, supervised in totals.values()) == 12


def test_a_token_that_is_no_whole_character_is_shown_as_bytes(processor, video):
    view = view_tokens(inspected(processor, video, "🙂").encoded, processor.tokenizer)
    shown = "".join(view.pieces[p] for p in view.piece)
    assert "⟨F0" in shown
    assert "\N{REPLACEMENT CHARACTER}" not in shown


def test_the_parts_of_a_prompt_are_what_the_model_reads(processor, video):
    view = view_prompt(inspected(processor, video))
    text = "".join(text for kind, text, _, _ in view.parts if kind != "video")
    assert text == view.rendered.replace("<|vision_start|><|video_pad|><|vision_end|>", "")
    assert [kind for kind, *_ in view.parts][-3:] == ["answer", "end_of_turn", "chat"]


def test_a_prompt_writes_the_runs_of_its_video_once(processor, video):
    [shown] = [text for kind, text, _, _ in view_prompt(inspected(processor, video)).parts if kind == "video"]
    assert shown.startswith("<|vision_start|><5.0 seconds><|vision_start|><|video_pad|>×60<|vision_end|>")


def test_the_counts_of_a_prompt_add_up(processor, video):
    inspection = inspected(processor, video)
    view = view_prompt(inspection)
    assert view.num_tokens == len(inspection.encoded) == sum(total for _, _, total, _ in view.parts)
    assert view.num_supervised == 12
    assert view.num_video == next(total for kind, _, total, _ in view.parts if kind == "video")


def test_views_become_json_that_any_reader_accepts(processor, video):
    inspection = inspected(processor, video, "</script> \u2028 ${x} {{y}}")
    assert json.loads(as_json([view_prompt(inspection)]))[0]["key"] == "standard/direct"
    assert json.loads(as_json(view_tokens(inspection.encoded, processor.tokenizer)))["index"][0] == 0
