"""Audits of many rows: of a data set through our own path, of a foreign collator, of a saved batch.

Each is a generator that yields a row's findings as soon as it has them, so that a person sees progress and may stop.
A row that cannot be read is a finding on that row.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from vtg_core.audit.batch.model_inputs import AskedModel
from vtg_core.audit.batch.origin import model_to_ask, origin_findings
from vtg_core.audit.batch.rows import rows_of
from vtg_core.audit.checkpoint import checkpoint_findings
from vtg_core.audit.checks.families import audit_row, check_batch, check_failed, model_findings
from vtg_core.audit.checks.units import RowTimes, check_units, times_of
from vtg_core.audit.codes.audit import DECODED, PATHS_DIFFER, UNPROVED, UNREADABLE
from vtg_core.audit.codes.mask import ONE_OPINION
from vtg_core.audit.file_rows import AuditRows, rows_in
from vtg_core.audit.findings import Finding
from vtg_core.audit.foreign.collators import foreign_samples, run_collator
from vtg_core.audit.issue import quoted
from vtg_core.audit.report import RowFindings
from vtg_core.audit.row.chat_ids import ChatIds
from vtg_core.audit.row.known import encode_known, person_texts, scene_of
from vtg_core.audit.row.readings import Reader, read_row
from vtg_core.audit.row.recovered import known_of_row
from vtg_core.audit.row.row import Known, Row
from vtg_core.collator import pad
from vtg_core.data.annotations import Annotation, UnreadableRow
from vtg_core.data.formats.flat_rows import OWN
from vtg_core.data.video_index import resolve_video
from vtg_core.dataset import Sample, VideoTemporalSFTDataset
from vtg_core.errors import AnnotationError, MaskingError, VideoError, VTGError, as_sentence
from vtg_core.masking.encoding import EncodedSample
from vtg_core.masking.labelled_tokens import LabelledTokens
from vtg_core.masking.pixel_free import PixelFreeEncoder
from vtg_core.masking.processor_call import process_videos_once
from vtg_core.regions import MaskPolicy
from vtg_core.video.plan import plan_frames
from vtg_core.video.sampling import SampledVideo, probe_video, sample_frames

T = TypeVar("T")
Rows = VideoTemporalSFTDataset | AuditRows
"""What can be gone through."""


def unreadable_rows(dataset: Rows) -> Iterator[RowFindings]:
    """Return what could not be read of the annotation file."""
    return map(unreadable_row, rows_in(dataset).unreadable())


def unreadable_row(row: UnreadableRow) -> RowFindings:
    """Return what is said of a row that cannot be read."""
    finding = UNREADABLE.finding(as_sentence(row.reason), row=row.row)
    return RowFindings(None, row.where, (finding,), False)


def audit_rows(
    dataset: Rows,
    chat: ChatIds,
    *,
    limit: int | None = None,
    max_length: int | None = None,
    policy: MaskPolicy | None = None,
    encoder: PixelFreeEncoder | None = None,
) -> Iterator[RowFindings]:
    """Audit the rows of a data set through our own path; no frame is decoded unless the processor must see it.

    Args:
        dataset: its rows are planned, not decoded.
        chat: the checkpoint's ids; its processor is asked what it writes for a video, once for each shape.
        limit: the first so many rows.
        max_length: the bound on tokens that training uses.
        policy: which regions are trained.
        encoder: remembers what the processor writes for each video; a new one unless given.
    """
    encoder = encoder or PixelFreeEncoder(chat.processor, policy=policy)
    is_told, rows = encoder.sees_pixels, rows_in(dataset)
    if findings := tuple(checkpoint_findings(chat)):
        yield RowFindings(None, "", findings)
    for index, annotation in rows.each(limit):
        number, where = annotation.row, annotation.where
        try:
            sample = rows.sample(plan_frames, index, annotation)
            row = planned_row(number, sample, encoder, chat, max_length=max_length, policy=policy)
        except Exception as error:
            yield RowFindings(number, where, (refused(number, error),), False)
            continue
        findings = tuple(audit_row(row))
        if encoder.sees_pixels and not is_told:
            is_told = True
            said = (
                f"{type(chat.processor).__name__} must see the frames of a video to say how long it becomes."
            )
            findings = (DECODED.finding(said, row=number), *findings)
        yield RowFindings(number, where, findings, quote=partial(quoted, row=row))


def suspected_units(dataset: Rows, *, limit: int | None = None) -> Iterator[RowFindings]:
    """Yield in which other unit than seconds the times of the file seem to be; a few hundred rows tell."""
    rows = []
    source = rows_in(dataset)
    readable, unreadable = source.first()
    is_own = source.format == OWN.name  # in another format, names of ours may mean something else
    given = [
        (a.where, (times_of(a.raw) if is_own else ()) or _times_read(a), a.duration, a.video)
        for a in readable[:limit]
    ]
    for unread in unreadable:
        with suppress(AnnotationError):
            video = resolve_video(unread.raw.get("video"), source.video_root, unread.where)
            declared = unread.raw.get("duration")
            known = float(declared) if isinstance(declared, int | float) else None
            given.append((unread.where, times_of(unread.raw), known, video))
    for where, times, duration, video in given:
        with suppress(VideoError):
            if times:
                info = probe_video(video)
                rows.append(RowTimes(where, times, duration, info.duration, info.fps))
    if findings := tuple(check_units(rows)):
        yield RowFindings(None, "", findings)


def _times_read(annotation: Annotation) -> tuple[float, ...]:
    """Return the times of a row of another format than ours, as it was read; of a clip they are not the file's."""
    if annotation.video_start is not None:
        return ()
    return tuple(time for window in annotation.windows for time in window)


