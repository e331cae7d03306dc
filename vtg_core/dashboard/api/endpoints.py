"""The named endpoints, for ``gradio_client`` and as tools of a model: all else of the page is private.

What the functions are called, what they take and what their docstrings say is what a caller reads.
"""

import json
from collections.abc import Callable
from typing import Any, Literal

import gradio as gr
from gradio.events import api

from vtg_core.dashboard.api.answers import (
    AskedAudit,
    audit_answer,
    compare_answer,
    inspect_answer,
    loss_answer,
)
from vtg_core.dashboard.api.values import (
    answer_of,
    flag,
    mask_of,
    one_of,
    row_of,
    template_of,
    texts,
    whole,
)
from vtg_core.dashboard.notices import as_notice
from vtg_core.dashboard.session.gpu import on_gpu
from vtg_core.dashboard.session.runs import MODEL
from vtg_core.dashboard.settings import Settings
from vtg_core.errors import VTGError
from vtg_core.templates import TEMPLATE_NAMES
from vtg_core.views.results.chosen import (
    ALL,
    BOTH,
    baselines_first,
    is_baseline,
    templates_of,
    templates_of_all,
)

Video = str | dict[str, Any]
Windows = list[list[float]]
Names = list[str]
Sort = Literal["sum", "mean", "times", "end_of_turn"]
SORTS = ("sum", "mean", "times", "end_of_turn")
READING: dict[str, Any] = {"concurrency_id": "read", "concurrency_limit": 2}
RUNNING = {name: MODEL[name] for name in ("concurrency_id", "concurrency_limit")}
"""An endpoint that runs the model waits for its turn as the page does."""


