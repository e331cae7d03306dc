"""What the ids of a checkpoint mean: learnt from its chat template and its tokenizer, never from literals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vtg_core.chat.control_tokens import ControlTokens, control_tokens, placeholder_ids
from vtg_core.chat.conversation import Role
from vtg_core.chat.markup import learn_markup
from vtg_core.chat.token_text import decode_run

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, ProcessorMixin


@dataclass(frozen=True, eq=False)
class ChatIds:
    """The ids that structure a sequence of one checkpoint.

    Attributes:
        processor: whose ids they are.
        openings: for each role, the ids of its header; empty where no control token opens it. The user's comes
            first: where a system turn opens alike, the turn is read as the user's.
        end_of_turn: the id that closes an assistant's turn; None where no control token does.
        closings: the ids that close a turn of any role.
        stop_ids: where generation stops, as the checkpoint's generation config says.
        pad_id, bos_id: of the tokenizer, None without one.
        media_ids: the placeholders of videos, images and sounds.
        marker_ids: the control tokens that stand around a video's placeholders.
        other_openings: further headers, with whose they are.
    """

    processor: "ProcessorMixin"
    openings: Mapping[Role, tuple[int, ...]]
    end_of_turn: int | None
    closings: frozenset[int]
    stop_ids: frozenset[int]
    pad_id: int | None
    bos_id: int | None
    media_ids: frozenset[int]
    marker_ids: frozenset[int]
    other_openings: tuple[tuple[Role, tuple[int, ...]], ...] = ()

    @classmethod
    def of(cls, processor: "ProcessorMixin", stop_ids: Iterable[int] = ()) -> "ChatIds":
        """Learn the ids of a processor's checkpoint.

        Args:
            processor: its chat template is rendered for probe conversations.
            stop_ids: of the checkpoint's generation config; the tokenizer's end of sequence where there are none.
        """
        tokenizer, markup = processor.tokenizer, learn_markup(processor)
        controls = control_tokens(tokenizer)
        closings = {role: _first_control(text, controls) for role, text in markup.closing.items()}
        eos = tokenizer.eos_token_id
        media = placeholder_ids(processor)
        around = {controls.ids[markup.video[a:b]] for a, b in controls.find(markup.video)}
        return cls(
            processor=processor,
            openings=_openings(
                {role: _opening_ids(text, tokenizer, controls) for role, text in markup.opening.items()}
            ),
            end_of_turn=closings.get(Role.ASSISTANT),
            closings=frozenset(c for c in closings.values() if c is not None),
            stop_ids=frozenset(stop_ids) or frozenset({eos} if eos is not None else ()),
            pad_id=tokenizer.pad_token_id,
            bos_id=tokenizer.bos_token_id,
            media_ids=media,
            marker_ids=frozenset(around - media),
            other_openings=tuple(
                (role, _opening_ids(text, tokenizer, controls))
                for role, texts in markup.other_openings.items()
                for text in texts
            ),
        )

    @property
    def tokenizer(self) -> "PreTrainedTokenizerBase":
        """The checkpoint's tokenizer."""
        return self.processor.tokenizer

    @cached_property
    def vocab_size(self) -> int:
        """One more than the highest id, added tokens included."""
        return len(self.tokenizer)

    @cached_property
    def control_ids(self) -> np.ndarray:
        """The ids of all control tokens, sorted; int64."""
        return np.array(sorted(control_tokens(self.tokenizer).ids.values()), dtype=np.int64)

    @cached_property
    def role_word(self) -> str:
        """What the assistant's header says beside its control tokens, such as ``assistant``; empty without a header."""
        return self.decode(
            [i for i in self.openings.get(Role.ASSISTANT, ()) if i not in self.control_ids]
        ).strip()

    @cached_property
    def opening_starts(self) -> np.ndarray:
        """The control ids with which a turn can open, sorted; int64."""
        return np.array(sorted({ids[0] for ids in self.openings.values() if ids}), dtype=np.int64)

    def is_opening(self, ids: np.ndarray) -> np.ndarray:
        """Return where a control token stands with which a turn can open; bool, of the shape of ``ids``."""
        return is_one_of(ids, self.opening_starts)

    def is_closing(self, ids: np.ndarray) -> np.ndarray:
        """Return where a control token stands that closes a turn; bool, of the shape of ``ids``."""
        return is_one_of(ids, self.closings)

    def is_space(self, token_id: int) -> bool:
        """Say whether a token is white space and nothing else."""
        if token_id not in self._spaces:
            self._spaces[token_id] = self.decode([token_id]).isspace()
        return self._spaces[token_id]

    @cached_property
    def _spaces(self) -> dict[int, bool]:
        return {}

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Return the text of a run of tokens, control tokens included; ids outside the vocabulary as ``⟨id⟩``."""
        written, run = [], []
        for token_id in map(int, ids):
            if 0 <= token_id < self.vocab_size:
                run.append(token_id)
                continue
            written += [self._decode(run), f"⟨{token_id}⟩"]
            run = []
        return "".join((*written, self._decode(run)))

    def _decode(self, ids: list[int]) -> str:
        return decode_run(self.tokenizer, ids)


def is_one_of(ids: np.ndarray, values: Iterable[int]) -> np.ndarray:
    """Return where one of a few ids stands; bool, of the shape of ``ids``. Faster than ``np.isin`` for few."""
    found: np.ndarray | None = None
    for value in values:
        found = ids == value if found is None else found | (ids == value)
    return np.zeros(ids.shape, dtype=bool) if found is None else found


def _opening_ids(text: str, tokenizer: "PreTrainedTokenizerBase", controls: ControlTokens) -> tuple[int, ...]:
    """Return the ids of a role header from its first control token on; empty where it has none."""
    first = next(controls.find(text), None)
    if first is None:
        return ()
    return tuple(tokenizer.encode(text[first[0] :], add_special_tokens=False))


def _openings(learnt: Mapping[Role, tuple[int, ...]]) -> dict[Role, tuple[int, ...]]:
    """Return the headers, the user's first, without what a template writes once before the first turn.

    That is a token that begins the sequence, or a turn of the template's own; the system's probe stood behind it.
    """
    user, assistant = learnt.get(Role.USER, ()), learnt.get(Role.ASSISTANT, ())
    starts = {ids[0] for ids in (user, assistant) if ids}
    system = learnt.get(Role.SYSTEM, ())
    begins = [at for at, token_id in enumerate(system) if token_id in starts]
    return {
        Role.USER: user,
        Role.ASSISTANT: assistant,
        Role.SYSTEM: system[begins[-1] :] if begins else system,
    }


def _first_control(text: str, controls: ControlTokens) -> int | None:
    end = controls.first_in(text)
    return controls.ids[text[:end].strip()] if end is not None else None
