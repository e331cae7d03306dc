"""What would the model answer itself? Greedy decoding from the prompt that training showed it."""

import time
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from inspect import signature
from itertools import groupby
from typing import TYPE_CHECKING

from vtg_core.chat.token_text import decode_run, token_text
from vtg_core.data.answers import AnswerFormat, ParsedAnswer, ParseReason
from vtg_core.errors import LossError, OutOfMemoryError, VTGError, first_line
from vtg_core.loss.forward_pass import evaluating, input_device, layers_counted, raising_loss_errors
from vtg_core.loss.model_shape import dtype_of
from vtg_core.probes.certainty import TimeCertainty, certainties
from vtg_core.windows import Window, intersection_over_union_of_unions

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase, ProcessorMixin

    from vtg_core.inspection import Inspection
    from vtg_core.masking.encoding import EncodedSample

FITS_FROM = 0.7
"""From this IoU on an answer is said to fit: the stricter of the two bounds at which recall is reported.

Source: R1@0.5 and R1@0.7 of Gao et al., "TALL: Temporal Activity Localization via Language Query", and its followers.
"""


@dataclass(frozen=True)
class GeneratedAnswer:
    """What a model wrote, and how well it fits.

    Attributes:
        template, mode: what asked for it.
        text: what was written, without the token that ended the turn; control tokens by their names.
        token_ids: all that were written, the end of turn included.
        is_complete: whether the model ended its turn by itself, before ``max_new_tokens``.
        parsed: the windows (s) in it, and the reason where there are none.
        truth: the sample's windows (s).
        iou: the length that both cover over the length that either covers, 0 to 1; None where nothing was parsed.
        device, dtype: where and in which floating point type.
        seconds: time of the model.
        times: how sure the model was of each time that it wrote, in order.
    """

    template: str
    mode: str
    text: str
    token_ids: tuple[int, ...]
    is_complete: bool
    parsed: ParsedAnswer
    truth: tuple[Window, ...]
    iou: float | None
    device: str
    dtype: str
    seconds: float
    times: tuple[TimeCertainty, ...] = ()

    @property
    def certainty(self) -> str:
        """One sentence: how sure the model was of its times, and what a guess among bins would be; empty without times."""
        if not self.times:
            return ""
        said = " and ".join(
            f"{self._named(n)} {_percent(time.probability)}" for n, time in enumerate(self.times[:4])
        )
        more = f" (and so on, {len(self.times)} times in all)" if len(self.times) > 4 else ""
        bins = len(self.times[0].bins)
        guess = f"; a guess among {bins:,} bins would be {_percent(1 / bins)}" if bins else ""
        return f"How sure it was: {said}{more}{guess}."

    def _named(self, number: int) -> str:
        text = self.times[number].text
        if len(self.times) != 2 * len(self.parsed.windows):
            return f"the time {text}"
        return f"the {'end' if number % 2 else 'start'} {text}"

    @property
    def reading(self) -> str:
        """One sentence for a newcomer: what was answered and how much of it is right, or why it cannot be read."""
        if not self.text.strip():
            wrote = "only blank space" if self.text else "nothing"
            ended = (
                "and ended its turn" if self.is_complete else f"in {self._written} and never ended its turn"
            )
            return f"The model wrote {wrote} {ended}, so there is no answer to read."
        if self.iou is None:
            return f"{self._beginning}{_UNREADABLE[self.parsed.reason]}."
        around = ""
        if self.parsed.reason is ParseReason.EXTRA_TEXT:
            around = ", and other text stands around it, which a strict reader of answers would refuse"
        return f"{self._beginning}{self._verdict}{around}."

    @property
    def _beginning(self) -> str:
        if self.is_complete:
            return "The model's answer "
        return f"The model never ended its turn and was stopped after {self._written}; its answer "

    @property
    def _written(self) -> str:
        return f"{len(self.token_ids):,} token{'s' * (len(self.token_ids) != 1)}"

    @property
    def _verdict(self) -> str:
        said = _in_words(self.parsed.windows) or "that the moment is not in the video"
        truth = _in_words(self.truth)
        if self.iou is None or self.iou == 0:
            return f"misses: it says {said}, the truth is {truth}, and the two share no moment"
        how = "fits" if self.iou >= FITS_FROM else "fits in part"
        share = "all" if self.iou == 1 else f"{min(self.iou, 0.999):.1%}"
        return f"{how}: it says {said}, the truth is {truth}, and both share {share} of what either covers"


