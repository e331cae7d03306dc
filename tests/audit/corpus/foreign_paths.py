"""Data paths of public training code, rebuilt in their form: what each does to words, ids and labels, in our own lines.

The form was learnt from what those projects publish; prompts and answers are made up.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tests.audit.corpus.broken_masks import (
    but,
    everything,
    from_first_answer,
    from_role_word,
    with_prompt_behind,
)
from tests.audit.corpus.entries import ONE, PLAIN, SECONDS, TOKENS, Entry, Setting, honest
from tests.audit.corpus.parts import (
    ASSISTANT,
    END,
    IGNORE,
    Clip,
    Kit,
    Line,
    Recipe,
    Sample,
    answers_alone,
    given_clip,
    own_words,
    pad,
    processed,
    said,
    starts_of,
    whole_chat,
    words,
)

TALK = Setting(rows="talk")
NEWLINE = "mask.newline-trained"


def with_newline(ids: np.ndarray, kit: Kit) -> np.ndarray:
    """Return the answers with the newline that the template writes behind each."""
    where = answers_alone(ids, kit)
    ends = np.flatnonzero(where & (ids == kit.id(END)))
    where[(ends + 1)[ends + 1 < len(ids)]] = True
    return where


def prompt_and_answer(samples: Sequence[Sample], kit: Kit, *, system: str = "", side: str = "right") -> Any:
    """Tokenise the prompt with its media, and the answer alone, then join them."""
    rows = []
    for sample in samples:
        messages = own_words(sample, kit)
        prompt = ([{"role": "system", "content": said(system)}] if system else []) + messages[:-1]
        text = kit.processor.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        line = processed(text, given_clip(sample), kit)
        answer = kit.ids(f"{messages[-1]['content'][0]['text']}{END}\n")
        rows.append(line.spliced(len(line.ids), len(line.ids), answer, is_trained=True))
    return pad(rows, kit, side)


def between_markers(ids: np.ndarray, kit: Kit) -> np.ndarray:
    """Return everything from the assistant's marker to the next marker of the user, as a masker of responses does."""
    where = np.zeros(len(ids), dtype=bool)
    begins, users = starts_of(ids, kit.ids(ASSISTANT)), starts_of(ids, kit.ids("<|im_start|>user\n"))
    for start in begins:
        following = [user for user in users if user > start]
        where[start + len(kit.ids(ASSISTANT)) : following[0] if following else len(ids)] = True
    return where


def by_characters(samples: Sequence[Sample], kit: Kit) -> Any:
    """Find answers by their characters in the whole text, and carry them to tokens by offsets."""
    rows = []
    for sample in samples:
        text = whole_chat(own_words(sample, kit), kit)
        line = processed(text, given_clip(sample), kit)
        start = text.rindex(ASSISTANT) + len(ASSISTANT)
        behind = len(kit.ids(text[start:]))
        own = slice(len(line.ids) - behind, len(line.ids) - len(kit.ids("\n")))
        rows.append(line.trained(own))
    return pad(rows, kit)


def expanded_in_text(samples: Sequence[Sample], kit: Kit, *, system: str) -> Any:
    """Write each placeholder as often as the video needs into the text, then tokenise part after part."""
    rows = []
    for sample in samples:
        question, answer = own_words(sample, kit)
        media = processed("<|vision_start|><|video_pad|><|vision_end|>", given_clip(sample), kit)
        num = int(torch.as_tensor(media.media["video_grid_thw"]).prod()) // 4
        typed = "".join(part["text"] for part in question["content"] if part["type"] == "text")
        video = f"<|vision_start|>{'<|video_pad|>' * num}<|vision_end|>"
        head = kit.ids(
            f"<|im_start|>system\n{system}{END}\n<|im_start|>user\n{video}{typed}{END}\n{ASSISTANT}"
        )
        ids = np.array(head, dtype=np.int64)
        line = Line(ids, np.full_like(ids, IGNORE), media.media)
        said_ids = kit.ids(f"{answer['content'][0]['text']}{END}\n")
        rows.append(line.spliced(len(ids), len(ids), said_ids, is_trained=True))
    return pad(rows, kit)


def weighted(batch: dict[str, Any], kit: Kit, samples: Sequence[Sample]) -> dict[str, Any]:
    """Return a weight of 1 for each trained token beside the labels."""
    return {**batch, "loss_scale": (batch["labels"] != IGNORE).float()}


def unexpanded_prompt(ids: np.ndarray, kit: Kit, sample: Sample) -> int:
    """Return the length of the prompt as text: one placeholder stands for the video."""
    text = kit.processor.apply_chat_template(
        own_words(sample, kit)[:1], tokenize=False, add_generation_prompt=True
    )
    return len(kit.ids(text))


