"""What a person typed, or a file holds, is text in everything that the page is sent."""

import json
from unicodedata import normalize

import pytest

from tests.hostile_strings import FAMILIES, HOSTILE, packed
from tests.hostile_views import OF_SCRIPT, every_text_in, hostile_values
from vtg_core.chat.rendering import render
from vtg_core.dashboard import Settings
from vtg_core.dashboard.address import Address
from vtg_core.dashboard.notices import notice
from vtg_core.dashboard.samples import Samples, picked_number, sought_text
from vtg_core.data.annotations import Annotation, UnreadableRow
from vtg_core.files.assets import asset_folder
from vtg_core.regions import RegionKind
from vtg_core.video.timeline import shown_name
from vtg_core.windows import Window

SETTINGS = Settings()
PARAMETERS = ("sample", "template", "answer", "mask", "tab", "part", "colour", "token")


def test_the_corpus_is_large_and_of_every_kind():
    assert len(HOSTILE) >= 300
    assert min(map(len, FAMILIES.values())) >= 6
    assert all(text in " ".join(packed(1_900)) for text in HOSTILE)
    for text in HOSTILE:
        text.encode()


@pytest.mark.parametrize("script", OF_SCRIPT)
def test_every_field_of_a_view_can_be_hostile(script):
    assert every_text_in(hostile_values(script))


def test_a_link_takes_none_of_them():
    samples, opened = Samples(SETTINGS), Address.read(SETTINGS, Samples(SETTINGS), {}, tab="tokens")
    for text in HOSTILE:
        address = Address.read(SETTINGS, samples, dict.fromkeys(PARAMETERS, text), tab="tokens")
        assert sorted(address.ignored) == sorted(PARAMETERS)
        assert address.for_script("tokens") == opened.for_script("tokens")
        assert text not in address.remark or len(text) < 3


def test_the_picker_takes_no_number_from_them_and_looks_for_them_as_text():
    samples = Samples(SETTINGS)
    for text in HOSTILE:
        assert picked_number(text) is None
        assert sought_text(json.dumps({"find": text})) == text[:200]
        json.loads(samples.view(1, text))


def test_a_file_may_be_full_of_them():
    video = asset_folder() / "red_circle.mp4"
    rows = [
        Annotation(video, text, (Window(1, 2),), 30.0, text, row=i, qid=text)
        for i, text in enumerate(HOSTILE)
    ]
    unread = UnreadableRow(len(HOSTILE), HOSTILE[0], HOSTILE[1])
    samples = Samples(Settings(annotations=tuple(rows), unreadable=(unread,)))
    for i, text in enumerate(HOSTILE):
        assert i + 1 in [one.number for one in samples.find(text)]


def test_a_notice_and_a_files_name_hold_what_was_said():
    for text in HOSTILE:
        assert json.loads(notice("error", text))["text"] == text
        assert shown_name(asset_folder() / text.replace("/", "")).isprintable()


def test_none_of_them_is_a_control_token_where_a_person_wrote_it(processor):
    from vtg_core.masking.encoding import encode

    for text in packed(1_900):
        messages = [
            {"role": "user", "content": [{"type": "text", "text": text}]},
            {"role": "assistant", "content": [{"type": "text", "text": "[1.0, 2.0]"}]},
        ]
        chat = render(messages, processor, template_tokens=frozenset())
        encoded = encode(chat, processor, [])
        added = set(processor.tokenizer.added_tokens_decoder)
        [asked] = [r for r in encoded.regions if r.kind in (RegionKind.QUERY, RegionKind.INSTRUCTION)]
        ids = encoded.input_ids[asked.start : asked.end].tolist()
        assert not added & set(ids)
        read = processor.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        assert read == normalize("NFC", text)  # the tokenizer composes letters and their accents
