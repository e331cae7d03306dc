"""Collators without fault: other words, other frames, other batches than ours."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from tests.audit.corpus.entries import ONE, SECONDS, TOKENS, Setting, Way, honest
from tests.audit.corpus.parts import (
    ASSISTANT,
    IGNORE,
    Clip,
    Kit,
    Line,
    Recipe,
    Sample,
    answers_alone,
    given_clip,
    pad,
    rated,
    whole_chat,
    words,
)
from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.checkpoints.loading import load_config
from vtg_core.collator import SFTCollator
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames

EIGHT = Setting(num_frames=8)
TALK = Setting(rows="talk")
Batch = dict[str, Any]


def ours(samples: Sequence[Sample], kit: Kit) -> Any:
    return SFTCollator(kit.processor)(list(samples))


def taken(*indices: int) -> Callable[[Sample], Clip]:
    """Return what takes some of eight frames, with their own places."""
    return lambda sample: given_clip(sample).taken(indices)


def sampled(num: int) -> Callable[[Sample], Clip]:
    """Return what samples the file anew."""

    def clip(sample: Sample) -> Clip:
        path = next(p["video"] for p in sample["messages"][0]["content"] if p["type"] == "video")
        video = sample_frames(path, FramePolicy(num_frames=num))
        return Clip(video.frames, video.metadata)

    return clip


def small(sample: Sample) -> Clip:
    clip = given_clip(sample)
    frames = np.ascontiguousarray(clip.frames[:, ::2, ::2])
    return Clip(frames, {**clip.metadata, "height": frames.shape[1], "width": frames.shape[2]})


def last_answer(ids: np.ndarray, kit: Kit) -> np.ndarray:
    where = answers_alone(ids, kit)
    starts = np.flatnonzero(where & ~np.roll(where, 1))
    return where & (np.arange(len(ids)) >= starts[-1])


def digit_by_digit(line: Line, kit: Kit, sample: Sample) -> Line:
    """Spell the answer character by character."""
    start, end = line.answer
    spelled = [i for c in kit.decode(line.ids[start : end - 1]) for i in kit.ids(c)]
    return line.spliced(start, end - 1, spelled, is_trained=True)


def answer_apart(line: Line, kit: Kit, sample: Sample) -> Line:
    """Tokenise the answer's two halves apart, so that another merge stands between them."""
    start, end = line.answer
    text = kit.decode(line.ids[start : end - 1])
    halves = kit.ids(text[: len(text) // 2]) + kit.ids(text[len(text) // 2 :])
    return line.spliced(start, end - 1, halves, is_trained=True)


def spaced(messages: Any, kit: Kit) -> str:
    """Begin each answer with a space."""
    return whole_chat(messages, kit).replace(ASSISTANT, f"{ASSISTANT} ")


def with_extras(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    extras = {"id": [s["query"] for s in samples], "num_items": torch.tensor(7), "meta": {"a": None}, "raw": list(samples)}  # fmt: skip
    return {**batch, **extras}


def typed(ids: Any, mask: Any) -> Callable[[Batch, Kit, Sequence[Sample]], Batch]:
    """Return what gives columns other types."""
    return lambda batch, kit, samples: {
        **batch,
        **{name: batch[name].to(ids) for name in ("input_ids", "labels")},
        "attention_mask": batch["attention_mask"].to(mask),
    }


def as_arrays(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    return {name: np.asarray(value) for name, value in batch.items()}


def weighted(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    return {**batch, "loss_scale": torch.where(batch["labels"] == IGNORE, 0.0, 0.5)}


def with_positions(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Return the positions that the model's own method computes."""
    positions = AskedModel.of(load_config("demo"), kit.chat).positions(batch)
    return {**batch, "position_ids": torch.as_tensor(positions)}


def as_square(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Return a mask of each token for each other."""
    mask = batch["attention_mask"].bool()
    square = torch.tril(mask[:, None, :, None] & mask[:, None, None, :])
    return {**with_positions(batch, kit, samples), "attention_mask": square}


def without_mask(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    return {name: value for name, value in batch.items() if name != "attention_mask"}


def packed(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Return the borders of packed samples in the place of a mask."""
    length = batch["input_ids"].shape[1]
    return {
        **without_mask(batch, kit, samples),
        "cu_seq_lens_q": torch.tensor([0, length], dtype=torch.int32),
    }


def to_multiple(samples: Sequence[Sample], kit: Kit) -> Any:
    """Pad to a multiple of 64 tokens."""
    lines = [Recipe().row(sample, kit) for sample in samples]
    batch = pad(lines, kit)
    more = -batch["input_ids"].shape[1] % 64
    fills = {"input_ids": kit.pad_id, "labels": IGNORE, "attention_mask": 0, "mm_token_type_ids": 0}
    return batch | {n: torch.nn.functional.pad(batch[n], (0, more), value=fill) for n, fill in fills.items()}


def padded_with_zero(samples: Sequence[Sample], kit: Kit) -> Any:
    return pad([Recipe().row(sample, kit) for sample in samples], kit, pad_id=0)


def _answered(form: str) -> Any:
    return honest(
        f"answer in {form}", f"the answer in the form {form}", Recipe(), setting=Setting(answer=form)
    )


def _said(name: str, situation: str, ask: str | None, answer: Callable[[Sample], str], **more: Any) -> Any:
    return honest(name, situation, Recipe(messages=words(ask, answer)), **more)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02d}:{seconds % 60:05.2f}"


WORDS = (
    honest("own words", "the sample's own prompt and answer", Recipe()),
    honest("own words, left", "the same, padded on the left", Recipe(side="left")),
    honest("own words, saved", "the same, of a saved batch", Recipe(), way=Way.SAVED),
    honest("temporal tokens", "the answer in temporal tokens", Recipe(), setting=TOKENS),
    honest("temporal tokens, saved, left", "the same of a saved batch, padded on the left", Recipe(side="left"), setting=TOKENS, way=Way.SAVED),
    honest("seconds per grid", "Qwen2.5-VL's classes, which count seconds per grid", Recipe(), setting=SECONDS),
    honest("another prompt", "the query in another instruction", Recipe(messages=words("Say when this happens: {query}"))),
    honest("another prompt, Qwen2.5", "the same with another checkpoint", Recipe(messages=words("{query}? Give start and end."), side="left"), setting=SECONDS),
    honest("two windows", "several windows in one answer", Recipe(), setting=Setting(rows="windows")),
    honest("two windows, tokens", "several windows in temporal tokens", Recipe(side="left"), setting=Setting(rows="windows", answer="temporal_tokens")),
    honest("forty rows, left", "forty rows of seven lengths, padded on the left", Recipe(side="left"), setting=Setting(rows="forty")),
    honest("emoji", "a query of emoji that take several tokens", Recipe(), setting=Setting(rows="emoji")),
    honest("Chinese and Japanese", "queries without spaces", Recipe(), setting=Setting(rows="chinese")),
    honest("several turns", "two questions and two answers in one conversation", Recipe(), setting=TALK),
    honest("several turns, Qwen2.5", "the same behind a default system turn", Recipe(), setting=Setting(rows="talk", checkpoint="demo-qwen2.5-vl")),
    honest("a system turn", "the data brings a system turn", Recipe(), setting=Setting(rows="talk with a system turn")),
    honest("thinking", "the data's own thinking is trained", Recipe(), setting=Setting(rows="thinking")),
    honest("the word assistant", "the query says 'assistant' on a line of its own", Recipe(), setting=Setting(rows="says assistant")),
    honest("control token as text", "our own collator writes a query's control token in characters", ours, setting=Setting(rows="says a control token")),
    honest("placeholder as text", "our own collator writes a query's placeholder in characters", ours, setting=Setting(rows="says a placeholder")),
    honest("space before the answer", "each answer begins with a space", Recipe(text=spaced)),
    honest("digit by digit", "the answer is spelled in other tokens, character by character", Recipe(alter=digit_by_digit)),
    honest("answer in halves", "the answer's halves are tokenised apart", Recipe(alter=answer_apart), setting=SECONDS),
    honest("last answer alone", "only the last answer is trained", Recipe(mask=last_answer), setting=TALK, code="mask.only-last-turn-trained"),
    *map(_answered, ("seconds_2_range", "seconds_1_sentence", "seconds_1_json", "seconds_0_brackets", "clock_range", "clock_hours_sentence", "percent_range", "fraction_3_pairs", "percent_json", "bins_1000_sentence")),
    _said("a sentence of one's own", "prompt and answer are a sentence", "Find '{query}'; say: the event happens in a - b seconds.", lambda s: f"The event happens in {s['windows'][0][0]:.1f} - {s['windows'][0][1]:.1f} seconds."),
    _said("clock of one's own", "prompt and answer in minutes and seconds", "When does '{query}' happen? Answer as mm:ss.ff - mm:ss.ff.", lambda s: " - ".join(_clock(t) for t in s["windows"][0])),
    _said("thinking of one's own", "thinking, then the answer between marks", "Find '{query}' in the video.", lambda s: f"<think>Seen from {s['windows'][0][0]:.2f}.</think>\n<answer>{s['windows'][0][0]:.2f} to {s['windows'][0][1]:.2f}</answer>"),
    _said("object of one's own", "the answer is a JSON object", "When is '{query}'? Answer as JSON.", lambda s: f'{{"start": {s["windows"][0][0]}, "end": {s["windows"][0][1]}}}', setting=SECONDS),
    _said("emoji in the answer", "an answer with emoji and Chinese", "Find '{query}'.", lambda s: f"\N{LARGE RED CIRCLE} 从 {s['windows'][0][0]:.1f} 秒到 {s['windows'][0][1]:.1f} 秒"),
)  # fmt: skip
FRAMES = (
    honest("every second frame", "half of the frames, with true times", Recipe(clip=taken(0, 2, 4, 6)), setting=EIGHT),
    honest("uneven frames", "frames at uneven places, with true times, over the whole video", Recipe(clip=taken(0, 1, 2, 4, 6, 7)), setting=EIGHT),
    honest("uneven frames, tokens", "the same with temporal tokens", Recipe(clip=taken(0, 3, 5, 7)), setting=Setting(num_frames=8, answer="temporal_tokens")),
    honest("more frames", "twelve frames where ours are four", Recipe(clip=sampled(12))),
    honest("odd number of frames", "seven frames", Recipe(clip=sampled(7))),
    honest("more frames, Qwen2.5", "ten frames where ours are four, with seconds per grid", Recipe(clip=sampled(10)), setting=SECONDS),
    honest("stamps by number and duration, whole seconds", "times short by 1/16, which the answer's whole seconds do not show", Recipe(clip=rated(given_clip, 15 / 16)), setting=Setting(num_frames=16, answer="seconds_0_range"), code="time.linspace-rate"),
    honest("smaller frames", "frames of half the size", Recipe(clip=small)),
)  # fmt: skip
BATCHES = (
    honest("extra keys", "strings, dicts, samples and numbers beside the tensors", Recipe(finish=with_extras)),
    honest("int32", "ids and labels of 32 bits, a mask of truth values", Recipe(finish=typed(torch.int32, torch.bool)), setting=TOKENS),
    honest("mask of floats", "a mask of floats", Recipe(finish=typed(torch.int64, torch.float32), side="left")),
    honest("NumPy", "arrays of NumPy", Recipe(finish=as_arrays), setting=SECONDS),
    honest("weights", "weights of a half where labels are", Recipe(finish=weighted)),
    honest("own positions", "positions as the model itself computes them", Recipe(finish=with_positions)),
    honest("square mask", "a mask of four axes, with the model's own positions", Recipe(finish=as_square), setting=ONE, code="batch.attention-mask-kind"),
    honest("no mask", "no mask, where both rows are padded at the end", Recipe(finish=without_mask)),
    honest("packed", "one sample a row, with the borders of packed sequences", Recipe(finish=packed), setting=ONE, code="batch.attention-mask-kind"),
    honest("padded to 64", "padding to a multiple of 64 tokens", to_multiple),
    honest("padded with 0", "padding is id 0, and the mask says so", padded_with_zero, setting=SECONDS),
    honest("batch of one", "one row", Recipe(), setting=ONE),
    honest("pads with the end of turn", "padding is the end of turn, masked by position", Recipe(), setting=Setting(pads_with_end=True), code="stop.pad-is-end-of-turn"),
    honest("within max_length", "the bound is above the longest row", Recipe(), setting=Setting(max_length=4096)),
)  # fmt: skip
ENTRIES = (*WORDS, *FRAMES, *BATCHES)
