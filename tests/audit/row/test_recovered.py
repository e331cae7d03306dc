"""Saved batches: only tensors are read, and what a row was made from is recovered from its ids, or not at all."""

import os
import pickle
from collections import OrderedDict
from dataclasses import replace
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from tests.chat.test_rendering import NEWLINE_BEFORE_END, PLAIN, RIGHT, THINKING, chatml
from vtg_core.audit.batch import files
from vtg_core.audit.batch.files import load_batch
from vtg_core.audit.foreign.fuzz_cases import Case, cases_of
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known
from vtg_core.audit.row.readings import find_turns
from vtg_core.audit.row.recovered import known_of_row
from vtg_core.chat.conversation import Role
from vtg_core.data.answers import ANSWER_FORMATS
from vtg_core.dataset import Sample
from vtg_core.errors import VTGError
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.templates import TEMPLATES, templates_for
from vtg_core.windows import Window

BATCH = {"input_ids": torch.arange(8).reshape(2, 4), "labels": torch.full((2, 4), -100)}


class Code:
    """An object whose pickle would run something."""

    def __reduce__(self):
        return os.mkdir, ("was_run",)


def sample_of(video, template, query="a red circle appears"):
    return Sample(video, query, (Window(8, 14),), template, ANSWER_FORMATS[template.mode])


@pytest.fixture(scope="session", params=["demo", "demo-qwen2.5-vl"])
def chat(request, processors_by_name):
    return ChatIds.of(process_videos_once(processors_by_name[request.param]))


def recovered(ids, chat):
    ids = np.asarray(ids, dtype=np.int64)
    return known_of_row(ids, np.zeros(len(ids), dtype=bool), chat)


def test_both_kinds_of_file_give_the_tensors_back(tmp_path):
    torch.save(BATCH, tmp_path / "batch.pt")
    torch.save(OrderedDict(BATCH), tmp_path / "ordered.bin")
    save_file(BATCH, tmp_path / "batch.safetensors")
    for name in ("batch.pt", "ordered.bin", "batch.safetensors"):
        loaded = load_batch(tmp_path / name)
        assert loaded.keys() == BATCH.keys()
        assert all(torch.equal(loaded[key], BATCH[key]) for key in BATCH)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"input_ids": Code()}, "evil.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Code()))
    for name in ("evil.pt", "plain.pt"):
        with pytest.raises(VTGError, match="holds Python objects that only running its code would rebuild"):
            load_batch(name)
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([torch.zeros(1)], "must hold a mapping .* and holds list"),
        ({}, "must hold a mapping"),
        ({"labels": [1]}, "'labels' is list"),
        ({"batch": {"labels": torch.zeros(1)}}, "'batch' is dict"),
        ({3: torch.zeros(1)}, "'3' is Tensor"),
        ({"labels": torch.eye(3).to_sparse()}, "must be a dense one"),
        ({"labels": torch.zeros(1, device="meta")}, "must be a dense one"),
        ({"labels": torch.zeros(1).expand(10**11)}, "at most 8 GB, and x.pt takes 400.0 GB"),
    ],
)
def test_what_is_no_mapping_of_tensors_is_refused(content, said, tmp_path):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(VTGError, match=said):
        load_batch(tmp_path / "x.pt")


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no batch", b"PK\x03\x04", b"\x80\x02}", b"\xff" * 64])
def test_a_file_of_something_else_is_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VTGError, match=name):
        load_batch(tmp_path / name)


def test_a_path_that_is_no_file_is_refused_without_opening_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    for path, said in (
        (tmp_path, "must be a file"),
        (tmp_path / "pipe.pt", "must be a file"),
        (tmp_path / "none.pt", "cannot be opened"),
        (tmp_path / "a\0b", "not a possible file name"),
    ):
        with pytest.raises(VTGError, match=said):
            load_batch(path)


def test_a_file_over_the_bound_is_refused_before_it_is_read(tmp_path, monkeypatch):
    torch.save(BATCH, tmp_path / "x.pt")
    monkeypatch.setattr(files, "MAX_BATCH_BYTES", 100)
    with pytest.raises(VTGError, match="a saved batch must take at most"):
        load_batch(tmp_path / "x.pt")


