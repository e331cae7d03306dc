import pickle
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from transformers import AddedToken, Trainer, TrainingArguments

from tests.conversation_files import ROWS, spoken, write_rows
from vtg_core.collator import SFTCollator
from vtg_core.data.answer_forms.registry import form_named
from vtg_core.data.answers import STANDARD_ANSWER
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.errors import ConversationError, LengthError, VideoError
from vtg_core.masking.pixel_free import PixelFreeEncoder
from vtg_core.regions import MaskPolicy
from vtg_core.templates import TEMPLATES, PromptTemplate
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

ASSETS = Path(__file__).parent.parent / "assets"
FEW = FramePolicy(num_frames=4)
DEMOS = ["demo", "demo-qwen2.5-vl"]


@pytest.fixture
def samples(video, other_video):
    """Two samples of different length, one of them with control tokens in its query."""
    return [
        Sample(video, "a red circle appears", (Window(8, 14),), TEMPLATES[0], STANDARD_ANSWER),
        Sample(other_video, "stop <|im_end|> there", (Window(5, 9),), TEMPLATES[5], STANDARD_ANSWER),
    ]


def rows(name="red_circle.mp4", answer="[8.0, 14.0]"):
    question = [{"type": "video", "video": str(ASSETS / name)}, {"type": "text", "text": "When?"}]
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages}


def supervised(batch, processor):
    return [processor.tokenizer.decode(row[row != -100]) for row in batch["labels"]]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_trains_each_rows_answer_whatever_the_padding(own_processor, samples, side):
    own_processor.tokenizer.padding_side = side
    batch = SFTCollator(own_processor)(samples)
    assert supervised(batch, own_processor) == ["[8.0, 14.0]<|im_end|>", "[5.0, 9.0]<|im_end|>"]
    num_padding = int((batch["attention_mask"][0] == 0).sum())
    padded = slice(None, num_padding) if side == "left" else slice(-num_padding, None)
    assert num_padding > 0
    assert set(batch["input_ids"][0][padded].tolist()) == {own_processor.tokenizer.pad_token_id}
    assert set(batch["labels"][0][padded].tolist()) == {-100}


def test_tensors_have_the_documented_types_and_shapes(processor, samples):
    batch = SFTCollator(processor)(samples)
    for name in ("input_ids", "labels", "attention_mask", "mm_token_type_ids"):
        assert batch[name].dtype == torch.int64
        assert batch[name].shape == batch["input_ids"].shape
    assert batch["video_grid_thw"].shape == (2, 3)
    assert len(batch["pixel_values_videos"]) == int(batch["video_grid_thw"].prod(1).sum())


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", DEMOS)
def test_the_batch_is_the_processors_own_batch_of_the_same_texts(
    processors_by_name, video, other_video, name, side
):
    processor = deepcopy(processors_by_name[name])
    processor.tokenizer.padding_side = side
    clips = [video, other_video]
    batch = SFTCollator(processor)(
        [Sample(c, "a cat", (Window(1, 2),), TEMPLATES[i], STANDARD_ANSWER) for i, c in enumerate(clips)]
    )
    messages = [
        Sample(c, "a cat", (Window(1, 2),), TEMPLATES[i], STANDARD_ANSWER).messages
        for i, c in enumerate(clips)
    ]
    own = processor(
        text=[processor.apply_chat_template(m) for m in messages],
        videos=[clip.frames for clip in clips],
        video_metadata=[clip.metadata for clip in clips],
        do_sample_frames=False,
        padding=True,
        return_tensors="pt",
    )
    assert set(own) <= set(batch)
    for key in own:
        assert torch.equal(torch.as_tensor(own[key]), batch[key]), key


def test_plain_messages_and_dataset_items_make_the_same_batch(processor):
    item = VideoTemporalSFTDataset(ASSETS / "demo_annotations.json", frames=FEW, template_seed=1)[0]
    collator = SFTCollator(processor, frames=FEW)
    ours, theirs = collator([item]), collator([{"messages": item.messages}])
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_batch_may_mix_items_messages_and_rows_without_a_video(processor, samples):
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    batch = SFTCollator(processor, frames=FEW)([{"messages": talk}, samples[0], rows()])
    assert supervised(batch, processor) == [
        "Hello<|im_end|>",
        "[8.0, 14.0]<|im_end|>",
        "[8.0, 14.0]<|im_end|>",
    ]
    assert batch["video_grid_thw"].shape == (2, 3)


def test_a_batch_without_any_video_has_no_media(processor):
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    batch = SFTCollator(processor)([{"messages": talk}])
    assert set(batch) == {"input_ids", "labels", "attention_mask", "mm_token_type_ids"}


def test_a_sampled_video_may_stand_in_for_a_path(processor, video):
    row = rows()
    row["messages"][0]["content"][0]["video"] = video
    assert supervised(SFTCollator(processor)([row]), processor) == ["[8.0, 14.0]<|im_end|>"]


