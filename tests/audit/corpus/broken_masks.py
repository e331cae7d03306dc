"""Collators whose mask is wrong: what is in the loss and should not be, and the reverse."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from tests.audit.corpus.entries import ONE, PLAIN, SECONDS, TOKENS, Entry, Setting, Way
from tests.audit.corpus.parts import (
    ASSISTANT,
    END,
    IGNORE,
    Kit,
    Line,
    Recipe,
    Sample,
    answers_alone,
    own_words,
    said,
    starts_of,
)

Mask = Callable[[np.ndarray, Kit], np.ndarray]
TALK = Setting(rows="talk")
ASKING = Setting(rows="says assistant")
BINS = Setting(answer="bins_1000_sentence")


def everything(ids: np.ndarray, kit: Kit) -> np.ndarray:
    return np.ones(len(ids), dtype=bool)


def nothing(ids: np.ndarray, kit: Kit) -> np.ndarray:
    return np.zeros(len(ids), dtype=bool)


def but(mask: Mask, *tokens: str) -> Mask:
    """Return ``mask`` without some tokens, wherever they stand."""
    return lambda ids, kit: mask(ids, kit) & ~np.isin(ids, [kit.id(token) for token in tokens])


def and_where(find: Mask) -> Mask:
    """Return the right mask with more."""
    return lambda ids, kit: answers_alone(ids, kit) | find(ids, kit)


def moved(mask: Mask, step: int) -> Mask:
    return lambda ids, kit: np.roll(mask(ids, kit), step)


def behind(count: Callable[[np.ndarray, Kit], int]) -> Mask:
    """Return what trains everything behind so many tokens."""
    return lambda ids, kit: np.arange(len(ids)) >= count(ids, kit)


def turn_of(role: str) -> Mask:
    """Return what is written in the turns of a role, its header and its end left out."""

    def mask(ids: np.ndarray, kit: Kit) -> np.ndarray:
        header, where = kit.ids(f"<|im_start|>{role}\n"), np.zeros(len(ids), dtype=bool)
        for start in starts_of(ids, header):
            end = start + int(np.flatnonzero(ids[start:] == kit.id(END))[0])
            where[start + len(header) : end] = True
        return where

    return mask


def headers(ids: np.ndarray, kit: Kit) -> np.ndarray:
    where, header = np.zeros(len(ids), dtype=bool), kit.ids(ASSISTANT)
    for start in starts_of(ids, header):
        where[start : start + len(header)] = True
    return where


def videos(ids: np.ndarray, kit: Kit) -> np.ndarray:
    found: np.ndarray = ids == kit.video_id
    return found


def marked_videos(ids: np.ndarray, kit: Kit) -> np.ndarray:
    """Return everything from the first marker of a video to the last, stamps too."""
    where = np.flatnonzero(np.isin(ids, [kit.id("<|vision_start|>"), kit.id("<|vision_end|>")]))
    return (np.arange(len(ids)) >= where[0]) & (np.arange(len(ids)) <= where[-1])


def typed(ids: np.ndarray, kit: Kit) -> np.ndarray:
    """Return the words of the user, the video's tokens left out."""
    return turn_of("user")(ids, kit) & ~marked_videos(ids, kit)


def from_first_answer(ids: np.ndarray, kit: Kit) -> np.ndarray:
    where = np.flatnonzero(answers_alone(ids, kit))
    return (np.arange(len(ids)) >= where[0]) & (np.arange(len(ids)) <= where[-1])


def from_role_word(ids: np.ndarray, kit: Kit, *, skipped: int = 2) -> np.ndarray:
    """Return what follows each token that reads ``assistant``, up to the next end of turn."""
    where, [word] = np.zeros(len(ids), dtype=bool), kit.ids("assistant")
    for at in np.flatnonzero(ids == word).tolist():
        ends = np.flatnonzero(ids[at:] == kit.id(END))
        where[at + skipped : at + int(ends[0]) + 1 if len(ends) else len(ids)] = True
    return where


