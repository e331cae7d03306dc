import json

import numpy as np

from vtg_core.inspection import inspect_templates
from vtg_core.regions import IGNORE_INDEX, MaskPolicy, Region, RegionKind
from vtg_core.templates import TEMPLATES
from vtg_core.views.samples import as_json
from vtg_core.views.tokens import AGREE, HOLE, LEAK, view_frames, view_sequence, view_tokens
from vtg_core.windows import Window


def encoded_with(processor, video, query="a red circle appears"):
    [inspection] = inspect_templates(
        video, query, [Window(8, 14)], processor=processor, templates=TEMPLATES[:1]
    )
    return inspection.encoded


def counts(view):
    runs = dict(view.runs)
    return [runs.get(row, 1) for row in range(len(view.token))]


def labels_of(view, ids):
    labels = [IGNORE_INDEX] * view.num_tokens
    for start, end in view.trained:
        labels[start:end] = ids[start:end]
    for start, end, number in view.other_labels:
        labels[start:end] = [view.ids[number]] * (end - start)
    return labels


def answered(ids, labels, processor, **options):
    return view_sequence(ids, labels, [Region(RegionKind.ANSWER, 0, len(ids))], processor, **options)


def test_the_rows_of_a_token_view_expand_to_the_ids_and_labels(processors_by_name, video):
    for processor in processors_by_name.values():
        encoded = encoded_with(processor, video)
        view = view_tokens(encoded, processor)
        ids = [
            view.ids[number]
            for number, count in zip(view.token, counts(view), strict=True)
            for _ in range(count)
        ]
        assert ids == encoded.input_ids.tolist()
        assert labels_of(view, ids) == encoded.labels.tolist()


def test_the_kinds_of_a_token_view_are_the_regions(processor, video):
    encoded = encoded_with(processor, video)
    view = view_tokens(encoded, processor)
    assert [(view.kinds[kind], start) for kind, start in view.regions] == [
        (str(region.kind), region.start) for region in encoded.regions
    ]


def test_only_placeholders_are_gathered_into_a_run(processor, video):
    view = view_tokens(encoded_with(processor, video, "no no no no no"), processor)
    assert {view.pieces[view.token[row]] for row, _ in view.runs} == {"<|video_pad|>"}


def test_words_that_are_added_tokens_are_never_gathered(processor):
    [five] = processor.tokenizer.encode("<5>", add_special_tokens=False)
    view = answered([five] * 3, [five] * 3, processor)
    assert (len(view.token), view.runs) == (3, [])


def test_padding_is_gathered_into_a_run(processor):
    pad = processor.tokenizer.pad_token_id
    view = view_sequence([pad] * 9, [IGNORE_INDEX] * 9, [Region(RegionKind.PADDING, 0, 9)], processor)
    assert view.runs == [(0, 9)]


def test_a_label_that_is_another_token_is_kept_apart_from_what_is_trained(processor):
    a, b = processor.tokenizer.encode("ab", add_special_tokens=False)
    view = answered([a, a, b], [a, b, IGNORE_INDEX], processor)
    assert view.trained == [(0, 1)]
    assert [(start, end, view.ids[number]) for start, end, number in view.other_labels] == [(1, 2, b)]


def test_the_totals_say_how_many_tokens_of_each_region_are_in_the_loss(processor, video):
    totals = view_tokens(encoded_with(processor, video), processor).totals
    assert totals["answer"] == (11, 11)
    assert totals["end_of_turn"] == (1, 1)
    assert sum(supervised for _, supervised in totals.values()) == 12


def test_a_token_that_is_no_whole_character_is_bytes_and_whole_beside_its_others(processor, video):
    view = view_tokens(encoded_with(processor, video, "see 🙂 there"), processor)
    assert "".join(view.pieces[number] for number in view.bytes).startswith("⟨")
    assert [text.strip() for _, _, text in view.texts] == ["🙂"]
    [(first, number, _)] = view.texts
    assert {view.pieces[one][0] for one in view.token[first : first + number]} == {"⟨"}


def test_no_character_is_put_together_across_a_change_of_label(processor):
    ids = processor.tokenizer.encode("🙂", add_special_tokens=False)
    assert len(answered(ids, ids, processor).texts) == 1
    assert answered(ids, [*ids[:-1], IGNORE_INDEX], processor).texts == []


def test_a_mask_is_held_against_the_one_that_was_proved(processor):
    ids = processor.tokenizer.encode("abcd", add_special_tokens=False)
    labels = [ids[0], ids[1], IGNORE_INDEX, IGNORE_INDEX]
    view = answered(ids, labels, processor, proven=np.array([False, True, True, False]))
    assert view.verdicts == [(0, 1, LEAK), (1, 2, AGREE), (2, 3, HOLE)]
    assert answered(ids, labels, processor).verdicts is None


def test_the_view_says_which_kinds_the_policy_trains_and_nothing_of_a_foreign_mask(processor, video):
    encoded = encoded_with(processor, video)
    assert view_tokens(encoded, processor).policy == ["answer", "end_of_turn"]
    policy = MaskPolicy(end_of_turn=False, newline=True)
    assert view_tokens(encoded, processor, policy=policy).policy == ["answer", "chat"]
    assert answered([1, 2], [1, 2], processor).policy is None


def test_a_row_of_thirty_thousand_tokens_is_sent_in_some_tens_of_kilobytes(processor):
    stamp = processor.tokenizer.encode("<12.5 seconds>", add_special_tokens=False)
    [pad] = processor.tokenizer.encode("<|video_pad|>", add_special_tokens=False)
    ids, regions = [], []
    for _ in range(200):
        regions.append(Region(RegionKind.TIMESTAMP, len(ids), len(ids) + len(stamp)))
        ids += [*stamp, *[pad] * 144]
        regions.append(Region(RegionKind.VIDEO, regions[-1].end, len(ids)))
    frames = view_frames([0.5 * i for i in range(400)], 200, duration=200.0)
    view = view_sequence(ids, [IGNORE_INDEX] * len(ids), regions, processor, frames=frames)
    assert view.num_tokens >= 30_000
    assert len(as_json(view)) < 40_000


def test_the_view_of_tokens_becomes_json_that_any_reader_accepts(processor, video):
    view = view_tokens(encoded_with(processor, video, "</script> \u2028 ${x} {{y}}"), processor)
    assert json.loads(as_json(view))["num_tokens"] == view.num_tokens