def test_the_policy_decides_what_is_trained(processor, samples):
    batch = SFTCollator(processor, policy=MaskPolicy(end_of_turn=False))(samples)
    assert supervised(batch, processor) == ["[8.0, 14.0]", "[5.0, 9.0]"]


def test_a_sample_over_the_bound_is_an_error_that_says_how_long_it_is(processor, samples):
    with pytest.raises(LengthError, match=r"at most max_length=50 tokens, got \d+, \d+ of them video; raise"):
        SFTCollator(processor, max_length=50)(samples)


def test_a_sample_over_the_bound_can_be_dropped_with_a_reason(processor, samples, caplog):
    length = len(SFTCollator(processor).encode(samples[0]))
    collator = SFTCollator(processor, max_length=length, over_length="drop")
    assert supervised(collator(samples), processor) == ["[8.0, 14.0]<|im_end|>"]
    assert len(collator.dropped) == 1
    assert "a sample must have at most max_length=" in caplog.text


def test_the_media_of_a_dropped_sample_go_with_it(processor, samples):
    length = len(SFTCollator(processor).encode(samples[0]))
    batch = SFTCollator(processor, max_length=length, over_length="drop")(samples[::-1])
    assert batch["video_grid_thw"].shape == (1, 3)
    assert len(batch["pixel_values_videos"]) == int(batch["video_grid_thw"].prod())


def test_a_batch_of_which_nothing_is_left_is_an_error(processor, samples):
    with pytest.raises(LengthError, match="all 2 are longer than max_length=5; raise it"):
        SFTCollator(processor, max_length=5, over_length="drop")(samples)


@pytest.mark.parametrize("bound", [0, -1])
def test_a_bound_below_one_is_refused(processor, bound):
    with pytest.raises(LengthError, match="max_length must be at least 1 token"):
        SFTCollator(processor, max_length=bound)


def test_an_unknown_way_with_long_samples_is_refused(processor):
    with pytest.raises(ValueError, match="truncate"):
        SFTCollator(processor, over_length="truncate")


def test_an_empty_batch_is_refused(processor):
    with pytest.raises(ValueError, match="at least one sample"):
        SFTCollator(processor)([])


@pytest.mark.parametrize("sample", [{}, {"input_ids": [1]}, "hello", None])
def test_something_that_is_no_sample_is_refused_with_what_may_have_gone_wrong(processor, sample):
    with pytest.raises(ConversationError, match="remove_unused_columns=False"):
        SFTCollator(processor)([sample])


@pytest.mark.parametrize("source", [7, ["a.mp4"], b"a.mp4"])
def test_a_video_must_be_a_path(processor, source):
    row = rows()
    row["messages"][0]["content"][0]["video"] = source
    with pytest.raises(ConversationError, match="a video must be the path of a local file"):
        SFTCollator(processor)([row])


def test_a_video_that_is_not_there_is_a_video_error(processor):
    with pytest.raises(VideoError, match=r"gone.mp4"):
        SFTCollator(processor)([rows("gone.mp4")])


def test_samples_are_left_as_they_were(processor, video):
    row = rows()
    before = repr(row)
    SFTCollator(processor, frames=FEW)([row])
    assert repr(row) == before


def test_a_collator_reaches_the_workers_of_a_data_loader(processor, samples):
    copy = pickle.loads(pickle.dumps(SFTCollator(processor, max_length=5_000)))
    assert torch.equal(copy(samples)["labels"], SFTCollator(processor)(samples)["labels"])


@pytest.fixture
def train(tmp_path, models_by_name):
    """Train a copy of a demo model for three steps; give back its losses and what was fed to it."""

    def train(name, dataset, collator, **options):
        fed = []

        def collate(batch):
            fed.append(collator(batch))
            return fed[-1]

        arguments = TrainingArguments(
            output_dir=str(tmp_path), max_steps=3, per_device_train_batch_size=2, logging_steps=1, report_to="none",
            save_strategy="no", use_cpu=True, learning_rate=1e-3, disable_tqdm=True, seed=0, **options,
        )  # fmt: skip
        trainer = Trainer(
            model=deepcopy(models_by_name[name]),
            args=arguments,
            train_dataset=dataset,
            data_collator=collate if not options else collator,
        )
        trainer.train()
        return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry], fed

    return train


@pytest.mark.parametrize("name", DEMOS)
def test_a_real_trainer_trains_three_steps_on_the_dataset(train, processors_by_name, name):
    dataset = VideoTemporalSFTDataset(ASSETS / "demo_annotations.json", frames=FEW, template_seed=0)
    losses, fed = train(name, dataset, SFTCollator(processors_by_name[name]))
    assert len(losses) == 3
    assert losses[-1] < losses[0] < 9
    answers = {sample.answer + "<|im_end|>" for sample in dataset}
    assert {words for batch in fed for words in supervised(batch, processors_by_name[name])} == answers


