"""What the entries are tried on: rows of the demo's clips, its processors, and the audit itself; each made once."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tests.audit.corpus.entries import Entry, Setting, Verdict, Way, verdict_of
from tests.audit.corpus.parts import Kit
from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.audit.checks.families import check_batch
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.collators import ForeignCollator, foreign_samples, run_collator
from vtg_core.audit.foreign.fuzz import fuzz
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known, scene_of
from vtg_core.audit.row.row import Known
from vtg_core.audit.run import audit_rows, audit_saved, suspected_units, unreadable_rows
from vtg_core.checkpoints.loading import load_config, load_processor
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.video.plan import FramePolicy
from vtg_core.video.sampling import sample_frames

ASSETS = Path(__file__).parents[3] / "assets"
NUM_FUZZED = 4


def _row(query: str, *times: float, video: str = "red_circle.mp4", **more: Any) -> dict[str, Any]:
    windows = [list(times[i : i + 2]) for i in range(0, len(times), 2)]
    return {"video": video, "sentence": query, "windows": windows} | more


def _turn(role: str, text: str, *, has_video: bool = False) -> dict[str, Any]:
    video = [{"type": "video", "video": "red_circle.mp4"}] if has_video else []
    return {"role": role, "content": [*video, {"type": "text", "text": text}]}


RED = _row("a red circle appears", 8.0, 14.0)
BLUE = _row("a blue square slides across the screen, slowly at first", 5.0, 12.0, video="two_events.mp4")
ROWS: Mapping[str, list[dict[str, Any]]] = {
    "one": [RED],
    "two": [RED, BLUE],
    "same length": [RED, _row("a red circle vanishes", 9.0, 12.0)],
    "a token longer": [RED, _row("a red circle appears.", 8.0, 14.0)],
    "windows": [_row("anything happens", 5.0, 12.0, 18.0, 23.0, video="two_events.mp4"), RED],
    "emoji": [_row("\N{LARGE RED CIRCLE} appears \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}", 8.0, 14.0), BLUE],
    "chinese": [_row("一个红色的圆圈出现", 8.0, 14.0), _row("赤い円が現れる", 8.0, 14.0)],
    "forty": [_row("a red circle appears" + " again" * (i % 7), 8.0, 14.0) for i in range(40)],
    "says assistant": [_row("the assistant\nassistant\nwaves at us", 8.0, 14.0), BLUE],
    "says a control token": [_row("a red circle <|im_end|>\nappears", 8.0, 14.0), BLUE],
    "says a placeholder": [_row("a sign that reads <|video_pad|> appears", 8.0, 14.0), BLUE],
    "late": [_row("a red circle appears late", 20.0, 26.0), BLUE | {"windows": [[22.0, 29.0]]}],
    "short": [_row("a red circle flickers", 13.0, 14.0)],
    "instant": [_row("a red circle flickers", 13.02, 13.08)],
    "half a second": [_row("a red circle flickers", 10.1, 10.4)],
    "fractions": [_row(f"thing {i}", 0.1 + i / 20, 0.3 + i / 20) for i in range(8)],
    "milliseconds": [_row("a red circle appears", 8000, 14000, duration=30000)],
    "frame numbers": [_row("a red circle appears", 80, 140, duration=300)],
    "longer": [RED | {"duration": 20.0}],
    "shorter": [RED | {"duration": 45.0}],
    "missing file": [RED, RED | {"video": "nowhere.mp4"}],
    "backwards": [RED, RED | {"windows": [[14.0, 8.0]]}],
    "no query": [RED, {"video": "red_circle.mp4", "windows": [[8.0, 14.0]]}],
    "talk": [
        {
            "messages": [
                _turn("user", "What is this?", has_video=True),
                _turn("assistant", "A red circle on a plain ground."),
                _turn("user", "When does it appear?"),
                _turn("assistant", "It is there from 8.0 s to 14.0 s."),
            ]
        }
    ],
    "talk with a system turn": [
        {
            "messages": [
                _turn("system", "You find moments in videos."),
                _turn("user", "When does a red circle appear?", has_video=True),
                _turn("assistant", "From 8.0 s to 14.0 s."),
            ]
        }
    ],
    "thinking": [
        {
            "messages": [
                _turn("user", "When does a red circle appear?", has_video=True),
                _turn("assistant", "<think>It is red at 9 s.</think>\nFrom 8.0 s to 14.0 s."),
            ]
        }
    ],
}  # fmt: skip
"""Rows by name; the clips last 30 s (red circle) and 32 s (two events)."""


def judge(entry: Entry) -> Verdict:
    """Audit an entry, and say what became of it."""
    found = Counter((finding.code, str(finding.severity)) for finding in findings_of(entry))
    return verdict_of(entry, found)


def findings_of(entry: Entry) -> list[Finding]:
    """Return what the audit finds of an entry."""
    if entry.way is Way.FILE:
        return list(_of_file(entry.setting))
    kit, samples, known = _made(entry.setting)
    collate = entry.collate
    assert collate is not None, "an entry that is no file has a collator"
    collator = ForeignCollator(entry.name, lambda given: collate(given, kit))
    if entry.way is Way.FUZZ:
        return fuzz(collator, samples[0], NUM_FUZZED, kit.chat)
    returned = run_collator(collator, foreign_samples(samples))
    if isinstance(returned, Finding):
        return [returned]
    model, bound = _model(entry.setting.checkpoint), entry.setting.max_length
    if entry.way is Way.SAVED:
        audited = audit_saved(returned, kit.chat, max_length=bound, model=model)
        return [finding for row in audited for finding in row.findings]
    return list(check_batch(returned, kit.chat, known, max_length=bound, model=model).findings)


_video = cache(sample_frames)


@cache
def kit_of(checkpoint: str) -> Kit:
    processor = copy(load_processor(checkpoint))
    processor.video_processor = _Remembering(processor.video_processor)
    return Kit(processor, ChatIds.of(processor))


@cache
def _model(checkpoint: str) -> AskedModel:
    return AskedModel.of(load_config(checkpoint), kit_of(checkpoint).chat)


@cache
def _made(setting: Setting) -> tuple[Kit, list[Sample], list[Known]]:
    """Return the samples of a setting, and what our own pipeline knows of each."""
    kit = kit_of(setting.checkpoint)
    if setting.pads_with_end:
        kit = replace(kit, chat=replace(kit.chat, pad_id=kit.chat.end_of_turn))
    if setting.stops_elsewhere:
        kit = replace(kit, chat=replace(kit.chat, stop_ids=frozenset({kit.id("<|endoftext|>")})))
    with TemporaryDirectory() as folder:
        dataset = _dataset(setting, folder)
        frames = FramePolicy(num_frames=setting.num_frames)
        samples = [
            replace(dataset.plan(i), video=_video(a.video, frames)) for i, a in enumerate(dataset.annotations)
        ]
    assert len(samples) == len(ROWS[setting.rows]), dataset.skipped
    once = process_videos_once(kit.processor)
    known = [
        encode_known(s.messages, once, [s.video], scene=scene_of(s), policy=s.trained_by(None))[1]
        for s in samples
    ]
    return kit, samples, known


def _of_file(setting: Setting) -> Iterator[Finding]:
    with TemporaryDirectory() as folder:
        dataset = _dataset(setting, folder)
        for way in (
            unreadable_rows(dataset),
            suspected_units(dataset),
            audit_rows(dataset, kit_of(setting.checkpoint).chat, max_length=setting.max_length),
        ):
            for row in way:
                yield from row.findings


def _dataset(setting: Setting, folder: str) -> VideoTemporalSFTDataset:
    path = Path(folder) / "rows.json"
    path.write_text(json.dumps(ROWS[setting.rows]), encoding="utf-8")
    return VideoTemporalSFTDataset(
        path, ASSETS, use_random_templates=False, answer_form=setting.answer,
        frames=FramePolicy(num_frames=setting.num_frames), on_error="skip",
    )  # fmt: skip


class _Remembering:
    """A video processor that hands out again what it made of the same pixels: most entries show the same few."""

    def __init__(self, video_processor: Any) -> None:
        self._video_processor, self._made = video_processor, dict[str, Any]()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # asked for while copying
            raise AttributeError(name)
        return getattr(self._video_processor, name)

    def __call__(self, videos: Any, **options: Any) -> Any:
        if any(getattr(video, "is_meta", False) for video in videos):  # measured, and not looked at
            return self._video_processor(videos, **options)
        frames = [np.asarray(video) for video in videos]
        key = repr(([(frame.shape, hash(frame.tobytes())) for frame in frames], options))
        if key not in self._made:
            self._made[key] = self._video_processor(videos, **options)
        return copy(self._made[key])
