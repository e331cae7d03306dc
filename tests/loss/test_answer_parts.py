import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tests.conftest import ASSETS
from vtg_core.collator import SFTCollator
from vtg_core.data.answers import ANSWER_FORMATS, STANDARD_ANSWER, TEMPORAL_TOKEN_ANSWER
from vtg_core.dataset import Sample
from vtg_core.loss.answer_parts import AnswerPart, answer_loss, time_nats
from vtg_core.loss.score import predicting_positions
from vtg_core.loss.token_scores import TokenLoss
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import MaskPolicy, RegionKind
from vtg_core.templates import TEMPLATES
from vtg_core.video.plan import FramePolicy
from vtg_core.windows import Window

LETTERS = {
    AnswerPart.TIME: "t",
    AnswerPart.FORMAT: "f",
    AnswerPart.END_OF_TURN: "e",
    AnswerPart.OTHER: "o",
}


def of(mode):
    return next(template for template in TEMPLATES if template.mode == mode)


def encode(processor, video, windows, mode="standard", policy=None):
    sample = Sample(video, "a red circle", tuple(windows), of(mode), ANSWER_FORMATS[mode])
    return SFTCollator(processor, policy=policy).encode(sample)


def split(encoded, answer_format, nll=1.0):
    """The answer's loss where every token costs ``nll``."""
    columns = predicting_positions(encoded.labels[None])[1].tolist()
    tokens = [
        TokenLoss(column, int(encoded.input_ids[column]), "", nll, math.exp(-nll), 1, 0.0, ())
        for column in columns
    ]
    return answer_loss(tokens, encoded, answer_format)


def read(loss, encoded, tokenizer):
    """What each token is, as letters, under the token's own text."""
    texts = [tokenizer.decode([token.id]) for token in loss.tokens]
    return texts, "".join(LETTERS[part] for part in loss.parts)


def test_a_standard_answer_is_digits_words_and_its_end(processor, video):
    encoded = encode(processor, video, [Window(8, 14)])
    texts, parts = read(split(encoded, STANDARD_ANSWER), encoded, processor.tokenizer)
    assert texts == ["[", "8", ".", "0", ",", " ", "1", "4", ".", "0", "]", "<|im_end|>"]
    assert parts == "ftftffttftfe"


def test_a_temporal_answer_is_two_tokens_in_markers_and_its_end(processor, video):
    encoded = encode(processor, video, [Window(8, 14), Window(20, 30)], "temporal_tokens")
    texts, parts = read(split(encoded, TEMPORAL_TOKEN_ANSWER), encoded, processor.tokenizer)
    assert texts[:4] == ["<|box_start|>", "<266>", "<466>", "<|box_end|>"]
    assert parts == "fttf" * 2 + "e"


@pytest.mark.parametrize(("mode", "choices"), [("standard", 10**5), ("temporal_tokens", 1000**2)])
def test_uniform_guessing_costs_the_choices_of_the_format(processor, video, mode, choices):
    encoded = encode(processor, video, [Window(8, 14)], mode)
    loss = split(encoded, ANSWER_FORMATS[mode])
    assert loss.of_part(AnswerPart.TIME).uniform_nll == pytest.approx(math.log(choices))
    assert loss.of_part(AnswerPart.FORMAT).uniform_nll == 0
    assert loss.total.uniform_nll == pytest.approx(math.log(choices))


def test_parts_and_kinds_add_up_to_the_whole(processor, video):
    encoded = encode(processor, video, [Window(8, 14)])
    loss = split(encoded, STANDARD_ANSWER, nll=0.5)
    assert (loss.total.num_tokens, loss.total.sum_nll, loss.total.mean_nll) == (12, 6.0, 0.5)
    assert sum(loss.of_part(part).num_tokens for part in AnswerPart) == 12
    assert loss.of_kind(RegionKind.ANSWER).num_tokens == 11
    assert loss.of_kind(RegionKind.END_OF_TURN).sum_nll == 0.5


def test_a_part_that_is_not_there_has_no_mean(processor, video):
    loss = split(encode(processor, video, [Window(8, 14)]), STANDARD_ANSWER)
    other = loss.of_part(AnswerPart.OTHER)
    assert (other.num_tokens, other.sum_nll, other.mean_nll, other.uniform_nll) == (0, 0.0, None, None)


def test_the_newline_is_neither_answer_nor_end_and_its_choices_are_not_known(processor, video):
    encoded = encode(processor, video, [Window(8, 14)], policy=MaskPolicy(newline=True))
    loss = split(encoded, STANDARD_ANSWER)
    assert read(loss, encoded, processor.tokenizer)[1] == "ftftffttftfeo"
    assert loss.total.uniform_nll is None


