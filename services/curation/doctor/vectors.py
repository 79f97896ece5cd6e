"""The embeddings of frames against their points in the vector store."""

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
from services.curation.doctor.frames import subject_of
from services.curation.doctor.reading import LOST_DIGEST, describe_recovery
from services.curation.records import FrameRow, frame_key, frame_prefix
from services.doctor.examination import Examination
from services.doctor.findings import ExaminationEvents, ExaminationProgress, Finding, FindingKind
from services.records.documents import StoredRecord, find_record
from services.records.points import PAGE
from services.records.records import decode, encode
from services.records.scanning import scan_pages
from services.vectors.interface import Collection, Payload, Points
from sluice.names import DatasetName

_Found = Mapping[UUID, tuple[NDArray[np.float32], Payload]]
"""Vectors and payloads of the points that are there."""


@dataclass(frozen=True, slots=True)
class _Misnamed:
    """A point with the right vector that says it is another frame's."""

    point: UUID
    vector: NDArray[np.float32]
    payload: Payload


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A frame whose points are not what they should be: what is wrong, and what is mended."""

    row: FrameRow
    lost: str
    misnamed: Sequence[_Misnamed]


async def examine(this: Examination, name: DatasetName, misnamed: set[UUID]) -> ExaminationEvents:
    """Compare the embeddings of all frames with their points; `misnamed` are those left so.

    A point is there from before its row names it until after: one that is named before and after
    the look must have it.
    """
    seen, size = 0, stream_size((await read_dataset_frames(this.stores, name)).record)
    async for page in scan_pages(this.ledger, this.project, frame_prefix(name.dataset), size):
        rows = [row for entry in page if (row := decode(FrameRow, entry)).vectors]
        # The space comes with the first embedding: read later, it is known.
        space = (await read_dataset_frames(this.stores, name)).record
        if not rows or not space.dimension:
            continue
        seen += len(rows)
        yield ExaminationProgress("embeddings", seen)
        collection = frames_collection(name.project, space.model_id, space.dimension)
        found = await _points(this, name, collection, rows)
        for suspect in await asyncio.to_thread(_suspects, rows, found):
            finding = await _confirmed(this, name, collection, suspect)
            if finding is not None:
                misnamed.update(each.point for each in suspect.misnamed)
                yield finding


async def _points(
    this: Examination, name: DatasetName, collection: Collection, rows: Sequence[FrameRow]
) -> _Found:
    ids = [UUID(bytes=vector.point) for row in rows for vector in row.vectors]
    found: dict[UUID, tuple[NDArray[np.float32], Payload]] = {}
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        points = await this.stores.vectors.retrieve(collection, tenant_of(name), page)
        found |= zip(points.ids, zip(points.vectors, points.payloads, strict=True), strict=True)
    return found


def _suspects(rows: Sequence[FrameRow], found: _Found) -> list[_Suspect]:
    suspects = (_suspect(row, found) for row in rows)
    return [suspect for suspect in suspects if suspect.lost or suspect.misnamed]


def _suspect(row: FrameRow, found: _Found) -> _Suspect:
    there = [found.get(UUID(bytes=vector.point)) for vector in row.vectors]
    known = [point for point in there if point is not None]
    if missing := len(there) - len(known):
        return _Suspect(row, f"{missing} missing", ())
    labels = [vector.label_id for vector in row.vectors]
    if vectors_digest(labels, np.stack([vector for vector, _ in known])) != row.vectors_digest:
        return _Suspect(row, "others", ())
    misnamed = [
        _Misnamed(UUID(bytes=stored.point), vector, expected)
        for stored, (vector, payload) in zip(row.vectors, known, strict=True)
        if payload != (expected := payload_of(row.id, stored))
    ]
    return _Suspect(row, "", misnamed)


async def _confirmed(
    this: Examination, name: DatasetName, collection: Collection, suspect: _Suspect
) -> Finding | None:
    """The finding of a frame that still names these points."""
    now = await find_record(
        this.ledger, this.project, frame_key(name.dataset, suspect.row.id), FrameRow
    )
    if now is None or now.record.vectors != suspect.row.vectors:
        return None
    subject, kind = subject_of(name, suspect.row.id), FindingKind.FRAME_VECTOR
    expected = f"{len(suspect.row.vectors)} embeddings"
    if suspect.lost:
        await _note(this, name, now)
        found = f"{suspect.lost}: {describe_recovery(this, now.record.vectors_digest)}"
        return Finding(kind, subject, expected, found).mark_lost()
    finding = Finding(kind, subject, expected, f"{len(suspect.misnamed)} said to be another's")
    if this.repair:
        points = Points(
            [each.point for each in suspect.misnamed],
            np.stack([each.vector for each in suspect.misnamed]),
            [each.payload for each in suspect.misnamed],
        )
        await this.stores.vectors.write(collection, tenant_of(name), points)
    return finding.mark_repaired(this.repair)


async def _note(this: Examination, name: DatasetName, found: StoredRecord[FrameRow]) -> None:
    """Note in a row that its embeddings are lost, so that they are written when appended again.

    Without that, what is appended again with the same content changes nothing.
    """
    if found.record.vectors_digest != LOST_DIGEST:
        where = frame_key(name.dataset, found.record.id)
        marked = structs.replace(found.record, vectors_digest=LOST_DIGEST)
        await this.commit_repair({where: found.revision}, {where: encode(marked)})