def text_prefix(line: Line, kit: Kit, sample: Sample) -> Line:
    """Mask as many tokens as the prompt's text has, and train the rest."""
    return line.trained(slice(None)).masked(slice(unexpanded_prompt(line.ids, kit, sample)))


def prefix_or_first_turn(line: Line, kit: Kit, sample: Sample) -> Line:
    """Look for the prompt's text as a prefix, and fall back on the first turn of the assistant."""
    start = starts_of(line.ids, kit.ids(ASSISTANT))[0] + len(kit.ids(ASSISTANT))
    last = int(np.flatnonzero(line.ids == kit.id(END))[-1])
    return line.masked(slice(None)).trained(slice(start, last + 1))


def first_sample(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda samples, kit: make(samples[:1], kit)


REASONED = words(
    'Find the moment of "{query}" and give its start and end in seconds.',
    lambda s: (
        f"<think>It is seen around {sum(s['windows'][0]) / 2:.2f} s.</think><answer>{s['windows'][0][0]:.2f} to {s['windows'][0][1]:.2f}</answer>"
    ),
)
RANGE = words(
    "Locate the event in the video: {query}",
    lambda s: f"The event is seen from {s['windows'][0][0]:.1f} - {s['windows'][0][1]:.1f} seconds.",
)
MEDIA_AND_PADS = but(everything, "<|endoftext|>", "<|video_pad|>")
VISION = but(
    everything, "<|endoftext|>", "<|video_pad|>", "<|image_pad|>", "<|vision_start|>", "<|vision_end|>"
)
REASONED_PATH = Recipe(messages=REASONED, text=with_prompt_behind, mask=MEDIA_AND_PADS)


def ordinal(ids: np.ndarray, kit: Kit) -> np.ndarray:
    """Take every second turn from the third on for an answer, its header too, up to the end of the row."""
    starts = np.flatnonzero(ids == kit.id("<|im_start|>")).tolist()
    where = np.zeros(len(ids), dtype=bool)
    for i in range(2, len(starts), 2):
        where[starts[i] + 1 : starts[i + 1] if i + 1 < len(starts) else len(ids)] = True
    return where


def newlines_and_markers(line: Line, kit: Kit, sample: Sample) -> Line:
    """Train every newline, header and end of turn, wherever they stand."""
    return line.trained(np.isin(line.ids, [*kit.ids("\n"), kit.id("<|im_start|>"), kit.id(END)]))


def header_and_shift(line: Line, kit: Kit, sample: Sample) -> Line:
    """Unmask the header with its message, and shift the labels by one."""
    line = line.trained(slice(line.answer[0] - len(kit.ids(ASSISTANT)), None))
    return replace(line, labels=np.append(line.labels[1:], IGNORE))


def without_seconds(samples: Sequence[Sample], kit: Kit) -> Any:
    """Leave the seconds of a grid out where a path does not name the model's family."""
    batch = prompt_and_answer(samples, kit)
    return {name: value for name, value in batch.items() if name != "second_per_grid_ts"}


def nominal_seconds(batch: dict[str, Any], kit: Kit, samples: Sequence[Sample]) -> dict[str, Any]:
    """Compute the seconds of a grid from a rate that was asked for, whatever was sampled."""
    return {**batch, "second_per_grid_ts": torch.full((len(samples),), 2 / 2.0)}


def thinned(sample: Sample) -> Clip:
    """Take every second frame, with true places."""
    clip = given_clip(sample)
    return clip.taken(range(0, len(clip.frames), 2))


def first_token_lost(line: Line, kit: Kit, sample: Sample) -> Line:
    return line.masked(line.answer[0])


ASKS_ASSISTANT = Setting(rows="says assistant")
ENTRIES = (
    Entry("TRL, messages", "TRL's collator for vision: labels are ids but for padding", Recipe(mask=everything), "mask.nothing-masked", setting=TOKENS),
    honest("TRL, prompt and completion", "TRL: prompt and completion are tokenised apart", prompt_and_answer, code=NEWLINE),
    honest("TRL, assistant only", "TRL's training templates: the newline is in the answer", Recipe(mask=with_newline), code=NEWLINE, setting=SECONDS),
    honest("Qwen's finetune", "Qwen's finetuning code: the bare role word, where no text says it", Recipe(mask=lambda ids, kit: with_newline(ids, kit) & (from_role_word(ids, kit) | with_newline(ids, kit))), code=NEWLINE),
    Entry("Qwen's finetune, 'assistant' in a query", "the same where the query says it", Recipe(mask=from_role_word), "mask.role-word-in-text", setting=ASKS_ASSISTANT),
    Entry("Qwen's finetune, nominal rate", "seconds per grid are those of the rate that was asked for", Recipe(mask=with_newline, finish=nominal_seconds), "time.seconds-per-grid-differ", setting=SECONDS),
    honest("2U1", "2U1's finetuning code: the prompt with media, the answer as text", prompt_and_answer, code=NEWLINE, setting=SECONDS),
    Entry("2U1, own system turn", "the same with a system turn of its own", lambda samples, kit: prompt_and_answer(samples, kit, system="You are a helpful assistant."), "parity.system-differs"),
    Entry("2U1, seconds lost", "the same without seconds per grid, from a local path", without_seconds, "batch.model-input-missing", setting=SECONDS),
    Entry("Time-R1", "Time-R1's collator: only padding and video are masked, and an empty turn follows", REASONED_PATH, "mask.only-media-masked", setting=ONE, beside=("parity.generation-prompt-behind",)),
    Entry("Time-R1, batch of two", "the same, which reads the first sample alone", first_sample(REASONED_PATH), "batch.rows-differ"),
    Entry("VideoChat-R1", "the same recipe with another checkpoint", REASONED_PATH, "mask.only-media-masked", setting=replace(SECONDS, rows="one"), beside=("parity.generation-prompt-behind",)),
    Entry("TimeLens", "TimeLens's code falls back on the first turn, and trains the second question", Recipe(alter=prefix_or_first_turn), "mask.later-user-turn-trained", setting=TALK),
    honest("TimeLens, one turn", "the same with one question, in its own words", Recipe(messages=RANGE, alter=prefix_or_first_turn)),
    Entry("VideoMind", "VideoMind's rounds are counted before the processor expands the video", Recipe(alter=text_prefix), "mask.counted-before-expansion", setting=SECONDS),
    Entry("UniTime", "every second turn is an answer, header and all, up to the end of the row", Recipe(mask=ordinal), "mask.header-trained", setting=SECONDS),
    honest("axolotl", "axolotl's boundaries of roles: the end of turn is trained and no newline", Recipe(mask=answers_alone), setting=TALK),
    Entry("axolotl, before it masked vision", "axolotl's first collator for vision: inputs are trained", Recipe(mask=VISION), "mask.only-media-masked", setting=SECONDS),
    honest("unsloth, responses only", "unsloth: from the assistant's marker to the user's next", Recipe(mask=between_markers), code=NEWLINE, setting=TALK),
    Entry("unsloth, default", "unsloth's collator for vision without responses only", Recipe(mask=VISION), "mask.only-media-masked"),
    honest("LLaMA-Factory", "LLaMA-Factory: placeholders are expanded in the text, parts tokenised one by one", lambda samples, kit: expanded_in_text(samples, kit, system="You watch videos and say when something happens."), code=NEWLINE, setting=SECONDS),
    Entry("LLaMA-Factory, own system turn", "the same with the template's own system turn", lambda samples, kit: expanded_in_text(samples, kit, system="You are a helpful assistant."), "parity.system-differs", setting=SECONDS),
    honest("ms-swift", "ms-swift: parts with weights, the newline in the suffix", Recipe(mask=with_newline, finish=weighted), code=NEWLINE),
    honest("NeMo AutoModel", "NeMo's labels from the template's markers", Recipe(mask=answers_alone, side="left"), setting=SECONDS),
    Entry("NeMo AutoModel, prefix tree", "NeMo's prefix tree leaves out each completion's first token", Recipe(alter=first_token_lost), "mask.off-by-one", setting=TOKENS),
    Entry("torchtune", "torchtune: the header goes with its message, and labels are shifted", Recipe(alter=header_and_shift), "mask.labels-shifted"),
    Entry("LLaVA-NeXT, Qwen", "LLaVA-NeXT: newlines and markers are trained everywhere", Recipe(alter=newlines_and_markers), "mask.prompt-trained", setting=SECONDS, beside=("mask.system-trained", "mask.header-trained")),
    honest("open-instruct", "open-instruct: characters of the answer, carried to tokens by offsets", by_characters),
    Entry("the seed's collator", "a prefix of the prompt's text is masked", Recipe(alter=text_prefix), "mask.counted-before-expansion", setting=TOKENS),
    Entry("the seed's collator, own frames", "the same with frames of its own", Recipe(clip=thinned, alter=text_prefix), "mask.counted-before-expansion", setting=Setting(num_frames=8)),
    honest("own frames, own words", "frames, prompt and answer are all the collator's own", Recipe(messages=RANGE, clip=thinned), setting=replace(PLAIN, num_frames=8)),
    Entry("several answers, last counted", "everything behind the first answer is trained, with own frames", Recipe(clip=thinned, mask=from_first_answer), "mask.later-user-turn-trained", setting=replace(TALK, num_frames=8)),
)  # fmt: skip