def test_without_its_end_in_the_loss_no_token_is_the_end(processor, video):
    encoded = encode(processor, video, [Window(8, 14)], policy=MaskPolicy(end_of_turn=False))
    loss = split(encoded, STANDARD_ANSWER)
    assert loss.of_part(AnswerPart.END_OF_TURN).num_tokens == 0
    assert loss.total.num_tokens == 11


def as_json(windows, duration):
    return json.dumps([{"start": window.start, "end": window.end} for window in windows])


@pytest.mark.parametrize("answer", ["From 8 to 14 seconds.", as_json([Window(8, 14)], 30), "8 - 14"])
def test_an_answer_in_a_foreign_format_is_all_words(processor, answer):
    messages = [
        {"role": "user", "content": [{"type": "video", "video": str(ASSETS / "red_circle.mp4")}]},
        {"role": "assistant", "content": [{"type": "text", "text": answer}]},
    ]
    encoded = SFTCollator(processor, frames=FramePolicy(num_frames=4)).encode({"messages": messages})
    for answer_format in ANSWER_FORMATS.values():
        parts = set(split(encoded, answer_format).parts)
        assert parts == {AnswerPart.FORMAT, AnswerPart.END_OF_TURN}


def test_each_of_several_answers_is_read(processor):
    messages = []
    for answer in ("[8.0, 14.0]", "I cannot say", "[1.0, 2.0]"):
        video = {"type": "video", "video": str(ASSETS / "red_circle.mp4")}
        text = {"type": "text", "text": "When? [3.0, 4.0]"}
        messages.append({"role": "user", "content": [text] if messages else [video, text]})
        messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
    encoded = SFTCollator(processor, frames=FramePolicy(num_frames=4)).encode({"messages": messages})
    loss = split(encoded, STANDARD_ANSWER)
    assert loss.of_part(AnswerPart.TIME).num_tokens == 5 + 4
    assert loss.of_part(AnswerPart.TIME).uniform_nll == pytest.approx(9 * math.log(10))
    assert loss.of_part(AnswerPart.END_OF_TURN).num_tokens == 3


@pytest.fixture
def merging(own_processor):
    """The demo's processor with a tokenizer that joins digits, and digits with what stands around them."""
    tokenizer = own_processor.tokenizer
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    content["pre_tokenizer"] = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": False,
        "use_regex": False,
    }
    vocab, merges = content["model"]["vocab"], content["model"]["merges"]
    parts = {part for merge in merges for part in merge}
    words = [merge for merge in merges if "".join(merge) not in parts]
    for joined in (["1", "4"], [".", "0"], ["14", ".0"], ["[", "8"]):
        word = words.pop()
        merges.remove(word)
        vocab["".join(joined)] = vocab.pop("".join(word))
        merges.append(joined)
    tokenizer._tokenizer = Tokenizer.from_str(json.dumps(content))
    return own_processor


def test_a_token_that_holds_a_digit_is_a_time_and_bears_its_share(merging, video):
    encoded = encode(merging, video, [Window(8, 14)])
    loss = split(encoded, STANDARD_ANSWER)
    texts, parts = read(loss, encoded, merging.tokenizer)
    assert list(zip(texts, parts, strict=True))[:2] == [("[8", "t"), (".0", "t")]
    assert parts.count("t") == 3
    assert loss.uniform[texts.index("14.0")] == pytest.approx(3 * math.log(10))
    assert loss.of_part(AnswerPart.TIME).uniform_nll == pytest.approx(5 * math.log(10))


@given(
    st.lists(st.integers(0, 295), min_size=2, max_size=8, unique=True), st.sampled_from(list(ANSWER_FORMATS))
)
@settings(max_examples=40)
def test_parts_partition_what_is_supervised_and_uniform_is_the_product_of_the_choices(tenths, mode):
    processor, video = SHARED["processor"], SHARED["video"]
    ordered = sorted(tenths)
    windows = [Window(a / 10, b / 10) for a, b in zip(ordered[::2], ordered[1::2], strict=False)]
    encoded = encode(processor, video, windows, mode)
    loss = split(encoded, ANSWER_FORMATS[mode])
    supervised = predicting_positions(encoded.labels[None])[1]
    assert [token.index for token in loss.tokens] == supervised.tolist()
    assert sum(loss.of_part(part).num_tokens for part in AnswerPart) == len(supervised)
    times = ANSWER_FORMATS[mode].times(ANSWER_FORMATS[mode].render(windows, 30))
    expected = math.fsum(math.log(time.num_choices) for time in times)
    assert loss.total.uniform_nll == pytest.approx(expected)
    assert time_nats(encoded, ANSWER_FORMATS[mode]).sum() == pytest.approx(expected)


SHARED = {}


@pytest.fixture(autouse=True)
def shared(processor, video):
    """What the values that Hypothesis draws are tried on; it takes no fixture of a test's own."""
    SHARED.update(processor=process_videos_once(processor), video=video)