def planned_row(
    number: int,
    sample: Sample,
    encoder: PixelFreeEncoder,
    chat: ChatIds,
    *,
    max_length: int | None = None,
    policy: MaskPolicy | None = None,
) -> Row:
    """Return a sample of our own path as the checks see it, without a pixel.

    Raises:
        MaskingError: its mask cannot be proved.
    """
    tokens = encoder.encode(sample)
    is_padding = np.zeros(len(tokens), dtype=bool)
    known = Known(
        tokens=tokens,
        answers=sample.answers,
        scene=scene_of(sample),
        person_texts=person_texts(sample.messages) if sample.has_own_words else (sample.query,),
        trained=sample.trained_by(policy).messages,
    )
    reading = read_row(tokens.input_ids, is_padding, chat, tokens)
    labels = tokens.labels(sample.trained_by(policy))
    return Row(number, tokens.input_ids, labels, is_padding, chat, reading, known, max_length=max_length)


def verify_rows(
    dataset: Rows,
    chat: ChatIds,
    *,
    num_rows: int,
    limit: int | None = None,
    seed: int = 0,
    policy: MaskPolicy | None = None,
) -> Iterator[RowFindings]:
    """Encode a few rows through the processor as well, pixels and all, and ask all three readings of them.

    Args:
        dataset, chat, limit, policy: as for :func:`audit_rows`.
        num_rows: how many rows, chosen at random.
        seed: makes the choice the same in every run.
    """
    encoder = PixelFreeEncoder(chat.processor, policy=policy)
    rows = rows_in(dataset)
    chosen = verified_indices(rows, num_rows, limit=limit, seed=seed)
    for index, annotation in rows.each(max(chosen, default=-1) + 1):
        if index not in chosen:
            continue
        number, where = annotation.row, annotation.where
        findings: tuple[Finding, ...] = ()
        decoded = None
        try:
            sample = rows.sample(sample_frames, index, annotation)
            decoded = _decoded(sample)
            encoded, known = _encode(sample, chat, policy)
            difference = _difference(encoder.encode(sample), known.tokens)
            if difference:
                findings = (PATHS_DIFFER.finding(difference, row=number),)
            batch = pad([encoded], chat.processor)
            findings += check_batch(batch, chat, [known], numbers=[number]).findings
        except Exception as error:
            yield RowFindings(number, where, (refused(number, error),), False, decoded=decoded)
            continue
        yield RowFindings(number, where, findings, decoded=decoded)


