"""Variations of a foreign collator's input: a right mask survives them all, a wrong one yields a test that fails."""

import sys

import pytest

from vtg_core.audit.codes.fuzz import CODES
from vtg_core.audit.foreign.collators import ForeignCollator, foreign_samples, load_collator
from vtg_core.audit.foreign.fuzz import fuzz, supervised_texts
from vtg_core.audit.foreign.fuzz_cases import Case, cases_of, smaller_cases
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.collator import SFTCollator
from vtg_core.data.answers import ANSWER_FORMATS, AnswerMode
from vtg_core.dataset import Sample
from vtg_core.errors import MaskingError
from vtg_core.templates import templates_for
from vtg_core.windows import Window

FOREIGN = '''
import torch
from vtg_core.collator import SFTCollator

class Ours:
    """A collator without fault, of three policies."""
    keep = "all"
    def __init__(self, processor): self.inner, self.tokenizer = SFTCollator(processor), processor.tokenizer
    def __call__(self, samples): return self.inner(samples)

class LastTurn(Ours):
    def __call__(self, samples):
        batch = self.inner(samples)
        for row in batch["labels"]:
            starts = [i for i in range(1, len(row)) if row[i] >= 0 > row[i - 1]]
            row[: starts[-1]] = -100
        return batch

class Rightist(Ours):
    """Computes its mask on unpadded rows, and forgets where padding went."""
    def __call__(self, samples):
        batch = self.inner(samples)
        labels = torch.full_like(batch["labels"], -100)
        for row, sample in enumerate(samples):
            own = self.inner([sample])["labels"][0]
            labels[row, : len(own)] = own
        batch["labels"] = torch.where(labels >= 0, batch["input_ids"], -100)
        return batch

class FirstOnly(Ours):
    def __call__(self, samples): return self.inner(samples[:1])

class Swapped(Ours):
    def __call__(self, samples): return self.inner(samples[::-1])

class Rewriter(Ours):
    """Trains an answer of its own words."""
    def __call__(self, samples):
        def said(sample, start, end):
            content = [{"type": "text", "text": f"{start:.0f} to {end:.0f}"}]
            return {**sample, "messages": [*sample["messages"][:-1], {"role": "assistant", "content": content}]}
        return self.inner([said(sample, *sample["windows"][0]) for sample in samples])

class CarelessRewriter(Rewriter):
    """Rewrites, and loses the answer where a system message comes first."""
    def __call__(self, samples):
        batch = super().__call__(samples)
        if samples[0]["messages"][0]["role"] == "system":
            batch["labels"][:] = -100
        return batch

class NoSystem(Ours):
    def __call__(self, samples):
        assert all(s["messages"][0]["role"] == "user" for s in samples), "who is that?"
        return self.inner(samples)

class NoEmoji(Ours):
    def __call__(self, samples):
        assert all("\\U0001f534" not in s["query"] for s in samples), "who is that?"
        return self.inner(samples)

class TwoMessages(Ours):
    """Unpacks a question and its answer."""
    def __call__(self, samples):
        for sample in samples:
            question, answer = sample["messages"]
        return self.inner(samples)

class FirstTwo(Ours):
    """Takes the first two messages for the question and its answer."""
    def __call__(self, samples):
        def said(sample):
            texts = ["".join(p.get("text", "") for p in m["content"]) for m in sample["messages"][:2]]
            user = [{"type": "video", "video": "x"}, {"type": "text", "text": texts[0]}]
            content = [{"type": "text", "text": texts[1]}]
            return {**sample, "messages": [{"role": "user", "content": user}, {"role": "assistant", "content": content}]}
        return self.inner([said(sample) for sample in samples])

class ShortQueries(Ours):
    """Masks as many tokens as a long query has, whatever the query."""
    def __call__(self, samples):
        batch = self.inner(samples)
        if any("emoji" in s["query"] or "\\U0001f534" in s["query"] for s in samples):
            batch["labels"][:] = -100
        return batch

class Naive:
    """The processor's prompt prefix, as careful people write it by hand: a person's control tokens are not escaped."""
    def __init__(self, processor): self.processor = processor
    def __call__(self, samples):
        sample = samples[0]
        chat, options = self.processor.apply_chat_template, dict(
            videos=sample["videos"], video_metadata=sample["video_metadata"], do_sample_frames=False,
            input_data_format="channels_last", return_tensors="pt",
        )
        batch = dict(self.processor(text=[chat(sample["messages"])], **options))
        prompt = self.processor(text=[chat(sample["messages"][:-1], add_generation_prompt=True)], **options)
        batch["labels"] = batch["input_ids"].clone()
        batch["labels"][:, : prompt["input_ids"].shape[1]] = -100
        return batch

class Loud(Ours):
    def __call__(self, samples): raise RuntimeError("always")
'''


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """A current folder that holds ``theirs.py``."""
    (tmp_path / "theirs.py").write_text(FOREIGN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("theirs", None)


@pytest.fixture(scope="module", params=["demo", "demo-qwen2.5-vl"])
def chat(request, processors_by_name):
    return ChatIds.of(processors_by_name[request.param])


def sample_of(video, mode=AnswerMode.STANDARD):
    return Sample(
        video, "a red circle appears", (Window(8, 14),), templates_for(mode)[0], ANSWER_FORMATS[mode]
    )


def findings_of(name, chat, video, num=99, **options):
    return fuzz(load_collator(name, chat.processor), sample_of(video), num, chat, **options)


def run_test_in(code):
    """Run the one test that a finding brings."""
    names = {}
    exec(compile(code, "pasted.py", "exec"), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    test()


@pytest.mark.parametrize("mode", AnswerMode)
@pytest.mark.parametrize("name", ["theirs:Ours", "theirs:LastTurn", "vtg_core.recipes:processor_prefix"])
def test_a_right_mask_survives_every_variation(name, mode, chat, video, foreign):
    collator = load_collator(name, chat.processor)
    assert fuzz(collator, sample_of(video, mode), 99, chat) == []


def test_role_markers_survive_every_variation(chat, video):
    assert findings_of("vtg_core.recipes:role_markers", chat, video) == []


def test_a_bare_assistant_is_found_and_shrunk_to_the_word(chat, video):
    finding = findings_of("vtg_core.recipes:bare_assistant", chat, video, num=1, row=7)[0]
    assert (finding.code, finding.severity, finding.row) == ("fuzz.supervision-changed", "error", 7)
    assert finding.evidence["variation"] == "a query that says assistant"
    assert finding.evidence["expected"] == ["[8.0, 14.0]<|im_end|>"]
    assert finding.evidence["supervised"] != finding.evidence["expected"]
    assert finding.evidence["messages"][0]["content"][1]["text"] == "assistant"
    assert finding.evidence["setting"] == "2 frames"


@pytest.mark.parametrize("number", range(3))
def test_the_test_of_a_finding_fails_for_the_wrong_collator_and_passes_for_a_right_one(
    number, processor, video
):
    code = findings_of("vtg_core.recipes:bare_assistant", ChatIds.of(processor), video)[number].evidence[
        "test"
    ]
    with pytest.raises(AssertionError):
        run_test_in(code)
    run_test_in(code.replace("recipes:bare_assistant", "recipes:role_markers"))


def test_a_mask_that_forgets_left_padding_is_found_with_its_partner(processor, video, foreign):
    chat = ChatIds.of(processor)
    [finding] = findings_of("theirs:Rightist", chat, video)
    assert finding.evidence["variation"] == "a longer partner, padded on the left"
    assert finding.evidence["setting"] == "2 frames, a longer partner, padded on the left"
    assert "PARTNER" in finding.evidence["test"]
    with pytest.raises(AssertionError):
        run_test_in(finding.evidence["test"])
    run_test_in(finding.evidence["test"].replace("theirs:Rightist", "theirs:Ours"))


def test_a_collator_that_drops_the_partner_is_found(processor, video, foreign):
    [finding] = findings_of("theirs:FirstOnly", ChatIds.of(processor), video, num=5)
    assert (finding.code, finding.evidence["variation"]) == (
        "fuzz.collator-raises",
        "a longer partner, padded on the right",
    )
    assert "2 samples were given, and 1 rows came" in finding.message


def test_a_collator_that_raises_on_a_variation_is_found(processor, video, foreign):
    [finding] = findings_of("theirs:NoEmoji", ChatIds.of(processor), video)
    assert finding.code == "fuzz.collator-raises"
    assert "who is that?" in finding.message
    with pytest.raises(MaskingError, match="who is that"):
        run_test_in(finding.evidence["test"])


@pytest.mark.parametrize("name", ["NoSystem", "TwoMessages", "FirstTwo"])
def test_a_collator_of_a_question_and_its_answer_is_not_accused_for_more(name, processor, video, foreign):
    found = findings_of(f"theirs:{name}", ChatIds.of(processor), video, num=8)
    longer = [(f.code, f.severity) for f in found if len(f.evidence["messages"]) > 2]
    assert longer == [("fuzz.two-messages-only", "policy")]


def test_words_that_do_not_matter_are_left_out(processor, video, foreign):
    [finding] = findings_of("theirs:ShortQueries", ChatIds.of(processor), video)
    assert finding.evidence["variation"] == "a query with emoji"
    assert len(finding.evidence["messages"][0]["content"][1]["text"].split()) == 1
    assert finding.evidence["supervised"] == []


def test_a_careful_collator_fails_only_on_control_tokens_in_a_query(processor, video, foreign):
    findings = fuzz(load_collator("theirs:Naive", processor), sample_of(video), 4, ChatIds.of(processor))
    assert findings == []
    findings = findings_of("theirs:Naive", ChatIds.of(processor), video)
    raised = [f.evidence["variation"] for f in findings if f.code == "fuzz.collator-raises"]
    assert "a query with a video's placeholder" in raised


@pytest.mark.parametrize("name", ["vtg_core.recipes:text_prefix", "vtg_core.recipes:pad_only", "theirs:Loud"])
def test_a_collator_that_fails_on_the_sample_as_it_is_gives_one_finding(name, chat, video, foreign):
    [finding] = findings_of(name, chat, video)
    assert finding.evidence["variation"] == "the sample as it is"
    assert finding.code == ("fuzz.collator-raises" if name == "theirs:Loud" else "fuzz.wrong-as-it-is")


def test_a_collator_that_rewrites_answers_is_said_once_and_then_held_to_its_own_words(chat, video, foreign):
    [finding] = findings_of("theirs:Rewriter", chat, video)
    assert (finding.code, finding.severity) == ("fuzz.answer-rewritten", "warning")
    assert finding.evidence["supervised"] == ["8 to 14<|im_end|>"]
    found = findings_of("theirs:CarelessRewriter", chat, video)
    assert [f.code for f in found] == ["fuzz.answer-rewritten", "fuzz.supervision-changed"]
    assert found[1].evidence["expected"][-1] == "8 to 14<|im_end|>"


def test_swapped_rows_are_found_by_the_partners_other_answer(processor, video, foreign):
    found = findings_of("theirs:Swapped", ChatIds.of(processor), video)
    assert {f.code for f in found} == {"fuzz.supervision-changed"}
    assert all("longer partner" in f.evidence["setting"] for f in found)


def test_no_more_variations_are_run_than_asked_for(processor, video, foreign):
    chat = ChatIds.of(processor)
    assert findings_of("theirs:NoSystem", chat, video, num=7) == []
    assert len(findings_of("theirs:NoSystem", chat, video, num=8)) == 1


def test_the_findings_are_the_same_each_time(processor, video):
    chat = ChatIds.of(processor)
    first, second = (findings_of("vtg_core.recipes:bare_assistant", chat, video) for _ in range(2))
    assert first == second


def test_the_variations_cover_what_was_promised(processor, video):
    names = " ".join(case.name for case in cases_of(sample_of(video), ChatIds.of(processor)))
    for promised in (
        "assistant", "placeholder", "end of a turn", "Chinese", "emoji", "spaces", "equal to the answer",
        "on the left", "on the right", "frames", "system message", "earlier turn",
    ):  # fmt: skip
        assert promised in names


def test_a_smaller_case_differs_and_the_smallest_has_none(video):
    case = Case("", sample_of(video), system="Be brief.", partner=sample_of(video), has_earlier_turn=True)
    first = next(smaller_cases(case))
    assert first.partner is None
    steps = 0
    while (smaller := next(smaller_cases(case), None)) is not None:
        case, steps = smaller, steps + 1
    assert (case.sample.query, len(case.messages), len(case.video.timestamps)) == ("red", 2, 2)
    assert steps < 20


def test_texts_of_a_collator_that_cannot_be_loaded_raise(processor):
    with pytest.raises(MaskingError, match="no_such_module"):
        supervised_texts("no_such_module:f", [], processor)


def test_texts_of_a_right_collator_are_the_answers(processor, video):
    samples = foreign_samples([sample_of(video)])
    texts = supervised_texts("vtg_core.recipes:role_markers", samples, processor, padding_side="left")
    assert texts == ["[8.0, 14.0]<|im_end|>"]


def test_every_code_but_that_of_rewritten_answers_is_an_error_that_says_what_to_do():
    errors = [code.name for code in CODES if code.severity == "error"]
    assert errors == ["fuzz.supervision-changed", "fuzz.wrong-as-it-is", "fuzz.collator-raises"]
    assert all(code.why and code.fix for code in CODES)


def broken_in(processor, *, mask_all=False, word=""):
    """A collator that raises where a query holds ``word``, and trains everything if ``mask_all`` says so."""
    inner = SFTCollator(processor)

    def collate(samples):
        if word and any(word in str(sample["messages"]) for sample in samples):
            raise ValueError(f"no {word}, please")
        batch = inner(samples)
        return {**batch, "labels": batch["input_ids"]} if mask_all else batch

    return ForeignCollator("mine:Mine", collate)


def test_the_fuzz_goes_on_where_the_sample_fails_as_it_is(processor, video):
    collator = broken_in(processor, mask_all=True, word="Be brief")
    found = fuzz(collator, sample_of(video), 40, ChatIds.of(processor))
    assert [finding.code for finding in found] == ["fuzz.wrong-as-it-is", "fuzz.two-messages-only"]


def test_an_error_that_the_sample_itself_raises_is_told_once(processor, video):
    found = fuzz(broken_in(processor, word="video"), sample_of(video), 40, ChatIds.of(processor))
    assert [finding.code for finding in found] == ["fuzz.collator-raises"]


def test_placeholders_of_data_files_are_tried_in_text(processor, video):
    found = fuzz(broken_in(processor, word="<video>"), sample_of(video), 40, ChatIds.of(processor))
    assert {finding.code for finding in found} == {"fuzz.collator-raises"}
    assert any("placeholder of data files" in finding.message for finding in found)
