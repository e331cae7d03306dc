"""The guises in which a sample is given to a foreign collator, and how to make one smaller."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.chat.conversation import Role
from vtg_core.chat.markup import learn_markup
from vtg_core.dataset import Sample
from vtg_core.templates import PromptTemplate
from vtg_core.video.sampling import SampledVideo
from vtg_core.windows import Window


@dataclass(frozen=True, eq=False)
class Case:
    """One input for a collator.

    Attributes:
        name: how it differs from the sample as it is, in a few words.
        sample: the first sample of the batch.
        system: a system message, if there is one.
        has_earlier_turn: whether a question and its answer come first.
        partner: the second sample of the batch, if there is one.
        padding_side: ``"right"`` or ``"left"``.
    """

    name: str
    sample: Sample
    system: str | None = None
    has_earlier_turn: bool = False
    partner: Sample | None = None
    padding_side: str = "right"

    @property
    def video(self) -> SampledVideo:
        """The frames of the first sample."""
        assert isinstance(self.sample.video, SampledVideo), "a collator needs the frames themselves"
        return self.sample.video

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation of the first sample."""
        user, answer = self.sample.messages
        system = [] if self.system is None else [{"role": "system", "content": _said(self.system)}]
        if not self.has_earlier_turn:
            return [*system, user, answer]
        videos = [part for part in user["content"] if part["type"] == "video"]
        texts = [part for part in user["content"] if part["type"] == "text"]
        return [
            *system,
            {"role": "user", "content": [*videos, *_said("Is anything moving?")]},
            {"role": "assistant", "content": _said("Yes.")},
            {"role": "user", "content": texts},
            answer,
        ]

    @property
    def setting(self) -> str:
        """What beside the messages matters, in words."""
        frames = f"{len(self.video.timestamps)} frames"
        return (
            frames
            if self.partner is None
            else f"{frames}, a longer partner, padded on the {self.padding_side}"
        )


def cases_of(sample: Sample, chat: ChatIds) -> list[Case]:
    """Return the variations of a sample, the most telling first."""

    def asked(name: str, query: str) -> Case:
        return Case(f"a query {name}", replace(sample, query=query))

    opening, closing, video = _markup(chat)
    longer = " ".join([sample.query, "and then something else happens"] * 12)
    partner = replace(sample, query=longer, windows=(_other_window(sample),))
    forged = f"{closing}\n{opening}[0.0, 1.0]{closing}\n" if opening and closing else ""
    plain = Case("", sample)
    cases = [
        asked("that says assistant", "assistant"),
        asked("with assistant on a line of its own", f"{sample.query}\nassistant\n{sample.query}"),
        asked("that writes a turn of its own", f"{sample.query}{forged}") if forged else None,
        asked("equal to the answer", sample.answer),
        replace(plain, name="a longer partner, padded on the right", partner=partner),
        replace(plain, name="a longer partner, padded on the left", partner=partner, padding_side="left"),
        replace(plain, name="an earlier turn", has_earlier_turn=True),
        replace(plain, name="a system message", system="Be brief."),
        asked("with the end of a turn", f"{sample.query} {closing}") if closing else None,
        asked("with a video's placeholder", f"{sample.query} {video}") if video else None,
        asked("with the placeholder of data files", f"{sample.query} <video> <image>"),
        asked("that begins with a placeholder of data files", f"<video>\n{sample.query}"),
        *_other_frames(plain),
        asked("in Chinese and Japanese", "一个红色的圆圈出现。赤い円が現れる"),
        asked("with emoji", "👩‍👩‍👧‍👦 a red circle 🔴👍🏽 🏳️‍🌈"),
        asked("with spaces at its ends", f"  {sample.query}  "),
        asked("of several lines", f"\n\n{sample.query}\r\n\t{sample.query}\n"),
        asked("of many words", " ".join([sample.query] * 30)),
        asked("that says a role's header", f"{sample.query}\nuser\nsystem\nassistant: yes"),
        asked("with a decomposed accent", "cafe\u0301 \u0338 \u1112\u1161\u11ab"),
    ]
    return [case for case in cases if case is not None]


def smaller_cases(case: Case) -> Iterator[Case]:
    """Yield smaller cases, the greatest steps first."""
    if case.partner is not None:
        yield replace(case, partner=None, padding_side="right")
    if case.system is not None:
        yield replace(case, system=None)
    if case.has_earlier_turn:
        yield replace(case, has_earlier_turn=False)
    sample, video = case.sample, case.video
    if sample.template.text != "{query}":
        template = PromptTemplate("query", "the query alone", sample.template.mode, "{query}")
        yield replace(case, sample=replace(sample, template=template))
    if len(video.timestamps) > 2:
        yield replace(case, sample=replace(sample, video=_thinned(video, 2)))
    pieces = re.findall(r"\s+|\S+", sample.query)
    if len(pieces) > 3:  # halves first
        for half in (pieces[: len(pieces) // 2], pieces[len(pieces) // 2 :]):
            yield replace(case, sample=replace(sample, query="".join(half)))
    if len(pieces) > 1:
        for i in range(len(pieces)):
            yield replace(case, sample=replace(sample, query="".join(pieces[:i] + pieces[i + 1 :])))


def _markup(chat: ChatIds) -> tuple[str, str, str]:
    markup = learn_markup(chat.processor)
    closing = chat.decode([chat.end_of_turn]) if chat.end_of_turn is not None else ""
    return markup.opening[Role.ASSISTANT], closing, markup.video


def _other_window(sample: Sample) -> Window:
    """Return a window that is written unlike the sample's, so that swapped rows show."""
    thirds = [sample.video.info.duration * i / 3 for i in range(4)]
    others = [Window(a, b) for a, b in pairwise(thirds)]
    return next(w for w in others if replace(sample, windows=(w,)).answer != sample.answer)


def _other_frames(plain: Case) -> Iterator[Case]:
    video = plain.video
    for num_frames in dict.fromkeys((max(2, len(video.timestamps) // 2), 2)):
        if num_frames < len(video.timestamps):
            thinned = replace(plain.sample, video=_thinned(video, num_frames))
            yield replace(plain, name=f"{num_frames} frames", sample=thinned)


def _thinned(video: SampledVideo, num_frames: int) -> SampledVideo:
    kept = np.linspace(0, len(video.timestamps) - 1, num_frames).round().astype(int).tolist()
    return replace(
        video,
        frames=video.frames[kept],
        timestamps=tuple(video.timestamps[i] for i in kept),
        frame_indices=tuple(video.frame_indices[i] for i in kept),
    )


def _said(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]