class Endpoints:
    """The four of them; each answers with what the command of its name writes as JSON."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def connect(self) -> None:
        """Offer them, inside a page that is being built."""
        for endpoint, turn in (
            (self.inspect, READING), (self.audit, READING), (self.loss, RUNNING), (self.compare, RUNNING),
        ):  # fmt: skip
            api(endpoint, api_name=endpoint.__name__, **turn)

    def inspect(
        self,
        video: Video,
        query: str,
        windows: Windows,
        template: str = ALL,
        answer: str = BOTH,
        num_frames: int | None = None,
        clip: bool = False,
    ) -> dict[str, Any]:
        """Show what a video model would be trained on for one question about one video: the prompt, every token id, its label and its region. Runs no model.

        Args:
            video: the video file, uploaded (gradio_client.handle_file), or its path below a folder that the server was started with
            query: the sentence to look for in the video, such as "a red circle appears"
            windows: when it happens, a list of [start, end] in seconds, such as [[8, 14]]
            template: the name of one prompt template, or "all"
            answer: how the answer is written: "standard" (seconds), "temporal_tokens", "both", or another answer form
            num_frames: how many frames are taken, spread over the video; the server's own number unless given
            clip: move a window's end that lies past the video to the video's end

        Returns:
            JSON: {"checkpoint", "video", "query", "windows", "samples": [{"template", "mode", "prompt", "rendered", "answer", "input_ids", "labels", "regions": [[kind, start, end]]}]}; a label of -100 is not trained
        """

        def answered() -> dict[str, Any]:
            row = row_of(
                self.settings, video=video, query=query, windows=windows, num_frames=num_frames, clip=clip
            )
            templates = templates_of(answer_of(answer, takes_both=True), template_of(template, ALL))
            return inspect_answer(self.settings, row, templates)

        return _in_a_sentence(answered)

    def audit(
        self,
        video: Video,
        query: str,
        windows: Windows,
        template: str = ALL,
        answer: str = "standard",
        num_frames: int | None = None,
        clip: bool = False,
        mask: str = "ours",
        max_length: int | None = None,
    ) -> dict[str, Any]:
        """Find what is wrong with the training mask of one sample: tokens that leak into the loss, holes in it, wrong time stamps. Runs no model.

        Args:
            video: the video file, uploaded (gradio_client.handle_file), or its path below a folder that the server was started with
            query: the sentence to look for in the video
            windows: when it happens, a list of [start, end] in seconds
            template: the name of one prompt template, or "all" to have one chosen
            answer: how the answer is written: "standard" (seconds), "temporal_tokens", or another answer form
            num_frames: how many frames are taken; the server's own number unless given
            clip: move a window's end that lies past the video to the video's end
            mask: whose mask: "ours", a recipe of public code (such as "text-prefix"), or "collator" for the one that the server was started with
            max_length: how many tokens training keeps; no bound unless given

        Returns:
            JSON: {"subject", "rows_in_file", "rows_read", "rows_audited", "verified", "decoders", "partial", "findings": [{"code", "severity", "row", "where", "title", "message", "evidence", "fix"}], "summary": {code: count}, "listed"}
        """

        def answered() -> dict[str, Any]:
            row = row_of(
                self.settings, video=video, query=query, windows=windows, num_frames=num_frames, clip=clip
            )
            asked = AskedAudit(
                mask_of(self.settings, mask),
                template_of(template, ALL),
                answer_of(answer, takes_both=False),
                None if max_length is None else whole("max_length", max_length, minimum=1),
            )
            return audit_answer(self.settings, row, asked)

        return _in_a_sentence(answered)

    def loss(
        self,
        video: Video,
        query: str,
        windows: Windows,
        template: str = "direct",
        answer: str = "standard",
        num_frames: int | None = None,
        clip: bool = False,
        cross_check: bool = False,
    ) -> dict[str, Any]:
        """Run a forward pass of the server's model and return the loss of the answer alone, token by token, in nats.

        Args:
            video: the video file, uploaded (gradio_client.handle_file), or its path below a folder that the server was started with
            query: the sentence to look for in the video
            windows: when it happens, a list of [start, end] in seconds
            template: the name of one prompt template, or "all", which share a pass
            answer: how the answer is written: "standard" (seconds), "temporal_tokens", "both", or another answer form
            num_frames: how many frames are taken; the server's own number unless given
            clip: move a window's end that lies past the video to the video's end
            cross_check: give each of several templates a pass of its own, with the model's own loss beside it

        Returns:
            JSON: {"checkpoint", "device", "dtype", "samples": [{"template", "mode", "num_supervised", "sum_nll", "mean_nll", "model_loss", "parts", "shift_losses", "model_shift", "tokens"}], "vocab_size", "uniform_nll", "shared", "seconds"}
        """

        def answered() -> dict[str, Any]:
            row = row_of(
                self.settings, video=video, query=query, windows=windows, num_frames=num_frames, clip=clip
            )
            templates = templates_of(answer_of(answer, takes_both=True), template_of(template, ALL))
            is_checked = flag("cross_check", cross_check)
            return on_gpu(loss_answer)(self.settings, row, templates, is_cross_checked=is_checked)

        return _in_a_sentence(answered)

    def compare(
        self,
        video: Video,
        query: str,
        windows: Windows,
        templates: Names | None = None,
        answers: Names | None = None,
        baseline: str | None = None,
        sort: Sort = "mean",
        num_frames: int | None = None,
        clip: bool = False,
    ) -> dict[str, Any]:
        """Compare what prompt templates cost the server's model on one sample, in about one forward pass.

        Args:
            video: the video file, uploaded (gradio_client.handle_file), or its path below a folder that the server was started with
            query: the sentence to look for in the video
            windows: when it happens, a list of [start, end] in seconds
            templates: the names of the templates; all unless given
            answers: how answers are written: "standard", "temporal_tokens", "both", or other answer forms; both built-in ones unless given
            baseline: the template that the others of its answer form are held against, "name" or "mode/name"; the first unless given
            sort: which loss differences are taken of: "sum", "mean", "times" or "end_of_turn"
            num_frames: how many frames are taken; the server's own number unless given
            clip: move a window's end that lies past the video to the video's end

        Returns:
            JSON: {"schema", "settings", "partial", "results": [{"template", "mode", "answer", "sum_nll", "mean_nll", …}], "unreadable", "checks", "summary", "comparison"}
        """

        def answered() -> dict[str, Any]:
            row = row_of(
                self.settings, video=video, query=query, windows=windows, num_frames=num_frames, clip=clip
            )
            named = [template_of(one) for one in texts("templates", templates, default=TEMPLATE_NAMES)]
            forms = [answer_of(one, takes_both=True) for one in texts("answers", answers, default=[BOTH])]
            chosen = templates_of_all(forms, named)
            if baseline is not None and not any(map(is_baseline(baseline), chosen)):
                known = ", ".join(f"{one.mode}/{one.name}" for one in chosen)
                raise VTGError(f"the baseline must be one of the templates compared ({known})")
            metric = one_of("sort", sort, SORTS)
            ordered = baselines_first(chosen, baseline)
            return on_gpu(compare_answer)(self.settings, row, ordered, sort=metric)

        return _in_a_sentence(answered)


def _in_a_sentence(answered: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what is answered, as the command line writes it and a program reads it: names are no more than texts.

    Raises:
        gr.Error: in one sentence, in the place of whatever went wrong; a bug of ours stands in the log.
    """
    failures: list[str] = []
    with as_notice(failures):
        answer: dict[str, Any] = json.loads(json.dumps(answered(), allow_nan=False))
        return answer
    raise gr.Error(json.loads(failures[0])["text"], print_exception=False)
