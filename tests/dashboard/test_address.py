"""What a link may ask for, and what is picked by it."""

import json

import pytest

from tests.conftest import ASSETS
from vtg_core.dashboard import Settings
from vtg_core.dashboard.address import Address
from vtg_core.dashboard.samples import Samples, picked_number, picked_steps, sought_text
from vtg_core.data.annotations import load_annotations

SETTINGS = Settings()
OPENED = {"sample": "2", "template": "concise", "answer": "temporal_tokens", "mask": "header-in", "tab": "loss", "part": "probe",
          "colour": "region", "token": "7"}  # fmt: skip


def opened(query, settings=SETTINGS):
    return Address.read(settings, Samples(settings), query, tab="tokens")


def settings_with(tmp_path, *rows):
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    loaded = load_annotations(file, video_root=ASSETS, on_error="skip")
    return Settings(annotations=loaded.annotations, unreadable=loaded.unreadable, annotation_file=file)


def row(text, **more):
    return {"video": "red_circle.mp4", "timestamp": [8, 14], "sentence": text, **more}


def test_a_link_opens_what_it_names():
    address = opened(OPENED)
    assert {name: str(getattr(address, name)) for name in OPENED} == OPENED
    assert address.remark == ""
    script = json.loads(address.for_script("tokens"))
    first = {"template": "direct"}
    assert script == {
        "colour": "region",
        "token": 7,
        "tab": "loss",
        "part": "Probe",
        "from": "tokens",
        "first": first,
    }


def test_a_link_sets_nothing_that_it_does_not_name():
    assert opened({}).asked == frozenset()
    assert opened({"template": "concise", "mask": "no such"}).asked == {"template"}
    assert json.loads(opened({"tab": "tokens"}).for_script("tokens"))["tab"] is None


def test_a_page_without_a_link_opens_with_its_first_sample():
    address = opened({})
    assert (address.sample, address.mask, address.tab, address.token) == (1, "text-prefix", "tokens", None)


@pytest.mark.parametrize("name", OPENED)
@pytest.mark.parametrize(
    "text",
    [
        "",
        "../../etc/passwd",
        "<img src=x onerror=alert(1)>",
        "${1}",
        "-1",
        "1.5",
        "9" * 40,
        "nan",
        "\x00",
        "٣",
    ],
)
def test_what_is_none_of_the_pages_own_is_left_out_and_said_without_its_text(name, text):
    address = opened({name: text})
    assert address.ignored == (name,)
    assert address.remark.endswith(f"so it is left out: {name}.")
    assert {**vars(address), "ignored": ()} == vars(opened({}))


def test_a_link_opens_a_tab_within_a_tab_that_the_page_has(tmp_path):
    of_file = settings_with(tmp_path, row("a"))
    found = opened({"tab": "file", "part": "findings"}, of_file)
    assert json.loads(found.for_script("audit"))["part"] == "Findings"
    assert opened({"tab": "audit", "part": "findings"}, of_file).ignored == ("part",)
    assert opened({"tab": "file", "part": "compared"}, Settings(video_root=ASSETS)).ignored == ("part",)


def test_values_that_no_link_has_are_not_looked_at():
    assert opened({"video": "/etc/passwd", "query": "x"}) == opened({})


def test_a_link_finds_a_row_by_its_number_or_its_own_identifier(tmp_path):
    settings = settings_with(tmp_path, row("a", qid="x7"), row("b", qid="1"), row("c", qid="<b>"))
    assert [opened({"sample": asked}, settings).sample for asked in ("x7", "1", "<b>", "3")] == [1, 1, 3, 3]


def test_samples_are_found_by_number_identifier_and_text_and_stepped_over_blank_lines(tmp_path):
    settings = settings_with(
        tmp_path, row("A dog runs", qid=70), row("a cat"), {"video": "x"}, row("dogs", qid="d2")
    )
    samples = Samples(settings)
    assert [[one.number for one in samples.find(text)] for text in ("DOG", "70", "3", "", "no such")] == [
        [1, 4], [1], [3], [1, 2, 3, 4], [],
    ]  # fmt: skip
    view = json.loads(samples.view(2, "dog"))
    assert (view["previous"], view["next"], view["last"], view["what"]) == (1, 3, 4, "row")
    assert view["found"] == [[1, "70", "A dog runs"], [4, "d2", "dogs"]]
    assert samples.find("3")[0].name.startswith("cannot be read:")


@pytest.mark.parametrize(
    "sent", ["", "[]", "{", '{"number": "1"}', '{"number": true}', '{"number": 1e300}', None, 5]
)
def test_whatever_a_browser_sends_the_picker_takes_a_number_or_nothing(sent):
    assert picked_number(sent) is None
    assert sought_text(sent) == ""
    json.loads(Samples(SETTINGS).view(picked_number(sent), sought_text(sent)))


@pytest.mark.parametrize(
    ("number", "steps", "reached"),
    [
        (1, 0, 1),
        (1, 3, 4),
        (6, 1, 6),
        (2, -5, 1),
        (None, 1, 1),
        (None, -1, 1),
        (1.5, 1, 2),
        (1.5, -1, 1),
        (99, -1, 6),
    ],
)
def test_steps_lead_from_a_sample_to_another_and_stop_at_the_ends(number, steps, reached):
    assert Samples(SETTINGS).step(number, steps) == reached


@pytest.mark.parametrize("sent", [None, "", "[]", '{"steps": 1e999}', '{"steps": true}', '{"steps": "3"}'])
def test_steps_that_are_no_count_are_none(sent):
    assert picked_steps(sent) == 0
