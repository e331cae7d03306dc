"""What a person should see of a sample: plain values, documented field by field.

Nothing here is markup. A view is turned into JSON and drawn by a component that writes text only.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from vtg_core.encoding import EncodedSample
from vtg_core.inspection import Inspection
from vtg_core.regions import IGNORE_INDEX, Region, RegionKind
from vtg_core.token_text import token_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from transformers import PreTrainedTokenizerBase

VIDEO_KINDS = frozenset({RegionKind.VIDEO, RegionKind.TIMESTAMP})


@dataclass(frozen=True)
class TokenView:
    """The tokens of one sample, in columns; a run of one repeated token is one row.

    Attributes:
        pieces: the distinct texts of the tokens, see :func:`vtg_core.token_text.token_text`.
        kinds: the distinct region kinds.
        piece: for each row, which of ``pieces``.
        kind: for each row, which of ``kinds``: why the token is, or is not, in the loss.
        index: for each row, the position of its first token.
        count: for each row, how many tokens it stands for.
        id: for each row, the token's id.
        label: for each row, the label of its tokens: ``id`` where they are in the loss, else ``IGNORE_INDEX``.
        label_piece: for each row, which of ``pieces`` a label is that differs from the id it stands at, else -1.
        is_control: for each row, 1 where the token is a control token.
        totals: region kind to (tokens, tokens in the loss).
    """

    pieces: list[str]
    kinds: list[str]
    piece: list[int]
    kind: list[int]
    index: list[int]
    count: list[int]
    id: list[int]
    label: list[int]
    label_piece: list[int]
    is_control: list[int]
    totals: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class PromptView:
    """One template's prompt as the model reads it.

    Attributes:
        key: ``mode/name``, unique.
        name, style, mode: of the template.
        rendered: what the chat template wrote, every video still one placeholder; what the copy button copies.
        answer: what the model is taught to write.
        num_tokens, num_video, num_supervised: tokens in all; of the video and its time stamps; in the loss.
        parts: the sequence in order, as (region kind, text, tokens, tokens in the loss). In a video's part runs of
            a placeholder are written once, with their number.
    """

    key: str
    name: str
    style: str
    mode: str
    rendered: str
    answer: str
    num_tokens: int
    num_video: int
    num_supervised: int
    parts: list[tuple[str, str, int, int]]


def template_key(mode: str, name: str) -> str:
    """Return the key under which a template's views are kept."""
    return f"{mode}/{name}"


def view_tokens(encoded: EncodedSample, tokenizer: "PreTrainedTokenizerBase") -> TokenView:
    """Return the token view of an encoded sample."""
    return view_sequence(encoded.input_ids.tolist(), encoded.labels.tolist(), encoded.regions, tokenizer)


def view_sequence(
    ids: Sequence[int], labels: Sequence[int], regions: Sequence[Region], tokenizer: "PreTrainedTokenizerBase"
) -> TokenView:
    """Return the token view of any row: ``labels`` as they came, ``regions`` a partition of it."""
    rows: dict[str, list[int]] = {
        name: [] for name in ("piece", "kind", "index", "count", "id", "label", "label_piece", "is_control")
    }
    pieces: dict[str, int] = {}
    kinds: dict[str, int] = {}
    totals: dict[str, tuple[int, int]] = {}
    added = set(tokenizer.added_tokens_decoder)

    @cache
    def piece_of(token_id: int) -> int:
        return pieces.setdefault(token_text(tokenizer, token_id), len(pieces))

    for kind, index, count, token_id, label in _runs(ids, labels, regions, added):
        is_other = label not in (token_id, IGNORE_INDEX)
        row = {
            "piece": piece_of(token_id),
            "kind": kinds.setdefault(str(kind), len(kinds)),
            "index": index,
            "count": count,
            "id": token_id,
            "label": label,
            "label_piece": piece_of(label) if is_other else -1,
            "is_control": int(token_id in added),
        }
        for name, value in row.items():
            rows[name].append(value)
        total, supervised = totals.get(str(kind), (0, 0))
        totals[str(kind)] = (total + count, supervised + count * (label != IGNORE_INDEX))
    return TokenView(pieces=list(pieces), kinds=list(kinds), totals=totals, **rows)


def view_prompt(inspection: Inspection) -> PromptView:
    """Return the prompt view of an inspection."""
    template, encoded = inspection.sample.template, inspection.encoded
    parts = list(_parts(encoded))
    return PromptView(
        key=template_key(template.mode, template.name),
        name=template.name,
        style=template.style,
        mode=str(template.mode),
        rendered=encoded.chat.text,
        answer=inspection.sample.answer,
        num_tokens=len(encoded),
        num_video=sum(len(region) for region in encoded.regions if region.kind in VIDEO_KINDS),
        num_supervised=sum(supervised for *_, supervised in parts),
        parts=parts,
    )


def _runs(
    ids: Sequence[int], labels: Sequence[int], regions: Sequence[Region], added: set[int]
) -> Iterator[tuple[RegionKind, int, int, int, int]]:
    """Yield (kind, index, count, id, label); only added tokens are gathered, and never across a region or label."""
    for region in regions:
        positions = range(region.start, region.end)
        for (token_id, label, _), run in groupby(
            positions, key=lambda i: (ids[i], labels[i], ids[i] in added or i)
        ):
            first, *rest = run
            yield region.kind, first, 1 + len(rest), token_id, label


def _parts(encoded: EncodedSample) -> Iterator[tuple[str, str, int, int]]:
    """Yield the text's regions, exact to the character; a token counts where its first character stands."""
    labels = encoded.labels.tolist()
    starts = [start for start, _ in encoded.offsets]
    for region in encoded.text_regions:
        first, last = bisect_left(starts, region.start), bisect_left(starts, region.end)
        is_video = region.kind is RegionKind.VIDEO
        text = _collapse(encoded, first, last) if is_video else encoded.text[region.start : region.end]
        yield str(region.kind), text, last - first, sum(label != IGNORE_INDEX for label in labels[first:last])


def _collapse(encoded: EncodedSample, start: int, end: int) -> str:
    """Return the text of tokens with runs of one repeated token written once, as ``<|video_pad|>×60``."""
    ids = encoded.input_ids.tolist()
    written = []
    for _, run in groupby(range(start, end), key=lambda i: ids[i]):
        positions = list(run)
        many = f"×{len(positions):,}" if len(positions) > 2 else ""
        shown = positions[:1] if many else positions
        written += [encoded.text[slice(*encoded.offsets[i])] for i in shown] + [many]
    return "".join(written)


def as_json(views: "Sequence[DataclassInstance] | DataclassInstance") -> str:
    """Return a view, or views, as JSON for the components of the page."""
    import json

    value = [asdict(view) for view in views] if isinstance(views, Sequence) else asdict(views)
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
