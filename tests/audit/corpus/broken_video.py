"""Collators and files whose video, length or times are wrong."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from tests.audit.corpus.entries import SECONDS, TOKENS, Entry, Setting, Way
from tests.audit.corpus.honest import sampled, small
from tests.audit.corpus.parts import (
    Clip,
    Kit,
    Line,
    Recipe,
    Sample,
    given_clip,
    own_words,
    processed,
    rated,
    whole_chat,
    words,
)

SECOND_TOKENS = Setting(checkpoint="demo-qwen2.5-vl", answer="temporal_tokens")
EIGHT = Setting(num_frames=8)


def cut_at(position: Callable[[Line, Kit], int]) -> Callable[[Line, Kit, Sample], Line]:
    return lambda line, kit, sample: line.cut(0, position(line, kit))


def within_answer(line: Line, kit: Kit) -> int:
    start, end = line.answer
    return (start + end) // 2


def before_end(line: Line, kit: Kit) -> int:
    return line.answer[1] - 1


def within_video(line: Line, kit: Kit) -> int:
    return int(np.flatnonzero(line.ids == kit.video_id)[-3])


def left_out(line: Line, kit: Kit, sample: Sample, *, num: int) -> Line:
    return line.cut(num, len(line.ids))


def to_first(batch: Any, kit: Kit, samples: Sequence[Sample], *, position: Callable[[Line, Kit], int]) -> Any:
    """Cut the batch at one length, at ``position`` of its shortest row."""
    shortest = int(batch["attention_mask"].sum(dim=1).argmin())
    ids, labels = (batch[name][shortest].numpy() for name in ("input_ids", "labels"))
    length = position(Line(ids, labels), kit)
    return {n: v[:, :length] if v.shape[:2] == batch["input_ids"].shape else v for n, v in batch.items()}


def placeholders_lost(line: Line, kit: Kit, sample: Sample, *, num: int = 5) -> Line:
    last = int(np.flatnonzero(line.ids == kit.video_id)[-1])
    return line.spliced(last - num + 1, last + 1, [])


def placeholders_added(line: Line, kit: Kit, sample: Sample) -> Line:
    last = int(np.flatnonzero(line.ids == kit.video_id)[-1])
    return line.spliced(last, last, [kit.video_id] * 4)


def text_alone(sample: Sample, kit: Kit):
    """Leave the video out, as code does that swallows an error of its reader."""
    user, *others = own_words(sample, kit)
    return [{**user, "content": [p for p in user["content"] if p["type"] == "text"]}, *others]


def no_clip(sample: Sample) -> None:
    return None


def red_without_video(samples, kit: Kit) -> Any:
    """Lose the first row's video alone."""
    from tests.audit.corpus.parts import pad

    rows = [Recipe(messages=text_alone, clip=no_clip).row(samples[0], kit), *(Recipe().row(s, kit) for s in samples[1:])]  # fmt: skip
    return pad(rows, kit)


def as_images(samples, kit: Kit, *, num: int | None = None) -> Any:
    """Show the frames as images."""
    from tests.audit.corpus.parts import pad

    rows = []
    for sample in samples:
        frames = given_clip(sample).frames[:num]
        user, *others = own_words(sample, kit)
        content = [{"type": "image"} for _ in frames] + [p for p in user["content"] if p["type"] == "text"]
        text = whole_chat([{**user, "content": content}, *others], kit)
        outputs = kit.processor(
            text=[text], images=list(frames), return_tensors="pt", input_data_format="channels_last"
        )
        ids = outputs["input_ids"][0].numpy().astype(np.int64)
        media = {name: outputs[name] for name in ("pixel_values", "image_grid_thw")}
        line = Line(ids, np.full_like(ids, -100), media)
        rows.append(line.trained(Recipe().mask(ids, kit)))
    return pad(rows, kit)