def test_a_real_trainer_trains_three_steps_on_plain_messages(train, processor):
    dataset = [rows(), rows("two_events.mp4", "[5.0, 9.0]")]
    losses, _ = train("demo", dataset, SFTCollator(processor, frames=FEW), remove_unused_columns=False)
    assert len(losses) == 3
    assert losses[-1] < losses[0]


def test_a_trainer_that_takes_the_messages_away_gets_a_hint(train, processor):
    with pytest.raises(ConversationError, match="set remove_unused_columns=False"):
        train("demo", [rows()], SFTCollator(processor), remove_unused_columns=True)


def test_plain_messages_keep_a_templates_tokens_only_where_it_says_what_a_person_typed(processor, video):
    prompt = TEMPLATES[8].format("a star")
    part = {"type": "text", "text": prompt.text}
    rows = [part, {**part, "query": [prompt.query_start, prompt.query_end]}]
    marker = processor.tokenizer.convert_tokens_to_ids("<|box_start|>")
    counts = []
    for row in rows:
        messages = [
            {"role": "user", "content": [row]},
            {"role": "assistant", "content": "<|box_start|><1><2><|box_end|>"},
        ]
        counts.append(SFTCollator(processor)([{"messages": messages}])["input_ids"][0].tolist().count(marker))
    assert counts == [1, 2]


@pytest.mark.parametrize(
    ("weights", "policy", "trained"),
    [
        ((None, None), {}, "Answer 0.<|im_end|>Answer 1.<|im_end|>"),
        ((0, None), {}, "Answer 1.<|im_end|>"),
        ((1, False), {}, "Answer 0.<|im_end|>"),
        ((None, None), {"turns": "last"}, "Answer 1.<|im_end|>"),
        ((1, 1, 0), {"turns": "last"}, "Answer 1.<|im_end|>"),
        ((0, 1), {"newline": True}, "Answer 1.<|im_end|>\n"),
    ],
)
def test_a_conversation_trains_the_turns_that_its_row_says(own_processor, tmp_path, weights, policy, trained):
    rows = VideoTemporalSFTDataset(write_rows(tmp_path, spoken(*weights)), ASSETS, frames=FEW)
    batch = SFTCollator(own_processor, policy=MaskPolicy(**policy))([rows[0]])
    assert supervised(batch, own_processor) == [trained]


@pytest.mark.parametrize("form", ROWS)
def test_every_form_of_a_conversation_trains_all_its_answers(own_processor, tmp_path, form):
    sample = VideoTemporalSFTDataset(write_rows(tmp_path, ROWS[form]), ASSETS, frames=FEW)[0]
    batch = SFTCollator(own_processor)([sample])
    assert supervised(batch, own_processor) == ["".join(f"{said}<|im_end|>" for said in sample.answers)]


@pytest.fixture
def with_tokens(own_processor):
    """A processor whose tokenizer has the tokens of t_100 as control tokens."""
    tokens = form_named("t_100_tokens").tokens
    own_processor.tokenizer.add_tokens(
        [AddedToken(token, special=True, normalized=False) for token in tokens]
    )
    return own_processor


def asked_with_a_token(video, mode):
    """Return a sample whose template, of ``mode``, writes a token of t_100, and whose query does too."""
    template = PromptTemplate("own", "own", mode, "Answer with tokens such as <t26>: {query}")
    return Sample(video, "a <t26> sign", (Window(8, 14),), template, form_named("t_100_tokens"))


@pytest.mark.parametrize(
    ("mode", "num_written"),
    [("t_100_tokens", 2), ("t_100_sentence", 2), ("standard", 1), ("bins_100_tokens", 1)],
)
def test_a_template_writes_the_tokens_of_its_own_answer_form_alone(with_tokens, video, mode, num_written):
    sample = asked_with_a_token(video, mode)
    assert sample.answer == "<t26><t46>"
    token = with_tokens.tokenizer.convert_tokens_to_ids("<t26>")
    row = {
        "messages": sample.messages,
        "videos": [video.frames],
        "video_metadata": [video.metadata],
        "mode": mode,
    }
    ours, theirs = (SFTCollator(with_tokens)([one])["input_ids"] for one in (sample, row))
    assert ours[0].tolist().count(token) == num_written
    assert torch.equal(ours, theirs)
    assert PixelFreeEncoder(with_tokens).encode(sample).input_ids.tolist() == ours[0].tolist()


@pytest.mark.parametrize("mode", ["train", 3, ["standard"], None])
def test_a_mode_that_names_no_answer_form_is_none_of_ours(processor, mode):
    collator = SFTCollator(processor, frames=FEW)
    assert torch.equal(collator([rows() | {"mode": mode}])["input_ids"], collator([rows()])["input_ids"])
