"""What masking adds to a processor's call, how many rows a second are audited without a pixel, and how sure the audit is.

Clips of 448 x 704 pixels become samples of 5,000, 20,000 and 60,000 tokens with the demo's processor, by the number of
frames that are taken. All of it runs on one core. How sure the audit is comes from the corpus in tests/audit/corpus.
"""

import json
import shutil
import tempfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.run import audit_rows
from vtg_core.chat.rendering import render
from vtg_core.checkpoints.loading import load_processor
from vtg_core.collator import SFTCollator
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.masking.pixel_free import PixelFreeEncoder
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.video.plan import FramePolicy

from ..audit.corpus.all_entries import figures as corpus_figures
from ..audit.shards.rows import Size, sentence_of
from ..audit.shards.rows import write_clip as write_clip_of

NUM_ROWS, NUM_VIDEOS, NUM_PASSES = 1_000, 50, 3
CLIP = Size(duration=40, fps=10, width=704, height=448)


@dataclass(frozen=True)
class Length:
    """Samples of about so many tokens: frames a video, and how often each thing is measured."""

    name: str
    num_frames: int
    num_calls: int
    num_pixel_rows: int


LENGTHS = (Length("5k", 32, 15, 10), Length("20k", 128, 7, 4), Length("60k", 384, 0, 2))


def run() -> dict[str, float]:
    processor = deepcopy(load_processor("demo"))
    processor.video_processor.size = {"shortest_edge": 4_096, "longest_edge": 10**9}  # frames keep their size
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch:
        annotations = _write_rows(Path(scratch))
        for length in LENGTHS:
            frames = FramePolicy(num_frames=length.num_frames)
            data_sets = [
                VideoTemporalSFTDataset(
                    annotations, use_temporal_tokens=in_tokens, template_seed=1, frames=frames
                )
                for in_tokens in (False, True)
            ]
            figures |= _measure_rows(length, data_sets, processor)
            if length.num_calls:
                figures[f"mask_overhead_{length.name}"] = _measure_masking(length, data_sets[0][0], processor)
    return figures | corpus_figures()


def _measure_rows(
    length: Length, data_sets: list[VideoTemporalSFTDataset], processor: Any
) -> dict[str, float]:
    chat, encoder, collator = ChatIds.of(processor), PixelFreeEncoder(processor), SFTCollator(processor)

    def audit_all() -> int:
        return sum(
            len(list(audit_rows(rows, chat, limit=NUM_ROWS // 2, encoder=encoder))) for rows in data_sets
        )

    assert audit_all() == NUM_ROWS  # the first pass also reads the videos
    per_second = NUM_ROWS / median(_seconds(audit_all) for _ in range(NUM_PASSES))
    through_pixels = median(
        _seconds(lambda rows=rows, index=index: collator.encode(rows[index]))
        for index in range(length.num_pixel_rows // 2)
        for rows in data_sets
    )
    num_tokens = len(encoder.encode(data_sets[0].plan(0)))
    print(
        f"  {num_tokens:,} tokens: {per_second:,.0f} rows/s audited without pixels, "
        f"{1 / through_pixels:,.2f} rows/s encoded through the processor: {per_second * through_pixels:,.0f} times",
        flush=True,
    )
    figures = {f"audit_speedup_{length.name}": per_second * through_pixels}
    return figures | ({"audit_rows_per_second": per_second} if length is LENGTHS[0] else {})


def _measure_masking(length: Length, sample: Sample, processor: Any) -> float:
    """Return what our masking adds, as a share of a plain processor call.

    Both process the same pixels alike, and the time of that varies by more than what is to be measured. So the
    difference is taken with the pixels processed before, and the call that it is compared with has them in it.
    """
    once = process_videos_once(processor)
    text, video = render(sample.messages, processor).text, sample.video

    def plain(own: Any) -> Any:
        return own(
            text=[text],
            videos=[video.frames],
            video_metadata=[video.metadata],
            do_sample_frames=False,
            input_data_format="channels_last",
            return_tensors="pt",
        )

    ways = {
        "call": lambda: plain(processor),
        "masked": lambda: SFTCollator(processor).encode(sample),
    }
    whole = _interleaved(ways, length.num_calls)
    kept = {}
    for name, way in (("call", lambda: plain(once)), ("masked", lambda: SFTCollator(once).encode(sample))):
        way()  # processes the pixels
        kept[name] = median(_seconds(way) for _ in range(3 * length.num_calls))
    added, call = kept["masked"] - kept["call"], whole["call"]
    print(
        f"  masking adds {added * 1e3:.2f} ms to a call of {call * 1e3:,.0f} ms: {added / call:.2%} "
        f"(medians of whole calls: {call * 1e3:,.0f} and {whole['masked'] * 1e3:,.0f} ms)",
        flush=True,
    )
    return added / call


def _interleaved(ways: dict[str, Callable[[], Any]], num_calls: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for call in range(num_calls):
        for name in sorted(ways, reverse=bool(call % 2)):
            times[name].append(_seconds(ways[name]))
    return {name: median(seconds) for name, seconds in times.items()}


def _seconds(work: Callable[[], Any]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def _write_rows(folder: Path) -> Path:
    """Write the clips and ``NUM_ROWS`` rows about them."""
    clip = write_clip(folder / "clip_0.mp4")
    for i in range(1, NUM_VIDEOS):
        shutil.copyfile(clip, folder / f"clip_{i}.mp4")
    said = [
        {
            "video": f"clip_{i % NUM_VIDEOS}.mp4",
            "duration": CLIP.duration,
            "timestamp": [i % 31 + 0.5, i % 31 + 1 + i % 8],
            "sentence": sentence_of(i),
        }
        for i in range(NUM_ROWS)
    ]
    path = folder / "rows.json"
    path.write_text(json.dumps(said), encoding="utf-8")
    return path


def write_clip(path: Path) -> Path:
    """Write a clip in which every frame differs from the one before."""
    return write_clip_of(path, CLIP)
