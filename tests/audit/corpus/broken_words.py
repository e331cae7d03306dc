"""Collators whose words are wrong: the end of a turn, the prompt beside the official one, the answer."""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from tests.audit.corpus.entries import SECONDS, TOKENS, Entry, Setting, Way
from tests.audit.corpus.parts import (
    ASSISTANT,
    END,
    IGNORE,
    Kit,
    Line,
    Messages,
    Recipe,
    Sample,
    own_words,
    said,
    starts_of,
    whole_chat,
    words,
)

TALK = Setting(rows="talk")
FORGED = Setting(rows="says a control token")


def written(change: Callable[[str], str]) -> Callable[[Messages, Kit], str]:
    """Return what changes the text of a conversation."""
    return lambda messages, kit: change(whole_chat(messages, kit))


def end_masked(line: Line, kit: Kit, sample: Sample) -> Line:
    return line.masked(line.ids == kit.id(END))


def last_end_masked(line: Line, kit: Kit, sample: Sample) -> Line:
    """Leave out the last trained token, as an off-by-one at the end of a slice does."""
    return line.masked(line.answer[1] - 1)


def pad_masked_by_value(batch, kit, samples):
    labels = torch.where(batch["input_ids"] == kit.pad_id, IGNORE, batch["labels"])
    return {**batch, "labels": labels}


def ended_by(token: str) -> Callable[[str], str]:
    """Return what closes the last turn with another token."""
    return lambda text: text.removesuffix("\n").removesuffix(END) + token


def unclosed(text: str) -> str:
    return text.rstrip("\n").removesuffix(END)


def end_appended(*tokens: str) -> Callable[[Line, Kit, Sample], Line]:
    """Return what appends tokens right behind the end of turn, and trains them."""

    def alter(line: Line, kit: Kit, sample: Sample) -> Line:
        at = line.answer[1]
        return line.spliced(at, at, [kit.id(token) for token in tokens], is_trained=True)

    return alter


def from_text(line: Line, kit: Kit, sample: Sample) -> Line:
    """Do nothing: the tokenizer obeys what the query says."""
    return line


def system_of(text: str) -> Callable[[Sample, Kit], Messages]:
    return lambda sample, kit: [{"role": "system", "content": said(text)}, *own_words(sample, kit)]


def video_last(sample: Sample, kit: Kit) -> Messages:
    user, *others = own_words(sample, kit)
    return [{**user, "content": user["content"][::-1]}, *others]


def as_raw_text(messages: Messages, kit: Kit) -> str:
    """Write the conversation without a chat template: roles as words."""
    text = "".join(p["text"] for p in messages[-2]["content"] if p["type"] == "text")
    answer = messages[-1]["content"][0]["text"]
    video = "<|vision_start|><|video_pad|><|vision_end|>"
    return f"<|im_start|>user\n{video}{text}{END}\n{ASSISTANT}{answer}{END}\n".replace("user\n", "user: ")


def single_pair(line: Line, kit: Kit, sample: Sample) -> Line:
    """Leave out the video's markers."""
    kept = ~np.isin(line.ids, [kit.id("<|vision_start|>"), kit.id("<|vision_end|>")])
    return replace(line, ids=line.ids[kept], labels=line.labels[kept])


def opening_marker_lost(line: Line, kit: Kit, sample: Sample) -> Line:
    kept = line.ids != kit.id("<|vision_start|>")
    return replace(line, ids=line.ids[kept], labels=line.labels[kept])


def nested(line: Line, kit: Kit, sample: Sample) -> Line:
    """Write the video's markers around the markers that the template wrote."""
    first = int(np.flatnonzero(line.ids == kit.id("<|vision_start|>"))[0])
    last = int(np.flatnonzero(line.ids == kit.id("<|vision_end|>"))[-1])
    line = line.spliced(last + 1, last + 1, [kit.id("<|vision_end|>")])
    return line.spliced(first, first, [kit.id("<|vision_start|>")])


def twice(line: Line, kit: Kit, sample: Sample) -> Line:
    return line.spliced(0, 0, [int(line.ids[0])])


def user_turn_split(line: Line, kit: Kit, sample: Sample) -> Line:
    """Close the user's turn in its middle and open it again."""
    start = starts_of(line.ids, kit.ids(ASSISTANT))[0] - 8
    return line.spliced(start, start, kit.ids(f"{END}\n<|im_start|>user\n"))


def two_answers(line: Line, kit: Kit, sample: Sample) -> Line:
    start, end = line.answer
    again = kit.ids(f"\n{ASSISTANT}") + line.ids[start:end].tolist()
    return line.spliced(end, end, again)


def behind_the_end(text: str) -> Callable[[Line, Kit, Sample], Line]:
    return lambda line, kit, sample: line.spliced(len(line.ids), len(line.ids), kit.ids(text))


def moved_window(sample: Sample) -> str:
    """Write the answer with its first number a second late."""
    numbers = re.findall(r"\d+(?:\.\d+)?", sample["answer"])
    return sample["answer"].replace(numbers[0], f"{float(numbers[0]) + 3:.1f}", 1)