def verified_indices(
    dataset: Rows, num_rows: int, *, limit: int | None = None, seed: int = 0
) -> frozenset[int]:
    """Return which rows :func:`verify_rows` takes, by their index among those that can be read."""
    num_readable = rows_in(dataset).num_readable
    count = num_readable if limit is None else min(limit, num_readable)
    return frozenset(random.Random(seed).sample(range(count), min(num_rows, count)))


def audit_collator(
    dataset: Rows,
    collator: Callable[[list[dict[str, Any]]], Any],
    chat: ChatIds,
    *,
    limit: int | None = None,
    batch_size: int = 2,
    max_length: int | None = None,
    model: AskedModel | None = None,
) -> Iterator[RowFindings]:
    """Audit what a foreign collator makes of the rows of a data set, ``batch_size`` of them at a time.

    Rows are batched because padding is where masks go wrong; what concerns a whole batch is told of its first row.
    A row for which our own pipeline proves no mask is judged by what takes no proof. ``model`` is asked whether it can
    take each batch.
    """
    rows = rows_in(dataset)
    for of_batch in _batched(rows.each(limit), batch_size):
        samples = dict[int, tuple[Sample, Known | None]]()
        found, audited = dict[int, list[Finding]](), dict[int, Row]()
        for index, annotation in of_batch:
            number = annotation.row
            found[number] = []
            try:
                sample = rows.sample(sample_frames, index, annotation)
                samples[number] = (sample, None)  # the collator may make of it what ours refuses
                samples[number] = (sample, _encode(sample, chat, None)[1])
            except Exception as error:
                found[number].append(refused(number, error))
        if samples:
            of_samples, audited = _of_collator(samples, collator, chat, max_length, model)
            for number, findings in of_samples.items():
                found[number] += findings
        for _, annotation in of_batch:
            number, where = annotation.row, annotation.where
            quote = partial(quoted, row=audited[number]) if number in audited else None
            decoded = _decoded(samples[number][0]) if number in samples else None
            yield RowFindings(number, where, tuple(found[number]), number in audited, quote, decoded)


def audit_saved(
    batch: Mapping[str, Any],
    chat: ChatIds,
    *,
    max_length: int | None = None,
    model: AskedModel | None = None,
    path: Path | None = None,
) -> Iterator[RowFindings]:
    """Audit a batch of which nothing is known but its tensors; conversations are recovered from the ids.

    ``path`` is the file that it was read from: what was kept with it says what wrote it.
    """
    rows, findings = saved_rows(batch, chat, max_length=max_length)
    if path is not None:
        findings = [*findings, *origin_findings(path, chat.processor)]
        model = model_to_ask(model, path) if model is not None else None
    if model is not None and rows:
        findings = [*findings, *model_findings(batch, chat, model, rows, findings, is_whole=False)]
    if findings:
        yield RowFindings(None, "", tuple(findings))
    for row in rows:
        row, of_row = audit_saved_row(row)
        yield RowFindings(row.number, "", of_row, quote=partial(quoted, row=row))


def saved_rows(
    batch: Mapping[str, Any], chat: ChatIds, *, max_length: int | None = None
) -> tuple[list[Row], list[Finding]]:
    """Take a saved batch apart; return its rows, and what is wrong with the batch itself."""
    try:
        return rows_of(batch, chat, max_length=max_length)
    except Exception as error:
        return [], [check_failed(error)]


