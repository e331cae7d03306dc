"""Which tokens of an encoded text are what: regions from characters to tokens, proved on the ids.

All along the token axis is done on arrays, so that it costs next to nothing beside the call of the processor.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from vtg_core.chat.control_tokens import ControlTokens, Vocabulary, encode_as_text
from vtg_core.chat.token_text import decode_run, encode_run
from vtg_core.errors import MaskingError
from vtg_core.masking.expansion import Expansion, Offsets
from vtg_core.masking.labelled_tokens import CODE_OF, NO_TURN, LabelledTokens
from vtg_core.masking.literals import rewrite_literals
from vtg_core.regions import MaskPolicy, Region, RegionKind


@dataclass(frozen=True, eq=False)
class ProvedText:
    """A text's tokens, with what led to them.

    Attributes:
        tokens: L of them, and what each of them is.
        offsets: for each the half-open range of characters of the text that it stands for.
        kept: its position in the ids that were given, -1 where a person's text was encoded anew; int64, shape (L,).
    """

    tokens: LabelledTokens
    offsets: Offsets
    kept: np.ndarray


def prove_tokens(
    ids: np.ndarray,
    offsets: Offsets,
    *,
    expansion: Expansion,
    given: str,
    vocabulary: Vocabulary,
    policy: MaskPolicy,
) -> ProvedText:
    """Put into the ids what persons wrote, as text; say what each token is, that is its first character; prove it.

    Args:
        ids: int64, one for each of ``offsets``.
        offsets: half-open ranges of characters of ``expansion.text``, (0, 0) for a token that the tokenizer put there
            by itself.
        expansion: the text that was encoded.
        given: the text before its videos were expanded, with stand-ins for the control tokens that persons wrote:
            whoever wrote one there was entitled to.
        vocabulary: its tokenizer decodes what is trained, and encodes the end of the prompt alone.
        policy: what is going to be trained decides which borders a token may not straddle.

    Raises:
        MaskingError: a token straddles the border of what is trained, a control token was made of a person's
            text, or the ids do not prove the mask.
    """
    kept = np.arange(len(ids))
    if expansion.literals:
        ids, offsets, kept = rewrite_literals(ids, offsets, expansion=expansion, vocabulary=vocabulary)
    entitled = [given[start:end] for start, end in vocabulary.controls.find(given)]
    places = _Places.of(ids, offsets, expansion=expansion, controls=vocabulary.controls)
    _refuse_other_control_tokens(
        ids[places.is_control & places.is_text & ~places.is_replaced],
        entitled,
        expansion=expansion,
        controls=vocabulary.controls,
    )
    _refuse_straddling(offsets, places, expansion=expansion, policy=policy)
    tokens = _label(ids, places, expansion)
    _verify_answers(tokens, expansion, joined=places.joined, vocabulary=vocabulary)
    _verify_prompts(tokens, offsets, places=places, expansion=expansion, vocabulary=vocabulary)
    return ProvedText(tokens, offsets, kept)


class _Places(NamedTuple):
    """Where L tokens stand in the text, and what can be told from that; each of shape (L,).

    Attributes:
        starts: of the first character, int64.
        is_text: bool; not what the tokenizer put there by itself.
        is_control: bool.
        is_replaced: bool; within what a processor wrote for a video.
        region_numbers: which region of the expansion holds the first character, int64; of the first token of what
            is answered, the region that begins there.
        is_across: bool; the last character is in a later region.
        ends: of the character behind the last one, int64.
        joined: for each character at which an answer begins, the white space before it that its first token holds.
    """

    starts: np.ndarray
    is_text: np.ndarray
    is_control: np.ndarray
    is_replaced: np.ndarray
    region_numbers: np.ndarray
    is_across: np.ndarray
    ends: np.ndarray
    joined: dict[int, str]

    @classmethod
    def of(
        cls, ids: np.ndarray, offsets: Offsets, *, expansion: Expansion, controls: ControlTokens
    ) -> "_Places":
        starts, ends = np.fromiter(chain.from_iterable(offsets), np.int64, 2 * len(offsets)).reshape(-1, 2).T
        is_text = starts < ends
        is_replaced = np.zeros(len(ids), dtype=bool)
        for start, end in expansion.replaced:
            is_replaced |= is_text & (starts >= start) & (starts < end)
        regions = expansion.regions
        numbers = np.searchsorted([region.start for region in regions], starts, side="right") - 1
        joined = dict(_joined(starts, ends, numbers=numbers, expansion=expansion))
        is_across = is_text & (ends > np.array([region.end for region in regions])[numbers])
        return cls(starts, is_text, controls.is_control(ids), is_replaced, numbers, is_across, ends, joined)


def _joined(
    starts: np.ndarray, ends: np.ndarray, *, numbers: np.ndarray, expansion: Expansion
) -> Iterator[tuple[int, str]]:
    """Yield the white space that the first token of what is answered takes from the end of the prompt; move that token.

    A template whose prompt ends in white space has it so, whatever is answered: the token is the answer's first, and
    a server's prompt ends with that white space as tokens of its own. Where a person's answer begins with white space,
    that is the row's own doing, and the token stays where it is, to be refused.
    """
    for character in expansion.answer_starts:
        across = np.flatnonzero((starts < character) & (ends > character))
        if len(across) != 1:
            continue
        region_number = next(i for i, region in enumerate(expansion.regions) if region.end > character)
        is_own = expansion.regions[region_number].kind is RegionKind.ANSWER
        before = expansion.text[int(starts[across[0]]) : character]
        if before.isspace() and not (is_own and expansion.text[character].isspace()):
            numbers[across] = region_number
            yield character, before


def _label(ids: np.ndarray, places: _Places, expansion: Expansion) -> LabelledTokens:
    regions = expansion.regions
    kinds = np.array([CODE_OF[region.kind] for region in regions], dtype=np.int8)[places.region_numbers]
    turns = np.array([_turn_number(region) for region in regions], dtype=np.int16)[places.region_numbers]
    kinds[places.is_replaced & ~places.is_control] = CODE_OF[RegionKind.TIMESTAMP]
    kinds[~places.is_text], turns[~places.is_text] = CODE_OF[RegionKind.CHAT], NO_TURN
    return LabelledTokens(
        input_ids=ids,
        kinds=kinds,
        turns=turns,
        answer_starts=tuple(_first_token_behind(start, places.ends) for start in expansion.answer_starts),
        num_inserted=int(places.is_replaced.sum()) - len(expansion.replaced),
    )


def _turn_number(region: Region) -> int:
    return NO_TURN if region.turn is None else region.turn


_TRAINABLE = frozenset({RegionKind.ANSWER, RegionKind.END_OF_TURN, RegionKind.THINKING})


def _refuse_other_control_tokens(
    found: np.ndarray, entitled: Sequence[str], *, expansion: Expansion, controls: ControlTokens
) -> None:
    """Check that the only control tokens are those that someone was entitled to write."""
    expected = [controls.ids[token] for token in entitled if token not in expansion.placeholders]
    if found.tolist() != expected:
        raise MaskingError(
            f"the prompt must hold {len(expected)} control tokens beside its videos, and its ids hold {len(found)}: "
            "the tokenizer makes one of a person's text; remove what looks like a control token from it"
        )


def _refuse_straddling(
    offsets: Offsets, places: _Places, *, expansion: Expansion, policy: MaskPolicy
) -> None:
    """Check that no token reaches over the border of what is trained."""
    trained = {RegionKind.ANSWER, RegionKind.END_OF_TURN}
    trained |= {RegionKind.THINKING} if policy.thinking else set()
    trained |= {RegionKind.CHAT} if policy.newline else set()
    for token in np.flatnonzero(places.is_across).tolist():
        start, end = offsets[token]
        start += len(places.joined.get(expansion.regions[places.region_numbers[token]].start, ""))
        reached = [region for region in expansion.regions if region.start < end and start < region.end]
        if any(region.kind in trained for region in reached):
            raise MaskingError(
                f"a token must not straddle the border of what is trained, and {expansion.text[start:end]!r} reaches "
                f"from {reached[0].kind} into {reached[-1].kind}; {_border_advice(expansion, reached)}"
            )


def _border_advice(expansion: Expansion, regions: Sequence[Region]) -> str:
    answers = [expansion.text[r.start : r.end] for r in regions if r.kind is RegionKind.ANSWER]
    if any(answer != answer.strip() for answer in answers):
        return "remove white space at the answer's ends"
    return "this tokenizer joins what the chat template writes there, so no mask can be proved for the checkpoint"


def _first_token_behind(character: int, ends: np.ndarray) -> int:
    is_behind = ends > character
    return int(is_behind.argmax()) if is_behind.any() else len(ends)


def _verify_answers(
    tokens: LabelledTokens, expansion: Expansion, *, joined: Mapping[int, str], vocabulary: Vocabulary
) -> None:
    """Check that what is trained decodes to what was said, turn by turn."""
    for region in expansion.regions:
        if region.kind in _TRAINABLE:
            is_here = (tokens.kinds == CODE_OF[region.kind]) & (tokens.turns == _turn_number(region))
            said = joined.get(region.start, "") + expansion.text[region.start : region.end]
            _verify_text(tokens.input_ids[is_here], region, text=said, vocabulary=vocabulary)


def _verify_prompts(
    tokens: LabelledTokens,
    offsets: Offsets,
    *,
    places: _Places,
    expansion: Expansion,
    vocabulary: Vocabulary,
) -> None:
    """Check that the tokens before each answer are those of the generation prompt."""
    for character, position in zip(expansion.answer_starts, tokens.answer_starts, strict=True):
        _verify_prompt_end(
            tokens.input_ids[:position],
            places.is_control[:position],
            offsets=offsets,
            text=expansion.text,
            end=character,
            joined=places.joined.get(character, ""),
            literals=expansion.literals,
            vocabulary=vocabulary,
        )


def _verify_text(ids: np.ndarray, region: Region, *, text: str, vocabulary: Vocabulary) -> None:
    """Check that the tokens of one region decode to its text."""
    tokenizer, tokens = vocabulary.tokenizer, tuple(ids.tolist())
    decoded = vocabulary.controls.remember(
        ("decoded", tokens),
        lambda: decode_run(tokenizer, tokens),
    )
    if decoded == text:
        return
    normalizer = tokenizer.backend_tokenizer.normalizer
    normalized = normalizer.normalize_str(text) if normalizer is not None else text
    if decoded not in (normalized, unicodedata.normalize("NFC", text)):
        raise MaskingError(
            f"the {region.kind} tokens of messages[{region.turn}] must decode to {text!r:.80}, got {decoded!r:.80}"
        )


def _verify_prompt_end(
    ids: np.ndarray,
    is_control: np.ndarray,
    *,
    offsets: Offsets,
    text: str,
    end: int,
    joined: str,
    literals: Sequence[tuple[int, int]],
    vocabulary: Vocabulary,
) -> None:
    """Check that the last stretch of ``text[:end]``, a prompt, encodes alone to its ``ids``, so that all of it does.

    The white space that the answer's first token holds, ``joined``, is encoded alone to tokens behind them.
    """
    first = len(ids) - int(is_control[::-1].argmax()) if is_control.any() else 0
    start = offsets[first - 1][1] if first else 0
    stretch = text[start:end]
    is_text = any(a < end and start < b for a, b in literals)  # a person wrote what looks like control tokens
    alone = vocabulary.controls.remember(
        ("encoded", stretch, is_text, start > 0),
        lambda: _encoded_alone(stretch, vocabulary, is_text=is_text, is_first=not start),
    )
    own = ids[first:].tolist()
    behind = decode_run(vocabulary.tokenizer, alone[len(own) :]) if joined else ""
    if alone[: len(own)] != own or (behind != joined if joined else len(alone) != len(own)):
        raise MaskingError(
            f"the tokens before an answer must be the generation prompt's, and {stretch!r} is "
            "tokenised differently before this answer; remove white space at its start, or, where there is none, "
            "take a checkpoint whose template ends the prompt with a token of its own"
        )


def _encoded_alone(stretch: str, vocabulary: Vocabulary, *, is_text: bool, is_first: bool) -> list[int]:
    if is_text:
        return encode_as_text(vocabulary.tokenizer, stretch)[0]
    if is_first:
        return list(vocabulary.tokenizer.encode(stretch, add_special_tokens=False))
    return encode_run(vocabulary.tokenizer, stretch)