def moved_token(sample: Sample) -> str:
    first = re.findall(r"<(\d+)>", sample["answer"])[0]
    return sample["answer"].replace(f"<{first}>", f"<{int(first) + 90}>", 1)


def in_pieces(line: Line, kit: Kit, sample: Sample) -> Line:
    """Spell temporal tokens in characters, as a tokenizer without them does."""
    start, end = line.answer
    spelled = [i for c in kit.decode(line.ids[start : end - 1]) for i in kit.ids(c)]
    return line.spliced(start, end - 1, spelled, is_trained=True)


def first_in_pieces(line: Line, kit: Kit, sample: Sample) -> Line:
    """Spell the first temporal token alone in characters."""
    start, _ = line.answer
    spelled = [i for c in kit.decode(line.ids[start : start + 1]) for i in kit.ids(c)]
    return line.spliced(start, start + 1, spelled, is_trained=True)


PADS_WITH_END = Setting(pads_with_end=True)
STOPS = (
    Entry("end masked", "the end of turn is masked", Recipe(alter=end_masked), "stop.not-trained"),
    Entry("end masked, tokens", "the same where the answer is tokens", Recipe(alter=last_end_masked), "stop.not-trained", setting=TOKENS),
    Entry("ends masked, two turns", "the same in a conversation of two answers", Recipe(alter=end_masked), "stop.not-trained", setting=TALK),
    Entry("padding masked by value", "padding is the end of turn, and its id is masked", Recipe(finish=pad_masked_by_value), "stop.masked-as-padding", setting=PADS_WITH_END),
    Entry("padding masked by value, left", "the same with padding on the left", Recipe(side="left", finish=pad_masked_by_value), "stop.masked-as-padding", setting=replace(PADS_WITH_END, rows="chinese")),
    Entry("never closed", "the training text ends without the end of turn", Recipe(text=written(unclosed)), "stop.missing"),
    Entry("never closed, Qwen2.5", "the same with a default system turn", Recipe(text=written(unclosed)), "stop.missing", setting=SECONDS),
    Entry("closed twice", "template and trainer both close the turn", Recipe(alter=end_appended(END)), "stop.doubled"),
    Entry("end of text appended", "the tokenizer's end of text follows the end of turn", Recipe(alter=end_appended("<|endoftext|>")), "stop.doubled", setting=TOKENS),
    Entry("closed by end of text", "the last turn is closed by the end of text", Recipe(text=written(ended_by("<|endoftext|>"))), "stop.wrong-token"),
    Entry("closed by a marker", "the last turn is closed by a control token of something else", Recipe(text=written(ended_by("<|vision_end|>"))), "stop.wrong-token", setting=SECONDS, beside=("mask.forbidden-id-trained",)),
    Entry("generation stops elsewhere", "the generation config lists the end of text alone", Recipe(), "stop.not-a-stop-id", setting=Setting(stops_elsewhere=True)),
    Entry("generation stops elsewhere, tokens", "the same with temporal tokens", Recipe(), "stop.not-a-stop-id", setting=Setting(stops_elsewhere=True, answer="temporal_tokens")),
)  # fmt: skip
PROMPTS = (
    Entry("roles as words", "the user's header is not the template's", Recipe(text=as_raw_text), "parity.prompt-differs", beside=("mask.oracles-disagree",)),
    Entry("newline between turns lost", "no newline stands between the user's turn and the assistant's", Recipe(text=written(lambda text: text.replace(f"{END}\n{ASSISTANT}", f"{END}{ASSISTANT}"))), "parity.prompt-differs"),
    Entry("newline between turns lost, Qwen2.5", "the same with another checkpoint", Recipe(text=written(lambda text: text.replace(f"{END}\n{ASSISTANT}", f"{END}{ASSISTANT}"))), "parity.prompt-differs", setting=SECONDS),
    Entry("query of nobody", "the query is left out of the prompt", Recipe(messages=words("When does it happen?")), "parity.query-missing"),
    Entry("query of the other row", "each row asks another row's query", Recipe(messages=words("Find: a dog barks at the postman. Answer like [1.0, 2.0].")), "parity.query-missing", setting=SECONDS),
    Entry("start doubled", "template and tokenizer both begin the sequence", Recipe(alter=twice), "parity.double-bos"),
    Entry("start doubled, saved", "the same, of a saved batch", Recipe(alter=twice), "parity.double-bos", way=Way.SAVED, setting=SECONDS, beside=("mask.one-reading",)),
    Entry("own system prompt", "training writes a system turn that serving does not", Recipe(messages=system_of("You are Qwen, made by somebody.")), "parity.system-differs"),
    Entry("other system prompt", "another system turn than the template's default", Recipe(messages=system_of("Be brief.")), "parity.system-differs", setting=SECONDS),
    Entry("empty thinking", "an empty thinking block stands before the answer, and is masked", Recipe(text=written(lambda text: text.replace(ASSISTANT, f"{ASSISTANT}<think>\n\n</think>\n\n")), alter=lambda line, kit, s: line.masked(slice(line.answer[0], line.answer[0] + len(kit.ids("<think>\n\n</think>\n\n"))))), "parity.thinking-prefix"),
    Entry("empty thinking, Qwen2.5", "the same, trained", Recipe(text=written(lambda text: text.replace(ASSISTANT, f"{ASSISTANT}<think>\n\n</think>\n\n"))), "parity.thinking-prefix", setting=SECONDS),
    Entry("video last", "the video stands behind the question", Recipe(messages=video_last), "parity.media-moved"),
    Entry("video last, Qwen2.5", "the same with another checkpoint", Recipe(messages=video_last), "parity.media-moved", setting=SECONDS),
    Entry("note behind the answer", "a masked note stands behind the last answer", Recipe(alter=behind_the_end("That was row 7.")), "parity.text-after-answer"),
    Entry("header behind the answer", "a generation prompt stands behind the last answer, masked", Recipe(alter=behind_the_end(f"{ASSISTANT}")), "parity.generation-prompt-behind", setting=SECONDS),
    Entry("header behind the answer, Qwen3", "the same with another checkpoint", Recipe(alter=behind_the_end(f"{ASSISTANT}")), "parity.generation-prompt-behind"),
    Entry("note behind the answer, Qwen2.5", "the same with another checkpoint", Recipe(alter=behind_the_end("That was row 7.")), "parity.text-after-answer", setting=SECONDS),
    Entry("control token obeyed", "a query's control token closes the user's turn", Recipe(), "parity.control-token-from-text", setting=FORGED, beside=("mask.oracles-disagree",)),
    Entry("control token obeyed, Qwen2.5", "the same with another checkpoint", Recipe(), "parity.control-token-from-text", setting=replace(FORGED, checkpoint="demo-qwen2.5-vl")),
    Entry("user's turn split", "the user speaks twice in a row, in a saved batch", Recipe(alter=user_turn_split), "parity.turns-do-not-alternate", way=Way.SAVED, beside=("mask.one-reading",)),
    Entry("assistant speaks twice", "the assistant speaks twice in a row, in a saved batch", Recipe(alter=two_answers), "parity.turns-do-not-alternate", way=Way.SAVED, beside=("mask.one-reading",)),
    Entry("markers lost", "the video stands without its markers", Recipe(alter=single_pair), "parity.vision-markers-missing", setting=SECONDS),
    Entry("opening marker lost", "the video's opening marker is missing", Recipe(alter=opening_marker_lost), "parity.vision-markers-missing"),
    Entry("markers nested", "markers are written around the template's own", Recipe(alter=nested), "parity.vision-markers-nested", setting=SECONDS),
    Entry("markers nested, tokens", "the same with answers in tokens", Recipe(alter=nested), "parity.vision-markers-nested", setting=Setting(checkpoint="demo-qwen2.5-vl", answer="temporal_tokens")),
)  # fmt: skip
OWN = words(None, lambda s: f"It happens from {s['windows'][0][0]:.1f} to {s['windows'][0][1]:.1f}, I think")
ANSWERS = (
    Entry("answer without times", "the answer names no time", Recipe(messages=words(None, lambda s: "It is never seen.")), "answer.does-not-parse", beside=("mask.text-differs",)),
    Entry("answer in letters", "the answer's times are words", Recipe(messages=words(None, lambda s: "from eight to fourteen")), "answer.does-not-parse", setting=SECONDS, beside=("mask.text-differs",)),
    Entry("window moved", "the answer's start is three seconds late", Recipe(messages=words(None, moved_window)), "answer.window-differs"),
    Entry("window moved, tokens", "the answer's start is 90 tokens late", Recipe(messages=words(None, moved_token)), "answer.window-differs", setting=TOKENS),
    Entry("answer of the other row", "both rows answer with the first one's times", Recipe(messages=words(None, lambda s: "[8.0, 14.0]" if "blue" in s["query"] else "[5.0, 12.0]")), "answer.window-differs", setting=SECONDS),
    Entry("own sentence", "the prompt asks for brackets, and the answer is a sentence", Recipe(messages=OWN), "answer.form-differs", beside=("mask.text-differs",)),
    Entry("words around the answer", "words stand around the form that is asked for", Recipe(messages=words(None, lambda s: f"The answer is {s['answer']}.")), "answer.form-differs", setting=SECONDS, beside=("mask.text-differs",)),
    Entry("tokens in pieces", "temporal tokens are spelled in characters", Recipe(alter=in_pieces), "answer.tokens-split", setting=TOKENS),
    Entry("one token in pieces", "one of the temporal tokens is spelled in characters", Recipe(alter=first_in_pieces), "answer.tokens-split", setting=Setting(checkpoint="demo-qwen2.5-vl", answer="temporal_tokens")),
)  # fmt: skip
ENTRIES = (*STOPS, *PROMPTS, *ANSWERS)
