"""Collators whose batch is wrong as a whole, or that return none; and some that fail when their input varies."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from tests.audit.corpus.entries import SECONDS, TOKENS, Entry, Setting, Way
from tests.audit.corpus.parts import IGNORE, Kit, Line, Recipe, Sample, answers_alone, processed, words

Batch = dict[str, Any]
Finish = Callable[[Batch, Kit, Sequence[Sample]], Batch]


def without(*names: str) -> Finish:
    return lambda batch, kit, samples: {n: v for n, v in batch.items() if n not in names}


def changed(name: str, change: Callable[[torch.Tensor], Any]) -> Finish:
    return lambda batch, kit, samples: {**batch, name: change(batch[name])}


def reversed_rows(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Return ids and labels in the reverse order, and the media as they were."""
    return {n: v.flip(0) if n in ("input_ids", "labels", "attention_mask", "mm_token_type_ids") else v for n, v in batch.items()}  # fmt: skip


def all_reversed(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    patches = batch["video_grid_thw"].prod(dim=1).tolist()
    parts = torch.split(batch["pixel_values_videos"], patches)
    turned = reversed_rows(batch, kit, samples)
    media = {"video_grid_thw": batch["video_grid_thw"].flip(0), "pixel_values_videos": torch.cat(parts[::-1])}
    if "second_per_grid_ts" in batch:
        media["second_per_grid_ts"] = torch.as_tensor(batch["second_per_grid_ts"]).flip(0)
    return turned | media


def first_grids(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Keep the first video of the batch alone."""
    patches = int(batch["video_grid_thw"][0].prod())
    own = {
        "video_grid_thw": batch["video_grid_thw"][:1],
        "pixel_values_videos": batch["pixel_values_videos"][:patches],
    }
    if "second_per_grid_ts" in batch:
        own["second_per_grid_ts"] = batch["second_per_grid_ts"][:1]
    return batch | own


def repeated_video(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Fill each row with the first row's pixels, where both videos have as many."""
    patches = batch["video_grid_thw"].prod(dim=1).tolist()
    pixels = torch.split(batch["pixel_values_videos"], patches)[0]
    return {**batch, "pixel_values_videos": torch.cat([pixels] * len(patches))}


def swapped_pixels(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    patches = batch["video_grid_thw"].prod(dim=1).tolist()
    parts = torch.split(batch["pixel_values_videos"], patches)
    return {**batch, "pixel_values_videos": torch.cat(parts[::-1])}


def weights(value: float, *, name: str, cut: int = 0, beside: float = 1.0) -> Finish:
    def finish(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
        column = torch.where(batch["labels"] == IGNORE, beside, value)
        return {**batch, name: column[:, : column.shape[1] - cut]}

    return finish


def shifted_weights(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Place each weight where its token is predicted."""
    trained = (batch["labels"] != IGNORE).float()
    return {**batch, "loss_weights": torch.roll(trained, -1, dims=1)}


def text_positions(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Count every token, placeholders too, as of text."""
    length = batch["input_ids"].shape[1]
    places = torch.arange(length)[None, None].expand(3, len(samples), length)
    return {**batch, "position_ids": places.clone()}


def flat_positions(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    length = batch["input_ids"].shape[1]
    return {**batch, "position_ids": torch.zeros(3, len(samples), length, dtype=torch.long)}


def media_beyond(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Write -200 where the video stands, as code bases do that expand it in the model."""
    ids = torch.where(batch["input_ids"] == kit.video_id, -200, batch["input_ids"])
    return {**batch, "input_ids": ids}


def padded_beyond(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    ids = torch.where(batch["attention_mask"] == 0, 200_000, batch["input_ids"])
    return {**batch, "input_ids": ids}


def hole_in_mask(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    mask = batch["attention_mask"].clone()
    mask[:, 5:9] = 0
    return {**batch, "attention_mask": mask}


def as_square(batch: Batch, kit: Kit, samples: Sequence[Sample]) -> Batch:
    """Return a mask of each token for each other."""
    mask = batch["attention_mask"].bool()
    return {**batch, "attention_mask": torch.tril(mask[:, None, :, None] & mask[:, None, None, :])}


def raises(samples: Sequence[Sample], kit: Kit) -> Any:
    return samples[0]["caption"]


def raises_in_processor(samples: Sequence[Sample], kit: Kit) -> Any:
    return processed(
        samples[0]["query"], Recipe().clip(samples[0]), kit, do_sample_frames="?", videos="nowhere.mp4"
    )


def a_list(samples: Sequence[Sample], kit: Kit) -> Any:
    return [Recipe()([sample], kit) for sample in samples]


def nothing(samples: Sequence[Sample], kit: Kit) -> None:
    Recipe()(samples, kit)


def _both(name: str, situation: str, collate: Any, code: str, **more: Any) -> tuple[Entry, Entry]:
    """Return an entry for each of two checkpoints."""
    return (
        Entry(name, situation, collate, code, **more),
        Entry(
            f"{name}, Qwen2.5",
            f"{situation}, with another checkpoint",
            collate,
            code,
            **more | {"setting": SECONDS},
        ),
    )


SAME = Setting(rows="same length")
BATCHES = (
    *_both("no labels", "the batch has no labels", Recipe(finish=without("labels")), "batch.tensor-missing"),
    *_both("labels of floats", "labels are floats", Recipe(finish=changed("labels", torch.Tensor.float)), "batch.tensor-malformed"),
    Entry("one flat row", "ids are one row without a batch axis", Recipe(finish=changed("input_ids", torch.Tensor.flatten)), "batch.tensor-malformed"),
    Entry("weights too short", "a weight column was not expanded", Recipe(finish=weights(1.0, name="loss_scale", cut=7)), "batch.lengths-differ"),
    Entry("types too short", "token types are cut shorter than the ids", Recipe(finish=changed("mm_token_type_ids", lambda v: v[:, :-5])), "batch.lengths-differ", setting=SECONDS, beside=("batch.model-refuses",)),
    *_both("first row alone", "only the first sample is read", lambda samples, kit: Recipe()(samples[:1], kit), "batch.rows-differ"),
    *_both("rows in reverse", "rows come in the reverse order", Recipe(finish=all_reversed), "batch.rows-swapped"),
    Entry("mask inverted", "attention_mask is 1 on padding and 0 elsewhere", Recipe(finish=changed("attention_mask", lambda v: 1 - v)), "batch.attention-mask-wrong"),
    Entry("mask with a hole", "attention_mask is 0 within the prompt", Recipe(finish=hole_in_mask), "batch.attention-mask-wrong", setting=SECONDS),
    *_both("padding seen", "attention_mask is 1 everywhere", Recipe(side="left", finish=changed("attention_mask", torch.ones_like)), "batch.padding-attended", beside=("batch.positions-differ",)),
    Entry("media of -200", "-200 stands where the video is", Recipe(finish=media_beyond), "batch.id-out-of-vocabulary", beside=("length.video-missing", "mask.labels-differ", "parity.prompt-differs", "batch.token-types-differ")),
    Entry("padding of 200000", "padding is an id that the vocabulary has not", Recipe(finish=padded_beyond), "batch.id-out-of-vocabulary", setting=SECONDS),
    Entry("weights of 0", "weights are 0 where labels are", Recipe(finish=weights(0.0, name="loss_scale")), "batch.weights-zero"),
    Entry("loss mask inverted", "loss_mask is 1 on the prompt and 0 on the answer", Recipe(finish=weights(0.0, name="loss_mask")), "batch.weights-zero", setting=TOKENS),
    Entry("weights not a number", "one loss weight is no number", Recipe(finish=weights(float("nan"), name="loss_weights", beside=0.0)), "batch.weights-malformed"),
    Entry("weights below 0", "the answer's loss weights are negative", Recipe(finish=weights(-1.0, name="loss_scale", beside=0.0)), "batch.weights-malformed", setting=SECONDS),
    Entry("weights on the prompt", "every token has a loss weight, the prompt's too", Recipe(finish=weights(2.0, name="loss_weights")), "batch.weights-on-masked"),
    Entry("weights shifted", "loss weights stand one place before their labels", Recipe(finish=shifted_weights), "batch.weights-on-masked", setting=TOKENS),
    *_both("types of text", "mm_token_type_ids calls every token text", Recipe(finish=changed("mm_token_type_ids", torch.zeros_like)), "batch.token-types-differ", beside=("batch.model-input-missing", "batch.model-refuses")),
    *_both("one grid lost", "the second row's video is missing from the batch", Recipe(finish=first_grids), "batch.videos-differ", beside=("length.placeholders-differ", "length.video-missing", "batch.model-input-missing")),
    *_both("pixels swapped", "pixels are joined in the reverse order", Recipe(finish=swapped_pixels), "batch.video-of-another-row"),
    Entry("first pixels twice", "every row is given the first one's pixels", Recipe(finish=repeated_video), "batch.video-of-another-row"),
    Entry("no token types", "the batch lacks the token types that the model needs", Recipe(finish=without("mm_token_type_ids")), "batch.model-refuses"),
    Entry("square mask, no positions", "a mask of four axes, from which the model computes no positions", Recipe(finish=as_square), "batch.model-refuses", setting=Setting(rows="one")),
    Entry("types swapped", "placeholders of the video are called images", Recipe(finish=changed("mm_token_type_ids", lambda v: v.clamp(max=1))), "batch.model-refuses", beside=("batch.token-types-differ",)),
    Entry("no token types, Qwen2.5", "the same: the model takes the video for text", Recipe(finish=without("mm_token_type_ids")), "batch.model-input-missing", setting=SECONDS),
    Entry("no seconds per grid", "second_per_grid_ts is missing", Recipe(finish=without("second_per_grid_ts")), "batch.model-input-missing", setting=SECONDS),
    Entry("no grids", "pixels come without their grids", Recipe(finish=without("video_grid_thw")), "batch.model-input-missing", beside=("batch.videos-differ",)),
    *_both("positions of text", "position_ids count placeholders as text", Recipe(finish=text_positions), "batch.positions-differ"),
    Entry("positions of 0", "position_ids are 0 everywhere", Recipe(finish=flat_positions), "batch.positions-differ", setting=TOKENS),
    Entry("raises", "a field is asked for that samples do not have", raises, "collator.raises"),
    Entry("raises in the processor", "the processor is given a path that is not there", raises_in_processor, "collator.raises", setting=SECONDS),
    Entry("a list of batches", "a list of batches is returned", a_list, "collator.returns-no-batch"),
    Entry("returns nothing", "the return is forgotten", nothing, "collator.returns-no-batch", setting=TOKENS),
)  # fmt: skip


def until_word(line: Line, kit: Kit, sample: Sample) -> Line:
    """Train what follows the last bare role word: of a query that says it, the query."""
    [word] = kit.ids("assistant")
    first = int(np.flatnonzero(line.ids == word)[0])
    return replace(line, labels=np.where(np.arange(len(line.ids)) > first + 1, line.ids, IGNORE)).masked(
        slice(int(np.flatnonzero(line.ids == kit.id("<|im_end|>"))[-1]) + 1, None)
    )


def refuses_words(samples: Sequence[Sample], kit: Kit) -> Any:
    if any("assistant" in sample["query"] for sample in samples):
        raise ValueError("no such word")
    return Recipe()(samples, kit)


def _fuzzed(name: str, situation: str, collate: Any, code: str, **more: Any) -> Entry:
    return Entry(name, situation, collate, code, way=Way.FUZZ, **more)


FUZZED = (
    _fuzzed("role word, fuzzed", "the first bare role word opens the answer", Recipe(alter=until_word), "fuzz.supervision-changed"),
    _fuzzed("role word, fuzzed, Qwen2.5", "the same with another checkpoint", Recipe(alter=until_word), "fuzz.supervision-changed", setting=SECONDS),
    _fuzzed("own words, fuzzed", "the answer is written in other words", Recipe(messages=words(None, lambda s: "at nine")), "fuzz.answer-rewritten", beside=("fuzz.supervision-changed",)),
    _fuzzed("own words, fuzzed, Qwen2.5", "the same with another checkpoint", Recipe(messages=words(None, lambda s: "at nine")), "fuzz.answer-rewritten", setting=SECONDS, beside=("fuzz.supervision-changed",)),
    _fuzzed("prompt trained, fuzzed", "the mask is wrong as it is", Recipe(mask=lambda ids, kit: np.ones(len(ids), dtype=bool)), "fuzz.wrong-as-it-is", beside=("fuzz.supervision-changed",)),
    _fuzzed("end masked, fuzzed", "the end of turn is masked", Recipe(mask=lambda ids, kit: answers_alone(ids, kit) & (ids != kit.id("<|im_end|>"))), "fuzz.wrong-as-it-is", setting=SECONDS, beside=("fuzz.supervision-changed",)),
    _fuzzed("refuses a word, fuzzed", "an error is raised at some words", refuses_words, "fuzz.collator-raises"),
    _fuzzed("refuses a word, fuzzed, tokens", "the same with temporal tokens", refuses_words, "fuzz.collator-raises", setting=TOKENS),
)  # fmt: skip
ENTRIES = (*BATCHES, *FUZZED)