_UNREADABLE = {
    ParseReason.OK: "cannot be read",
    ParseReason.EXTRA_TEXT: "cannot be read",
    ParseReason.NO_MATCH: "cannot be read: nothing in it has the form of a window that the prompt asks for",
    ParseReason.REVERSED: "cannot be read: a window in it ends before it begins, or as it begins",
    ParseReason.OUT_OF_RANGE: "cannot be read: a window in it begins or ends after the end of the video",
}


def generate_answer(
    model: "PreTrainedModel",
    inspection: "Inspection",
    processor: "ProcessorMixin",
    stop_ids: frozenset[int],
    *,
    max_new_tokens: int | None = None,
    on_token: Callable[[int, int], None] | None = None,
) -> GeneratedAnswer:
    """Decode greedily what the model answers to a sample's prompt.

    The checkpoint's own generation config is not heeded: its temperature, penalties and forced tokens would answer
    another question than the loss does.

    Args:
        model: run in evaluation mode.
        inspection: the sample, encoded; the prompt is what stands before its last answer.
        processor: of the model's checkpoint.
        stop_ids: ids that end a turn.
        max_new_tokens: at most so many are written; unless given, four times the true answer and 16 more.
        on_token: called before each token with how many are written and how many may be, and while the prompt runs
            before each layer; what it raises ends it.

    Raises:
        LossError: the model cannot generate, or ``max_new_tokens`` is below 1.
        OutOfMemoryError: it does not fit on the device.
    """
    sample, encoded = inspection.sample, inspection.encoded
    limit = default_max_new_tokens(encoded) if max_new_tokens is None else max_new_tokens
    if limit < 1:
        raise LossError(f"max_new_tokens must be at least 1, got {limit}")
    device = input_device(model)
    inputs = {name: value.to(device) for name, value in prompt_of(encoded).items()}
    started = time.perf_counter()
    written, logits = _generate(model, inputs, _greedy(processor.tokenizer, stop_ids, limit), on_token)
    seconds = time.perf_counter() - started
    is_complete = bool(written) and written[-1] in stop_ids
    ids = written[: len(written) - is_complete]
    text = text_of(ids, processor.tokenizer)
    parsed = sample.answer_format.parse(text, sample.video.info.duration)
    return GeneratedAnswer(
        template=sample.template.name,
        mode=sample.template.mode,
        text=text,
        token_ids=tuple(written),
        is_complete=is_complete,
        parsed=parsed,
        truth=sample.windows,
        iou=overlap(parsed, sample.windows),
        device=str(device),
        dtype=dtype_of(model),
        seconds=seconds,
        times=_times(ids, logits, text, sample.answer_format, processor.tokenizer),
    )


def overlap(parsed: ParsedAnswer, truth: Sequence[Window]) -> float | None:
    """Return how much of an answer fits; None where it cannot be read.

    That the moment is not in the video is an answer too, and misses.
    """
    if parsed.reason not in (ParseReason.OK, ParseReason.EXTRA_TEXT):
        return None
    return intersection_over_union_of_unions(parsed.windows, truth)


def default_max_new_tokens(encoded: "EncodedSample") -> int:
    """Return how many tokens may be written unless a person says otherwise: room for a wordy answer, and no more."""
    return 4 * (len(encoded) - encoded.answer_starts[-1]) + 16


def prompt_of(encoded: "EncodedSample") -> dict[str, "Tensor"]:
    """Return what stands before a sample's last answer as a batch of one, with all its media.

    Raises:
        LossError: no turn of the sample is the assistant's.
    """
    import torch

    if not encoded.answer_starts:
        raise LossError(
            "a sample must have an answer for the model to be asked for it, and this one has none"
        )
    end = encoded.answer_starts[-1]
    along = {"input_ids": encoded.input_ids, **encoded.token_features}
    batch = {name: column[None, :end] for name, column in along.items()}
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    return batch | {name: torch.as_tensor(value) for name, value in encoded.media.items()}


def text_of(token_ids: Sequence[int], tokenizer: "PreTrainedTokenizerBase") -> str:
    """Return ids as text, control tokens by their names; an id that the tokenizer lacks as ``⟨id⟩``."""
    known = len(tokenizer)  # a model may have more logits than its tokenizer has tokens
    parts = []
    for is_known, some in groupby(token_ids, key=lambda token_id: token_id < known):
        ids = list(some)
        if is_known:
            parts.append(decode_run(tokenizer, ids))
        else:
            parts.extend(token_text(tokenizer, token_id) for token_id in ids)
    return "".join(parts)