def unexpanded(ids: np.ndarray, kit: Kit) -> int:
    """Return how long the prompt is while one placeholder stands for the video."""
    start = int(np.flatnonzero(answers_alone(ids, kit))[0])
    text = kit.processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "video"}]}], tokenize=False
    )
    frames = ids[:start][marked_videos(ids, kit)[:start]]
    return (
        start - len(frames) + len(kit.ids("<|vision_start|><|video_pad|><|vision_end|>")) if text else start
    )


def digits_masked(line: Line, kit: Kit, sample: Sample) -> Line:
    start, end = line.answer
    return line.masked([i for i in range(start, end) if kit.decode(line.ids[i : i + 1]).strip().isdigit()])


def second_half_masked(line: Line, kit: Kit, sample: Sample) -> Line:
    start, end = line.answer
    return line.masked(slice((start + end) // 2, end - 1))


def special_tokens_masked(line: Line, kit: Kit, sample: Sample) -> Line:
    special = [*kit.tokenizer.all_special_ids, *kit.tokenizer.get_added_vocab().values()]
    return line.masked(np.isin(line.ids, special))


def temporal_tokens_masked(line: Line, kit: Kit, sample: Sample) -> Line:
    """Mask the tokens of the answer that the tokenizer got added, and keep its end of turn."""
    special = [i for i in kit.tokenizer.get_added_vocab().values() if i != kit.id(END)]
    return line.masked(np.isin(line.ids, special))


def added_tokens_masked(line: Line, kit: Kit, sample: Sample) -> Line:
    """Mask all ids that the tokenizer got added, as helpers that look for media by the vocabulary's size do."""
    first = min(kit.tokenizer.get_added_vocab().values())
    return line.masked(line.ids >= first)


def shifted(line: Line, kit: Kit, sample: Sample, *, step: int) -> Line:
    return replace(line, labels=np.roll(line.labels, step))


def retokenised(line: Line, kit: Kit, sample: Sample) -> Line:
    """Take the labels from ids that were tokenised without the space that stands before each word."""
    start, _ = line.answer
    labels = line.labels.copy()
    labels[start + 1] = kit.ids("x")[0]
    return replace(line, labels=labels)


def media_labelled(line: Line, kit: Kit, sample: Sample, *, value: int) -> Line:
    """Give media a label that another code base ignores, and none that the loss does."""
    return replace(line, labels=np.where(line.ids == kit.video_id, value, line.labels))


def relabelled(batch, kit, samples, *, value):
    labels = batch["labels"]
    return {**batch, "labels": torch.where(labels == IGNORE, value, labels)}


def padding_labelled(batch, kit, samples):
    return {**batch, "labels": torch.where(batch["attention_mask"] == 0, batch["input_ids"], batch["labels"])}


def padding_in_vain(batch, kit, samples):
    """Pad labels with a number that no vocabulary has."""
    return {**batch, "labels": torch.where(batch["attention_mask"] == 0, 999_999, batch["labels"])}


def placed_without_padding(batch, kit, samples):
    """Put each row's labels where they would stand without the padding on its left."""
    labels = torch.full_like(batch["labels"], IGNORE)
    for i, attended in enumerate(batch["attention_mask"]):
        offset = int(attended.argmax())
        own = batch["labels"][i, offset:] != IGNORE
        labels[i, : len(own)][own] = batch["input_ids"][i, : len(own)][own]
    return {**batch, "labels": labels}


def with_prompt_behind(messages, kit: Kit) -> str:
    """Ask for a generation prompt in training too."""
    text: str = kit.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text


def with_system(sample: Sample, kit: Kit):
    return [{"role": "system", "content": said("Say when things happen.")}, *own_words(sample, kit)]


def inside_answer(token: str) -> Callable[[Line, Kit, Sample], Line]:
    """Write a control token into the middle of the answer, and train it."""

    def alter(line: Line, kit: Kit, sample: Sample) -> Line:
        start, _ = line.answer
        return line.spliced(start + 2, start + 2, [kit.id(token)], is_trained=True)

    return alter


def until_last_end(line: Line, kit: Kit, sample: Sample) -> Line:
    """Train from the answer on to the end of the row, whatever stands there."""
    return line.trained(slice(line.answer[0], None))


def behind_answer(text: str) -> Callable[[Line, Kit, Sample], Line]:
    def alter(line: Line, kit: Kit, sample: Sample) -> Line:
        return line.spliced(len(line.ids), len(line.ids), kit.ids(text), is_trained=True)

    return alter


def other_words(line: Line, kit: Kit, sample: Sample) -> Line:
    start, end = line.answer
    return line.spliced(start, end - 1, kit.ids("A blue dog, I think."), is_trained=True)


def _both(name: str, situation: str, collate: Recipe, code: str, *settings: Setting, **more) -> list[Entry]:
    """Return an entry for each setting."""
    settings = settings or (PLAIN, TOKENS)
    names = (name, *(f"{name}, {_told(setting)}" for setting in settings[1:]))
    return [
        Entry(n, situation, collate, code, setting=s, **more) for n, s in zip(names, settings, strict=True)
    ]


def _told(setting: Setting) -> str:
    """Return how a setting differs, in a few words."""
    told = [setting.checkpoint] * (setting.checkpoint != PLAIN.checkpoint)
    told += [setting.rows] * (setting.rows != PLAIN.rows)
    return " ".join([*told, *([setting.answer] * (setting.answer != PLAIN.answer))]) or "again"


ENTRIES = (
    *_both("labels are ids", "labels are a copy of input_ids", Recipe(mask=everything), "mask.nothing-masked"),
    Entry("labels are ids, saved", "the same, of a saved batch", Recipe(mask=everything), "mask.nothing-masked", way=Way.SAVED),
    *_both("media masked", "padding and placeholders are masked by value", Recipe(mask=but(everything, "<|video_pad|>", "<|endoftext|>")), "mask.only-media-masked", PLAIN, SECONDS),
    Entry(
        "media and markers masked", "the markers around the video are masked with it",
        Recipe(mask=but(everything, "<|video_pad|>", "<|image_pad|>", "<|vision_start|>", "<|vision_end|>")), "mask.only-media-masked",
    ),
    *_both("counted on the text", "the prompt is counted while one placeholder stands for the video", Recipe(mask=behind(unexpanded)), "mask.counted-before-expansion", PLAIN, SECONDS),
    Entry("counted on the text, saved", "the same, of a saved batch", Recipe(mask=behind(unexpanded)), "mask.counted-before-expansion", way=Way.SAVED),
    *_both("len() of a mapping", "the prompt's length is that of what the tokenizer returned: two keys", Recipe(mask=behind(lambda ids, kit: 2)), "mask.counted-keys"),
    Entry("len() of three keys", "the same with token types", Recipe(mask=behind(lambda ids, kit: 3)), "mask.counted-keys", setting=SECONDS),
    *_both("left padding forgotten", "labels are placed as if there were no padding on the left", Recipe(side="left", finish=placed_without_padding), "mask.left-padding-ignored", PLAIN, Setting(rows="chinese", answer="temporal_tokens"), beside=()),
    *_both("begins late", "the whole mask stands one token late", Recipe(mask=moved(answers_alone, 1)), "mask.off-by-one"),
    *_both("begins early", "the whole mask stands one token early", Recipe(mask=moved(answers_alone, -1)), "mask.off-by-one", PLAIN, SECONDS),
    Entry("first token masked", "the first token of the answer is left out", Recipe(alter=lambda line, kit, s: line.masked(line.answer[0])), "mask.off-by-one"),
    *_both("marker not found", "the answer's marker is tokenised otherwise and never found", Recipe(mask=nothing), "mask.nothing-trained"),
    *_both("labels moved", "labels are shifted before the model shifts them", Recipe(alter=partial(shifted, step=-1)), "mask.labels-shifted"),
    Entry("labels moved back", "labels are the previous ids", Recipe(alter=partial(shifted, step=1)), "mask.labels-shifted"),
    *_both("labels tokenised again", "labels come from another tokenisation of the answer", Recipe(alter=retokenised), "mask.labels-differ"),
    *_both("media labelled -200", "media are labelled -200, as another code base marks images", Recipe(alter=partial(media_labelled, value=-200)), "mask.label-out-of-vocabulary"),
    Entry("padding labelled 999999", "labels are padded with a number beyond the vocabulary", Recipe(finish=padding_in_vain), "mask.label-out-of-vocabulary"),
    *_both("padding labelled", "labels are padded with the padding's id", Recipe(finish=padding_labelled), "mask.padding-trained"),
    Entry("padding labelled, left", "the same on the left", Recipe(side="left", finish=padding_labelled), "mask.padding-trained"),
    *_both("placeholders trained", "the video's placeholders are trained", Recipe(mask=and_where(videos)), "mask.video-trained", PLAIN, SECONDS),
    Entry("video trained whole", "placeholders, markers and stamps are trained", Recipe(mask=and_where(marked_videos)), "mask.video-trained"),
    *_both("header trained", "the assistant's header is trained with its answer", Recipe(mask=and_where(headers)), "mask.header-trained"),
    *_both("system turn trained", "every role but the user's is the assistant's", Recipe(messages=with_system, mask=and_where(turn_of("system"))), "mask.system-trained", PLAIN, SECONDS, beside=("parity.system-differs",)),
    Entry("own system turn trained", "the system turn of the data is trained", Recipe(mask=and_where(turn_of("system"))), "mask.system-trained", setting=Setting(rows="talk with a system turn")),
    *_both("all behind the first answer", "everything behind the first answer is trained", Recipe(mask=from_first_answer), "mask.later-user-turn-trained", TALK, Setting(rows="talk", checkpoint="demo-qwen2.5-vl")),
    *_both("empty turn trained", "a generation prompt behind the answer is trained", Recipe(text=with_prompt_behind, alter=until_last_end), "mask.behind-last-answer-trained", PLAIN, SECONDS, beside=("parity.generation-prompt-behind",)),
    Entry("words behind trained", "a note behind the end of turn is trained", Recipe(alter=behind_answer("source: charades")), "mask.behind-last-answer-trained"),
    *_both("bare role word", "the bare word 'assistant' opens a turn", Recipe(mask=from_role_word), "mask.role-word-in-text", ASKING, replace(ASKING, checkpoint="demo-qwen2.5-vl")),
    *_both("query trained", "the user's words are trained", Recipe(mask=and_where(typed)), "mask.prompt-trained", PLAIN, SECONDS),
    *_both("half an answer", "the second half of the answer is masked", Recipe(alter=second_half_masked), "mask.answer-not-trained", PLAIN, TALK),
    Entry("digits masked", "digits of the answer are masked", Recipe(alter=digits_masked), "mask.answer-not-trained"),
    Entry("special tokens masked", "all special and added tokens are masked, the answer's among them", Recipe(alter=special_tokens_masked), "mask.control-tokens-masked", setting=BINS, beside=("stop.not-trained",)),
    Entry("control tokens masked", "all control tokens but the end of turn are masked", Recipe(alter=temporal_tokens_masked), "mask.control-tokens-masked", setting=BINS),
    Entry("added tokens masked", "every id behind the first added one is masked, and so is the whole answer", Recipe(alter=added_tokens_masked), "mask.nothing-trained", setting=TOKENS),
    *_both("ignored by -1", "what is not trained is labelled -1", Recipe(finish=partial(relabelled, value=-1)), "mask.other-ignore-index", ONE, SECONDS),
    Entry("ignored by the pad id", "what is not trained is labelled with the pad id", Recipe(finish=lambda b, kit, s: relabelled(b, kit, s, value=kit.pad_id)), "mask.other-ignore-index"),
    *_both("other words", "the answer is something else than the sample's", Recipe(alter=other_words), "mask.text-differs", TALK, Setting(rows="thinking"), beside=()),
    Entry("padding within the answer", "a padding token stands within the answer and is trained", Recipe(alter=inside_answer("<|endoftext|>")), "mask.forbidden-id-trained", beside=("answer.does-not-parse", "stop.doubled", "stop.wrong-token", "answer.form-differs")),
    Entry("marker within the answer", "a video's marker stands within the answer and is trained", Recipe(alter=inside_answer("<|vision_start|>")), "mask.forbidden-id-trained", beside=("answer.does-not-parse", "answer.form-differs")),
)  # fmt: skip
