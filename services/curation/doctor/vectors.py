"""The embeddings of frames, compared with their points in the vector store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.frames import stream_size
from services.curation.datasets.new_frames import vectors_digest
from services.curation.datasets.points import frames_collection, payload_of, tenant_of
from services.curation.doctor.frames import frame_subject
from services.curation.doctor.reading import describe_recovery
from services.curation.records import LOST_DIGEST, FrameRow, frame_key, frame_prefix
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.documents import StoredRecord, find_record
from services.records.points import PAGE
from services.records.records import decode, encode
from services.records.scanning import scan_pages
from services.vectors.interface import Collection, Payload, Points
from sluice.names import DatasetName

_StoredPoints = Mapping[UUID, tuple[NDArray[np.float32], Payload]]
"""Vector and payload of each stored point."""


@dataclass(frozen=True, slots=True)
class _MisnamedPoint:
    """A point with the right vector whose payload names another frame, and the right payload."""

    point: UUID
    vector: NDArray[np.float32]
    payload: Payload


@dataclass(frozen=True, slots=True)
class _SuspectFrame:
    """A frame whose points differ from its row: what is lost, and the points to name again."""

    row: FrameRow
    lost: str
    misnamed: Sequence[_MisnamedPoint]


async def examine(
    examination: Examination, name: DatasetName, misnamed: set[UUID]
) -> ExaminationEvents:
    """Compare the embeddings of all frames with their points; adds misnamed ones to `misnamed`.

    A point exists before its row names it and until after: a row that is the same before and after
    the points are read must have them.
    """
    seen, size = 0, stream_size((await read_dataset_frames(examination.stores, name)).record)
    async for page in scan_pages(
        examination.ledger, examination.project, frame_prefix(name.dataset), size
    ):
        rows = [row for entry in page if (row := decode(FrameRow, entry)).vectors]
        # The space is set with the first embedding, so it is read after the rows.
        space = (await read_dataset_frames(examination.stores, name)).record
        if not rows or not space.dimension:
            continue
        seen += len(rows)
        yield ExaminationProgress("embeddings", seen)
        collection = frames_collection(name.project, space.model_id, space.dimension)
        points = await _read_points(examination, name, collection, rows)
        for suspect in await asyncio.to_thread(_find_suspects, rows, points):
            finding = await _confirm_finding(examination, name, collection, suspect)
            if finding is not None:
                misnamed.update(point.point for point in suspect.misnamed)
                yield finding


async def _read_points(
    examination: Examination, name: DatasetName, collection: Collection, rows: Sequence[FrameRow]
) -> _StoredPoints:
    ids = [UUID(bytes=vector.point) for row in rows for vector in row.vectors]
    stored: dict[UUID, tuple[NDArray[np.float32], Payload]] = {}
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        points = await examination.stores.vectors.retrieve(collection, tenant_of(name), page)
        stored |= zip(points.ids, zip(points.vectors, points.payloads, strict=True), strict=True)
    return stored


def _find_suspects(rows: Sequence[FrameRow], points: _StoredPoints) -> list[_SuspectFrame]:
    suspects = (_compare(row, points) for row in rows)
    return [suspect for suspect in suspects if suspect.lost or suspect.misnamed]


def _compare(row: FrameRow, points: _StoredPoints) -> _SuspectFrame:
    lookups = [points.get(UUID(bytes=vector.point)) for vector in row.vectors]
    present = [point for point in lookups if point is not None]
    if missing := len(lookups) - len(present):
        return _SuspectFrame(row, f"{missing} missing", ())
    labels = [vector.label_id for vector in row.vectors]
    if vectors_digest(labels, np.stack([vector for vector, _ in present])) != row.vectors_digest:
        return _SuspectFrame(row, "different", ())
    misnamed = [
        _MisnamedPoint(UUID(bytes=stored.point), vector, expected)
        for stored, (vector, payload) in zip(row.vectors, present, strict=True)
        if payload != (expected := payload_of(row.id, stored))
    ]
    return _SuspectFrame(row, "", misnamed)


async def _confirm_finding(
    examination: Examination, name: DatasetName, collection: Collection, suspect: _SuspectFrame
) -> Finding | None:
    """The finding of a suspect frame, if its row still names the same points."""
    now = await find_record(
        examination.ledger, examination.project, frame_key(name.dataset, suspect.row.id), FrameRow
    )
    if now is None or now.record.vectors != suspect.row.vectors:
        return None
    subject, kind = frame_subject(name, suspect.row.id), FindingKind.FRAME_VECTOR
    expected = f"{len(suspect.row.vectors)} embeddings"
    if suspect.lost:
        await _note_loss(examination, name, now)
        actual = f"{suspect.lost}: {describe_recovery(examination, now.record.vectors_digest)}"
        return Finding(kind, subject, expected, actual).mark_lost()
    finding = Finding(kind, subject, expected, f"{len(suspect.misnamed)} name another frame")
    if examination.repair:
        points = Points(
            [point.point for point in suspect.misnamed],
            np.stack([point.vector for point in suspect.misnamed]),
            [point.payload for point in suspect.misnamed],
        )
        await examination.stores.vectors.write(collection, tenant_of(name), points)
    return finding.mark_repaired(examination.repair)


async def _note_loss(
    examination: Examination, name: DatasetName, stored: StoredRecord[FrameRow]
) -> None:
    """Note in a row that its embeddings are lost, so that appending them again writes them.

    Without the note, a frame appended again with the same content counts as unchanged.
    """
    if stored.record.vectors_digest != LOST_DIGEST:
        ledger_key = frame_key(name.dataset, stored.record.id)
        marked = structs.replace(stored.record, vectors_digest=LOST_DIGEST)
        await examination.commit_repair({ledger_key: stored.revision}, {ledger_key: encode(marked)})