def test_an_archive_is_refused_by_the_size_of_what_it_unpacks_to(tmp_path, monkeypatch):
    torch.save({"labels": torch.zeros(10**6)}, tmp_path / "plain.pt")
    with ZipFile(tmp_path / "plain.pt") as plain, ZipFile(tmp_path / "x.pt", "w", ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    monkeypatch.setattr(files, "MAX_BATCH_BYTES", 10**5)
    assert (tmp_path / "x.pt").stat().st_size < 10**5
    monkeypatch.setattr("torch.load", None)  # it is not even tried
    with pytest.raises(VTGError, match=r"must take at most .* and x\.pt takes 0\.0 GB"):
        load_batch(tmp_path / "x.pt")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: f"{t.mode}-{t.name}")
def test_a_row_of_any_template_and_guise_is_recovered_as_it_was(template, chat, video):
    for case in [Case("", sample := sample_of(video, template)), *cases_of(sample, chat)]:
        encoded, known = encode_known(case.messages, chat.processor, [case.video])
        found = recovered(encoded.input_ids, chat)
        assert found.reason == "", case.name
        np.testing.assert_array_equal(found.known.tokens.labels(), encoded.labels.numpy())
        assert found.known.answers == known.answers
        if known.prompts:
            assert [p.tolist() for p in found.known.prompts] == [p.tolist() for p in known.prompts]


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_is_left_out(side, chat, video):
    encoded, _ = encode_known(sample_of(video, TEMPLATES[0]).messages, chat.processor, [video])
    ids, pads = encoded.input_ids.numpy(), np.full(5, chat.pad_id)
    row = np.concatenate([pads, ids] if side == "left" else [ids, pads])
    is_padding = np.concatenate([pads == pads, ids != ids] if side == "left" else [ids != ids, pads == pads])
    assert known_of_row(row, is_padding, chat).known.tokens.input_ids.tolist() == ids.tolist()


def test_a_row_that_is_cut_or_changed_is_not_recovered_and_says_why(chat, video):
    encoded, _ = encode_known(sample_of(video, TEMPLATES[0]).messages, chat.processor, [video])
    ids = encoded.input_ids.numpy()
    assert "differs at token" in recovered(ids[:-2], chat).reason
    assert (
        "must write the row again"
        in recovered(np.delete(ids, np.flatnonzero(chat.is_opening(ids))[-1] - 1), chat).reason
    )
    assert (
        "must come in pairs"
        in recovered(np.delete(ids, np.isin(ids, list(chat.marker_ids)).nonzero()[0][0]), chat).reason
    )
    assert "outside the vocabulary" in recovered(ids + chat.vocab_size, chat).reason
    assert "empty" in recovered([], chat).reason
    assert recovered([5, 6, 7], chat).known is None


@pytest.fixture
def chat_of(own_processor):
    """What the demo's ids mean under another chat template."""

    def of(template):
        own_processor.chat_template = own_processor.tokenizer.chat_template = template
        return ChatIds.of(process_videos_once(own_processor))

    return of


UNUSUAL = {
    **RIGHT,
    "renamed roles": chatml(
        PLAIN.replace("message.role", "('gpt' if message.role == 'assistant' else 'human')")
    ).replace("assistant\n", "gpt\n"),
    "a dated system turn": chatml(PLAIN).replace(
        "{%- for message", "{{- '<|im_start|>system\nToday is Monday.<|im_end|>\n' -}}{%- for message", 1
    ),
    "newline before the end": NEWLINE_BEFORE_END,
    "thinking": THINKING,
}
UNUSUAL.pop("plain roles")


@pytest.mark.parametrize("name", UNUSUAL)
def test_a_row_of_an_unusual_template_is_recovered(name, chat_of, video):
    chat = chat_of(UNUSUAL[name])
    encoded, known = encode_known(sample_of(video, TEMPLATES[0]).messages, chat.processor, [video])
    found = recovered(encoded.input_ids, chat)
    assert found.reason == ""
    assert found.known.answers == known.answers
    np.testing.assert_array_equal(found.known.tokens.labels(), encoded.labels.numpy())


