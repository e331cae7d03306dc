"""Real bugs of public training code, applied to a good batch: what the audit must find, and a person may try.

Each bug does to ids and labels what the code behind its source does. Nothing here is used to find anything.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vtg_core.audit.bugs import changes as faults
from vtg_core.audit.bugs.changes import Change, Messages, Prepare
from vtg_core.audit.bugs.rows import Strand, pad_strands
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known
from vtg_core.audit.row.row import Known, Scene
from vtg_core.regions import VIDEO_KINDS, RegionKind
from vtg_core.video.sampling import SampledVideo


@dataclass(frozen=True)
class Bug:
    """A bug that can be put into a good batch.

    Attributes:
        name: short and stable.
        title: what the training code does.
        source: where it was found.
        codes: the codes that name it; the audit must give one of them.
        change: what it does to each row before padding.
        prepare: the conversation that shows it, made from any conversation.
        finish: what it does to the padded batch.
        padding_side: where padding goes.
        num_rows: how many rows the batch has; a second one is longer.
        pads_with_end_of_turn: the tokenizer's padding token is its end of turn.
    """

    name: str
    title: str
    source: str
    codes: tuple[str, ...]
    change: Change = lambda strand, chat: strand
    prepare: Prepare = lambda messages, chat: messages
    finish: Callable[[dict[str, Any], ChatIds], dict[str, Any]] = lambda batch, chat: batch
    padding_side: str = "right"
    num_rows: int = 1
    pads_with_end_of_turn: bool = False

    def apply(self, strands: Sequence[Strand], chat: ChatIds) -> "tuple[dict[str, Any], ChatIds]":
        """Return the broken batch, int64 arrays of shape (B, L), and the ids as the broken tokenizer has them.

        Raises:
            MaskingError: the sample has nothing that this bug could break, such as time stamps.
        """
        if self.pads_with_end_of_turn:
            chat = replace(chat, pad_id=chat.end_of_turn)
        broken = [self.change(strand, chat) for strand in strands]
        return self.finish(pad_strands(broken, chat, self.padding_side), chat), chat


def break_sample(
    bug: Bug,
    messages: Messages,
    videos: Sequence[SampledVideo],
    chat: ChatIds,
    scene: Scene | None = None,
) -> tuple[dict[str, Any], ChatIds, list[Known]]:
    """Encode a conversation as the bug needs it, and break it.

    Args:
        bug: which one.
        messages: a conversation that ends with an answer.
        videos: the frames of its videos, in order.
        chat: its processor encodes; give one of :func:`vtg_core.masking.processor_call.process_videos_once`.
        scene: the grounding task, if it is one.

    Returns:
        The batch, what its ids mean, and what is known of each of its rows: what ``rows_of`` takes.

    Raises:
        VTGError: the conversation cannot be encoded, or has nothing that this bug could break.
    """
    prepared = bug.prepare(messages, chat)
    longer = faults.with_query(lambda chat: " and stays in view for quite a while")(prepared, chat)
    strands = []
    for conversation in [prepared, longer][: bug.num_rows]:
        encoded, known = encode_known(conversation, chat.processor, videos, scene=scene)
        grids = {n: encoded.media[n] for n in ("video_grid_thw", "second_per_grid_ts") if n in encoded.media}
        strands.append(Strand(known.tokens.input_ids, encoded.labels.numpy(), known, grids))
    batch, chat = bug.apply(strands, chat)
    return batch, chat, [strand.known for strand in strands]


BUGS = (
    Bug(
        "nothing-masked", "labels are a copy of input_ids", "VLM-R1#123, trl#3751", ("mask.nothing-masked",),
        change=lambda strand, chat: strand.trained(slice(None)),
    ),
    Bug(
        "only-media-masked", "only padding and video placeholders are masked", "Time-R1's SFT collator",
        ("mask.only-media-masked",),
        change=lambda strand, chat: strand.trained(~np.isin(strand.ids, list(chat.media_ids))),
    ),
    Bug(
        "counted-before-expansion", "the prompt is measured before the video is expanded",
        "transformers#36865, VideoMind", ("mask.counted-before-expansion",), change=faults.supervised_from(faults.before_expansion),
    ),
    Bug(
        "counted-keys", "the prompt's length is len() of a dictionary", "transformers#41626, trl#4880",
        ("mask.counted-keys",), change=faults.supervised_from(lambda strand: 2),
    ),
    Bug(
        "left-padding-ignored", "the mask is not moved with the left padding", "NeMo Automodel#2314",
        ("mask.left-padding-ignored",), finish=faults.of_unpadded_ids, padding_side="left", num_rows=2,
    ),
    Bug(
        "one-late", "the first token of the answer is masked", "torchtitan#2755", ("mask.off-by-one",),
        change=lambda strand, chat: strand.masked(list(strand.known.tokens.answer_starts)),
    ),
    Bug(
        "one-early", "the last token of the prompt is trained", "verl#3287", ("mask.off-by-one",),
        change=lambda strand, chat: strand.trained([i - 1 for i in strand.known.tokens.answer_starts]),
    ),
    Bug(
        "header-in", "the assistant's header is trained", "torchtune#2792, UniTime", ("mask.header-trained",),
        change=faults.header_in,
    ),
    Bug(
        "video-in", "the video's tokens are trained", "Transformers-Tutorials#511", ("mask.video-trained",),
        change=lambda strand, chat: strand.trained(strand.where(*VIDEO_KINDS)),
    ),
    Bug(
        "system-in", "every role but 'user' counts as the assistant's", "qwen-vl-finetune", ("mask.system-trained",),
        prepare=faults.with_system, change=lambda strand, chat: strand.trained(strand.where(RegionKind.SYSTEM)),
    ),
    Bug(
        "later-turn-in", "everything after the first answer is trained", "unsloth-zoo#899, TimeLens",
        ("mask.later-user-turn-trained",), prepare=faults.with_second_question, change=faults.later_turns,
    ),
    Bug(
        "role-word", "the bare word 'assistant' starts a turn", "QwenLM/Qwen3-VL#2010", ("mask.role-word-in-text",),
        prepare=faults.with_query(lambda chat: f"\n{chat.role_word}\nwaves"), change=faults.bare_role_word,
    ),
    Bug(
        "padding-in", "padding is trained", "UniTime", ("mask.padding-trained",), finish=faults.padding_in, num_rows=2,
    ),
    Bug(
        "all-masked", "the answer's marker is not found", "trl#6668, unsloth#2364", ("mask.nothing-trained",),
        change=lambda strand, chat: strand.masked(slice(None)),
    ),
    Bug(
        "answer-hole", "the second half of the answer is masked", "open-instruct#1800", ("mask.answer-not-trained",),
        change=lambda strand, chat: strand.masked(slice(sum(faults.answer(strand)) // 2, faults.answer(strand)[1])),
    ),
    Bug(
        "labels-shifted", "labels are shifted before the model shifts them", "transformers#47394, torchtune#2613",
        ("mask.labels-shifted",), change=faults.preshifted,
    ),
    Bug(
        "labels-differ", "one label is another id", "unsloth-zoo#960", ("mask.labels-differ",),
        change=lambda strand, chat: replace(
            strand, labels=np.where(np.arange(len(strand.ids)) == faults.answer(strand)[0], 0, strand.labels)
        ),
    ),
    Bug(
        "other-ignore-index", "what is not trained is labelled -1", "nanochat's convention in a trainer",
        ("mask.other-ignore-index",), finish=faults.other_ignore_index,
    ),
    Bug(
        "weights-not-expanded", "a weight column keeps the unexpanded length", "ms-swift#4922",
        ("batch.lengths-differ",), finish=faults.short_weights,
    ),
    Bug(
        "first-row-only", "only the first sample of a batch is read", "Time-R1's SFT collator", ("batch.rows-differ",),
        finish=faults.first_row_only, num_rows=2,
    ),
    Bug(
        "end-of-turn-out", "the end of turn is masked", "ms-swift#4732, trl#5988", ("stop.not-trained",),
        change=lambda strand, chat: strand.masked(strand.where(RegionKind.END_OF_TURN)),
    ),
    Bug(
        "masked-by-value", "padding is the end of turn, and labels are masked by its id", "trl#976, unsloth#416",
        ("stop.masked-as-padding",), finish=faults.masked_by_value, num_rows=2, pads_with_end_of_turn=True,
    ),
    Bug(
        "two-ends", "template and trainer both close the turn", "axolotl#1054", ("stop.doubled",), change=faults.two_ends,
    ),
    Bug(
        "other-end", "the turn is closed by another token", "torchtune#2342", ("stop.wrong-token",), change=faults.other_end,
    ),
    Bug(
        "double-start", "template and tokenizer both begin the sequence", "trl#1400, OpenRLHF#393",
        ("parity.double-bos",), change=faults.doubled_start,
    ),
    Bug(
        "other-system", "training writes another system prompt than serving", "LLaMA-Factory#8356",
        ("parity.system-differs",), change=faults.other_system,
    ),
    Bug(
        "forged-turn", "control tokens in a query are obeyed", "prime-rl#3198, transformers#47853",
        ("parity.control-token-from-text",),
        prepare=faults.with_query(lambda chat: f" {faults.closing_text(chat)}\nwaves"), change=faults.forged_turn,
    ),
    Bug(
        "empty-thinking", "an empty thinking block is written before the answer", "LLaMA-Factory#9392, trl#5213",
        ("parity.thinking-prefix", "mask.text-differs"), change=faults.thinking,
    ),
    Bug(
        "markers-lost", "the markers around the video are missing", "2U1 Qwen2-VL-Finetune#125",
        ("parity.vision-markers-missing",), change=faults.no_markers,
    ),
    Bug(
        "placeholders-lost", "truncation took video placeholders", "trl#4289, EasyR1#76",
        ("length.placeholders-differ", "length.video-cut"), change=faults.lost_placeholders,
    ),
    Bug(
        "answer-cut", "max_length cuts the answer", "MiniCPM-V#662", ("length.answer-cut",),
        change=faults.cut_at(lambda strand: sum(faults.answer(strand)) // 2),
    ),
    Bug(
        "end-of-turn-cut", "max_length cuts the end of turn", "LLaMA-Factory#5231", ("length.end-of-turn-cut", "stop.missing"),
        change=faults.cut_at(faults.end_of_turn),
    ),
    Bug(
        "wrong-clock", "time stamps assume another frame rate", "LLaMA-Factory#10335, ms-swift#6523",
        ("time.fps-assumed", "time.stamps-differ", "time.seconds-per-grid-differ"), change=faults.wrong_clock,
    ),
    Bug(
        "other-window", "the answer is another row's", "a data set joined by the wrong key",
        ("answer.window-differs", "answer.does-not-parse"), change=faults.other_answer(faults.later_window),
    ),
    Bug(
        "other-form", "the answer is not in the form that the prompt asks for", "TimeChat's 'a - b seconds'",
        ("answer.form-differs", "answer.does-not-parse"),
        change=faults.other_answer(lambda text: " - ".join(re.findall(r"\d+(?:\.\d+)?", text))),
    ),
    Bug(
        "tokens-split", "temporal tokens are not in the tokenizer", "a tokenizer without add_tokens",
        ("answer.tokens-split", "answer.does-not-parse"), change=faults.other_answer(str, as_text=True),
    ),
)  # fmt: skip
"""All bugs, those of the mask first."""