def audit_saved_row(row: Row) -> tuple[Row, tuple[Finding, ...]]:
    """Return a row of a saved batch with what its ids tell of its sample, and what is found in it."""
    try:
        row = recovered_row(row)
    except Exception as error:  # the row is judged by its markers alone
        return row, (check_failed(error, row.number), *audit_row(row))
    return row, tuple(audit_row(row))


def recovered_row(row: Row) -> Row:
    """Return a row of a saved batch with what its ids tell of the sample it was made from."""
    recovered = known_of_row(row.ids, row.is_padding, row.chat, row.media.get("video_grid_thw"))
    if recovered.known is None:
        silent = {**row.reading.silent, Reader.CHARACTER_REGIONS: recovered.reason}
        return replace(row, reading=replace(row.reading, silent=silent))
    known = recovered.known
    reading = read_row(row.ids, row.is_padding, row.chat, known.tokens, known.prompts)
    return replace(row, known=known, reading=reading, tokens=known.tokens)


def _of_collator(
    samples: Mapping[int, tuple[Sample, Known | None]],
    collator: Callable[[list[dict[str, Any]]], Any],
    chat: ChatIds,
    max_length: int | None,
    model: AskedModel | None,
) -> tuple[dict[int, list[Finding]], dict[int, Row]]:
    """Return what is found in each row of one batch, and the rows that were audited: all, or none."""
    numbers = list(samples)
    found: dict[int, list[Finding]] = {number: [] for number in numbers}
    returned = run_collator(collator, foreign_samples([sample for sample, _ in samples.values()]))
    if isinstance(returned, Finding):
        found[numbers[0]].append(returned)
        return found, {}
    known = [row_known for _, row_known in samples.values()]
    audited = check_batch(returned, chat, known, numbers=numbers, max_length=max_length, model=model)
    unproved = {number for number, (_, row_known) in samples.items() if row_known is None}
    for finding in audited.findings:
        if finding.row not in unproved or finding.code != ONE_OPINION.name:  # why is told already
            found[numbers[0] if finding.row is None else finding.row].append(finding)
    return found, {row.number: row for row in audited.rows}


def _encode(sample: Sample, chat: ChatIds, policy: MaskPolicy | None) -> tuple[EncodedSample, Known]:
    """Encode a sample through the processor, its pixels processed once."""
    assert isinstance(sample.video, SampledVideo), "the processor needs the frames themselves"
    once = process_videos_once(chat.processor)
    return encode_known(
        sample.messages,
        once,
        [sample.video],
        scene=scene_of(sample),
        policy=sample.trained_by(policy),
    )


def _batched(items: Iterator[T], size: int) -> Iterator[list[T]]:
    """Yield ``size`` items at a time, at last what is left."""
    while batch := list(islice(items, size)):
        yield batch


def _decoded(sample: Sample) -> tuple[str, str] | None:
    """Return the path of a sample's video and who decoded its frames."""
    video = sample.video
    return (str(video.info.path), str(video.backend)) if isinstance(video, SampledVideo) else None


def refused(number: int, error: Exception) -> Finding:
    """Return the finding that stands for a row which could not be audited: the data's fault, or ours."""
    if not isinstance(error, VTGError):
        return check_failed(error, number)
    is_data = isinstance(error, AnnotationError | VideoError) or not isinstance(error, MaskingError)
    return (UNREADABLE if is_data else UNPROVED).finding(as_sentence(str(error)), row=number)


def _difference(fast: LabelledTokens, slow: LabelledTokens) -> str:
    """Say how two encodings of one sample differ; nothing where they are the same."""
    if len(fast) != len(slow):
        return f"Without pixels the row has {len(fast):,} tokens, and through the processor {len(slow):,}."
    for name in ("input_ids", "kinds", "turns"):
        differ = getattr(fast, name) != getattr(slow, name)
        if differ.any():
            return f"{name} differ at {int(differ.sum()):,} of {len(slow):,} tokens, the first at {int(np.argmax(differ)):,}."
    return ""