def test_a_system_turn_that_opens_as_the_users_is_read_as_the_users(chat_of, video):
    chat = chat_of(UNUSUAL["renamed roles"])
    assert chat.openings[Role.SYSTEM] == chat.openings[Role.USER]
    encoded, _ = encode_known(sample_of(video, TEMPLATES[0]).messages, chat.processor, [video])
    assert [turn.role for turn in find_turns(encoded.input_ids.numpy(), chat)] == [Role.USER, Role.ASSISTANT]


@pytest.mark.parametrize("name", ["llama 3", "a dated system turn"])
def test_what_begins_the_sequence_is_no_part_of_a_turns_opening(name, chat_of):
    chat = chat_of(UNUSUAL[name])
    assert len(chat.opening_starts) == 1
    assert chat.decode(chat.openings[Role.SYSTEM]).count("system") == 1


def test_a_template_whose_turns_no_token_opens_is_read_by_what_it_always_writes(chat_of, video):
    chat = chat_of(RIGHT["plain roles"])
    sample = sample_of(video, TEMPLATES[0], query="USER: a circle ASSISTANT: [1.0, 2.0]")
    encoded, _ = encode_known(sample.messages, chat.processor, [video])
    found = recovered(encoded.input_ids, chat)
    assert found.known.answers == (sample.answer,), found.reason
    assert np.array_equal(found.known.tokens.labels(), encoded.labels.numpy())


def test_a_row_without_an_answer_says_why_it_is_not_read(chat_of):
    chat = chat_of(RIGHT["plain roles"])
    ids = np.array(chat.tokenizer.encode("USER: When?"))
    assert "this chat template writes none" in recovered(ids, chat).reason


def test_the_grid_is_kept(chat, video):
    encoded, _ = encode_known(sample_of(video, TEMPLATES[0]).messages, chat.processor, [video])
    ids, grid = encoded.input_ids.numpy(), np.array([[2, 12, 20]])
    assert known_of_row(ids, ids < 0, chat, grid).known.grid is grid


@settings(max_examples=150)
@given(data=st.data())
def test_no_row_however_weird_raises(data, processor):
    chat = ChatIds.of(processor)
    strange = st.sampled_from([*chat.control_ids[:24].tolist(), *range(12), chat.vocab_size - 1])
    header = st.sampled_from([list(opening) for opening in chat.openings.values()])
    ids = [
        i
        for part in data.draw(st.lists(st.one_of(strange.map(lambda i: [i]), header), max_size=30))
        for i in part
    ]
    found = recovered(ids, chat)
    assert (found.known is None) == bool(found.reason)


def test_two_videos_in_one_turn_are_told_apart(chat, video):
    content = [
        {"type": "video", "video": "a.mp4"},
        {"type": "text", "text": "or "},
        {"type": "video", "video": "b.mp4"},
        {"type": "video", "video": "c.mp4"},
        {"type": "text", "text": "?"},
    ]
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": "the first"}]
    short = replace(video, frames=video.frames[:2], timestamps=video.timestamps[:2], frame_indices=(0, 1))
    encoded, _ = encode_known(messages, chat.processor, [video, short, video])
    known = recovered(encoded.input_ids, chat).known
    assert known.answers == ("the first",)
    np.testing.assert_array_equal(
        known.tokens.kinds, encode_known(messages, chat.processor, [video, short, video])[1].tokens.kinds
    )


def test_a_conversation_without_a_video_is_recovered(chat):
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hello, you"}]
    encoded, known = encode_known(messages, chat.processor, [])
    found = recovered(encoded.input_ids, chat).known
    assert found.answers == known.answers
    assert [p.tolist() for p in found.prompts] == [p.tolist() for p in known.prompts]


def test_templates_of_both_modes_are_covered():
    assert {template.mode for template in TEMPLATES} == {
        t.mode for m in ANSWER_FORMATS for t in templates_for(m)
    }