def half_small(sample: Sample) -> Clip:
    """Take the first half in frames of another size, so that pictures cannot be compared with ours."""
    clip = small(sample)
    return clip.taken(range((len(clip.frames) + 1) // 2))


def every_second(sample: Sample) -> Clip:
    clip = given_clip(sample)
    return clip.taken(range(0, len(clip.frames), 2))


def without_metadata(text: str, clip: Clip | None, kit: Kit) -> Line:
    """Hand over frames alone: the processor assumes a rate, and numbers the frames."""
    return processed(text, clip, kit, video_metadata=None)


def restamped(change: Callable[[int, float], float]) -> Callable[[Line, Kit, Sample], Line]:
    """Return what writes other times into the stamps, given each one's number and time."""

    def alter(line: Line, kit: Kit, sample: Sample) -> Line:
        stamp = re.compile(r"<(\d+\.\d) seconds>")
        text = kit.decode(line.ids)
        numbers = iter(range(1_000))
        changed = stamp.sub(lambda m: f"<{change(next(numbers), float(m[1])):.1f} seconds>", text)
        ids = np.array(kit.ids(changed), dtype=np.int64)
        return replace(line, ids=ids, labels=np.where(Recipe().mask(ids, kit), ids, -100))

    return alter


def first_half(sample: Sample) -> Clip:
    given = given_clip(sample)
    return given.taken(range(len(given.frames) // 2))


def other_seconds(line: Line, kit: Kit, sample: Sample, *, change: Callable[[Any], Any]) -> Line:
    seconds = torch.as_tensor(line.media["second_per_grid_ts"], dtype=torch.float)
    return replace(line, media={**line.media, "second_per_grid_ts": change(seconds)})


def twice(sample: Sample, kit: Kit):
    user, *others = own_words(sample, kit)
    video = [p for p in user["content"] if p["type"] == "video"]
    return [{**user, "content": [*video, *user["content"]]}, *others]


def both_times(text: str, clip: Clip | None, kit: Kit) -> Line:
    assert clip is not None
    return processed(text, clip, kit, videos=[clip.frames] * 2, video_metadata=[clip.metadata] * 2)


SEEN = words(
    "Locate the event in the video: {query}",
    lambda s: f"The event is seen from {s['windows'][0][0]:.1f} - {s['windows'][0][1]:.1f} seconds.",
)
LENGTHS = (
    Entry("placeholders lost", "five placeholders of the video are cut out", Recipe(alter=placeholders_lost), "length.placeholders-differ", beside=("batch.model-refuses",)),
    Entry("placeholders added", "four placeholders too many stand in the row", Recipe(alter=placeholders_added), "length.placeholders-differ", setting=SECONDS, beside=("batch.model-refuses",)),
    Entry("video swallowed", "no row has its video", Recipe(messages=text_alone, clip=no_clip), "length.video-missing"),
    Entry("one video swallowed", "one row of two trains without its video", red_without_video, "length.video-missing"),
    Entry("frames as images", "frames are shown as images", as_images, "length.video-as-images"),
    Entry("two frames as images", "two of the frames are shown as images", partial(as_images, num=2), "length.video-as-images", setting=SECONDS),
    Entry("answer cut", "rows are cut at one length, in the answer of the first", Recipe(finish=partial(to_first, position=within_answer)), "length.answer-cut", beside=("length.end-of-turn-cut", "mask.nothing-trained")),
    Entry("answer cut, known bound", "the same with a bound that is known", Recipe(alter=cut_at(within_answer)), "length.answer-cut", setting=SECONDS),
    Entry("end cut", "one length cuts the end of turn", Recipe(finish=partial(to_first, position=before_end)), "length.end-of-turn-cut", setting=Setting(rows="same length"), beside=("length.answer-cut",)),
    Entry("end cut, known bound", "max_length cuts the end of turn", Recipe(alter=cut_at(before_end)), "length.end-of-turn-cut", setting=Setting(rows="one", max_length=200)),
    Entry("answer cut, own frames", "one length cuts the answer of a row with other frames", Recipe(clip=every_second, finish=partial(to_first, position=within_answer)), "length.answer-cut", setting=EIGHT, beside=("mask.nothing-trained",)),
    Entry("answer cut, own words and frames", "the same with a prompt and an answer in own words", Recipe(messages=SEEN, clip=every_second, finish=partial(to_first, position=within_answer)), "length.answer-cut", setting=EIGHT, beside=("mask.nothing-trained",)),
    Entry("end cut, own words", "one length cuts the end of an answer in own words", Recipe(messages=SEEN, clip=every_second, finish=partial(to_first, position=before_end)), "length.end-of-turn-cut", setting=replace(EIGHT, rows="same length"), beside=("length.answer-cut",)),
    Entry("video cut", "truncation ends within the video", Recipe(alter=cut_at(within_video)), "length.video-cut", beside=("mask.nothing-trained", "batch.model-refuses")),
    Entry("video cut, Qwen2.5", "the same with another checkpoint", Recipe(alter=cut_at(within_video)), "length.video-cut", setting=SECONDS, beside=("mask.nothing-trained", "batch.model-refuses")),
    Entry("prompt cut", "truncation from the left takes the first tokens", Recipe(alter=partial(left_out, num=2)), "length.prompt-cut", beside=("mask.one-reading",)),
    Entry("prompt cut, Qwen2.5", "truncation from the left takes half of the system turn", Recipe(alter=partial(left_out, num=9)), "length.prompt-cut", setting=SECONDS, beside=("mask.one-reading",)),
    Entry("over max_length", "the trainer's bound is below the row's length", Recipe(), "length.over-max-length", setting=Setting(max_length=60)),
    Entry("over max_length, Qwen2.5", "the same with another checkpoint", Recipe(), "length.over-max-length", setting=Setting(checkpoint="demo-qwen2.5-vl", max_length=60)),
    Entry("video twice", "the video is written and passed twice", Recipe(messages=twice, line=both_times), "parity.video-repeated"),
    Entry("video twice, Qwen2.5", "the same with another checkpoint", Recipe(messages=twice, line=both_times), "parity.video-repeated", setting=SECONDS),
)  # fmt: skip
TIMES = (
    Entry("stamps uneven", "stamps of other times than the frames'", Recipe(alter=restamped(lambda i, t: t + (0.0, 2.5)[i % 2])), "time.stamps-differ"),
    Entry("stamps later", "all stamps are three seconds late", Recipe(alter=restamped(lambda i, t: t + 3.0)), "time.stamps-differ", setting=TOKENS),
    Entry("rate of another file", "stamps assume a rate of 2.4 times", Recipe(clip=rated(given_clip, 1 / 2.4)), "time.fps-assumed"),
    Entry("slower rate", "stamps assume a slower file", Recipe(clip=rated(given_clip, 2)), "time.fps-assumed", setting=TOKENS),
    Entry("rate of another file, smaller frames", "the same with frames of another size", Recipe(clip=rated(small, 1 / 2.4)), "time.fps-assumed", setting=EIGHT),
    Entry("own frames at another rate", "frames of one's own cover the video, and their stamps assume 24 fps", Recipe(clip=rated(sampled(12), 1 / 2.4)), "time.fps-assumed", setting=EIGHT),
    Entry("own frames at half the time", "the same with a rate of 20 fps", Recipe(clip=rated(sampled(16), 0.5)), "time.fps-assumed", setting=replace(TOKENS, num_frames=12)),
    Entry("stamps by number and duration", "frames up to the last are stamped as if a step were left behind it", Recipe(clip=rated(given_clip, 7 / 8)), "time.stamps-differ", setting=EIGHT),
    Entry("no metadata", "frames are handed over without metadata, and 24 fps are assumed", Recipe(line=without_metadata), "time.fps-assumed", setting=EIGHT),
    Entry("first half", "the frames are those of the first half alone", Recipe(clip=first_half), "time.only-first-part", setting=EIGHT, beside=("time.window-unseen",)),
    Entry("first half, tokens", "the same with temporal tokens", Recipe(clip=first_half), "time.only-first-part", setting=replace(EIGHT, answer="temporal_tokens"), beside=("time.window-unseen",)),
    Entry("first half, smaller frames", "the same with frames of another size", Recipe(clip=half_small), "time.only-first-part", setting=Setting(num_frames=19), beside=("time.window-unseen",)),
    Entry("window unseen", "the window lies behind all frames", Recipe(clip=first_half), "time.window-unseen", setting=replace(EIGHT, rows="late"), beside=("time.only-first-part",)),
    Entry("window unseen, tokens", "the same with temporal tokens", Recipe(clip=first_half), "time.window-unseen", setting=replace(EIGHT, rows="late", answer="temporal_tokens"), beside=("time.only-first-part",)),
    Entry("seconds upside down", "grids per second stand where seconds per grid belong", Recipe(alter=partial(other_seconds, change=lambda s: 1 / s)), "time.seconds-per-grid-differ", setting=SECONDS),
    Entry("seconds left at one", "every grid is said to take one second", Recipe(alter=partial(other_seconds, change=torch.ones_like)), "time.seconds-per-grid-differ", setting=SECOND_TOKENS),
)  # fmt: skip


def _file(
    name: str, situation: str, code: str, rows: str, *, beside: tuple[str, ...] = (), **setting: Any
) -> Entry:
    return Entry(name, situation, None, code, beside, Setting(rows=rows, **setting), Way.FILE)


FILES = (
    _file("window between frames", "no sampled frame lies in the window", "time.window-without-frame", "short"),
    _file("window between frames, tokens", "the same with temporal tokens", "time.window-without-frame", "short", answer="temporal_tokens"),
    _file("one token", "start and end are one temporal token", "time.same-bin", "instant", answer="bins_100_tokens", beside=("time.window-without-frame",)),
    _file("one percent", "start and end are the same percent", "time.same-bin", "instant", answer="percent_range", beside=("time.window-without-frame",)),
    _file("coarse seconds", "whole seconds cannot say the window", "time.resolution-low", "half a second", answer="seconds_0_range", beside=("time.window-without-frame",)),
    _file("coarse percent", "whole percents cannot say the window", "time.resolution-low", "half a second", answer="percent_range", beside=("time.window-without-frame",)),
    _file("fractions", "times are fractions of the duration", "time.unit-suspected", "fractions", beside=("time.window-without-frame", "time.duration-differs")),
    _file("milliseconds", "times are milliseconds", "time.unit-suspected", "milliseconds", beside=("row.unreadable",)),
    _file("frame numbers", "times are numbers of frames", "time.unit-suspected", "frame numbers", beside=("row.unreadable",)),
    _file("longer file", "the file is longer than the row says", "time.duration-differs", "longer"),
    _file("shorter file", "the file is shorter than the row says", "time.duration-differs", "shorter"),
    _file("missing file", "a row names a video that is not there", "row.unreadable", "missing file"),
    _file("window backwards", "a window ends before it begins", "row.unreadable", "backwards"),
    _file("no query", "a row has no query", "row.unreadable", "no query"),
)  # fmt: skip
ENTRIES = (*LENGTHS, *TIMES, *FILES)