def _times(
    ids: list[int],
    logits: "Tensor",
    text: str,
    answer_format: AnswerFormat,
    tokenizer: "PreTrainedTokenizerBase",
) -> tuple[TimeCertainty, ...]:
    texts = _texts(ids, tokenizer)
    if (
        "".join(texts) != text
    ):  # a tokenizer that rewrites what it wrote: which token says a time is not known
        return ()
    return certainties(texts, ids, logits[: len(ids)], tokenizer=tokenizer, answer_format=answer_format)


def _texts(token_ids: Sequence[int], tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """Return what each id adds to the text of all; a character goes to the last of the ids that its bytes come from."""
    texts, whole = list[str](), ""
    for count in range(1, len(token_ids) + 1):
        longer = text_of(token_ids[:count], tokenizer)
        if count < len(token_ids):
            longer = longer.rstrip("\ufffd")  # the rest of a character's bytes may be still to come
        texts.append(longer.removeprefix(whole) if longer.startswith(whole) else "")
        whole += texts[-1]
    return texts


def _greedy(tokenizer: "PreTrainedTokenizerBase", stop_ids: frozenset[int], limit: int) -> "GenerationConfig":
    from transformers import GenerationConfig

    stops = sorted(stop_ids)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else next(iter(stops), None)
    return GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=limit,
        eos_token_id=stops or None,
        pad_token_id=pad,
        return_dict_in_generate=True,
        output_logits=True,
    )


def _generate(
    model: "PreTrainedModel",
    inputs: "dict[str, Tensor]",
    greedy: "GenerationConfig",
    on_token: Callable[[int, int], None] | None,
) -> "tuple[list[int], Tensor]":
    """Return the ids that the model writes behind a prompt, and the logits that each was chosen from, (len(ids), V)."""
    import torch

    name, limit = type(model).__name__, greedy.max_new_tokens
    if not model.can_generate():
        raise LossError(
            f"{name} must be able to generate, and cannot: it has no language model head that writes text"
        )
    length, stops = inputs["input_ids"].shape[1], set(greedy.eos_token_id or ())
    written = 0

    def tell(*_: object) -> None:
        if on_token is not None:
            on_token(written, limit)

    def count(ids: "Tensor", _scores: "Tensor", **_options: object) -> "Tensor":
        nonlocal written
        written = ids.shape[1] - length
        if written < limit and int(ids[0, -1]) not in stops:
            tell()
        return torch.zeros(len(ids), dtype=torch.bool, device=ids.device)

    def tell_of_prompt(*_: object) -> None:
        if not written:
            tell()

    # A copy that shares every module, so that the checkpoint's own generation config fills in nothing.
    own = copy(model)
    own.generation_config = greedy
    unread = _unread(model, inputs)
    if any(name.startswith("pixel_values") for name in unread):
        raise LossError(f"{name} must read video to answer about one, and does not")
    inputs = {name: value for name, value in inputs.items() if name not in unread}
    try:
        with (
            evaluating(model),
            layers_counted(model, tell_of_prompt),
            raising_loss_errors(inputs, input_device(model)),
        ):
            tell()
            done = own.generate(**inputs, generation_config=greedy, stopping_criteria=[count])
    except (LossError, OutOfMemoryError) as error:
        if error.__cause__ is None or isinstance(error.__cause__, VTGError):
            raise
        raise LossError(
            f"{name} must be able to generate, and cannot: {first_line(error.__cause__)}"
        ) from error.__cause__
    written_ids: list[int] = done.sequences[0, length:].tolist()
    return written_ids, torch.cat([step.cpu() for step in done.logits]) if done.logits else torch.empty(0, 0)


def _unread(model: "PreTrainedModel", names: Iterable[str]) -> set[str]:
    """Return which inputs no part of a model reads: a plain pass ignores them, and generation refuses them."""
    parts = (model, getattr(model, "model", model))
    read = {name for part in parts for name in signature(part.forward).parameters}
    return set(names) - read


def _in_words(windows: Sequence[Window]) -> str:
    """Return windows as people say them; of many, the first few."""
    shown = [f"{window.start:.1f} to {window.end:.1f} s" for window in windows[:MAX_WINDOWS_IN_WORDS]]
    if len(windows) > MAX_WINDOWS_IN_WORDS:
        shown.append(f"{len(windows) - MAX_WINDOWS_IN_WORDS:,} more")
    return " and ".join(shown) if len(shown) < 3 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if share >= 0.1 else f"{100 * share:.2g}%"


MAX_WINDOWS_IN_WORDS = 3
