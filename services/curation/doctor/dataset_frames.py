"""The frame count and the space of a dataset, compared with its rows."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.points import tenant_of
from services.curation.doctor.frames import RowSummary
from services.curation.doctor.reading import ATTEMPTS
from services.curation.records import (
    DatasetFrames,
    dataset_frames_key,
    number_key,
    number_prefix,
)
from services.doctor.examination import Examination
from services.doctor.findings import Finding, FindingKind
from services.records.documents import StoredRecord
from services.records.records import encode, segments
from services.records.scanning import scan_pages
from services.vectors.interface import Collection, Kind
from sluice.names import DatasetName

_FIELDS: Final = {
    "count": "frames",
    "rows_per_frame_max": "embeddings of a frame at most",
    "model_id": "model",
    "dimension": "dimensions",
}


async def examine(examination: Examination, name: DatasetName, rows: RowSummary) -> Finding | None:
    """Compare the count and the space of a dataset with its rows, which were read before.

    A frame is added in one transaction with its number and the count.
    """
    for _ in range(ATTEMPTS):
        before = await read_dataset_frames(examination.stores, name)
        expected = await _read_expected(examination, name, before.record, rows)
        after = await read_dataset_frames(examination.stores, name)
        if before.revision == after.revision:
            if expected == before.record:
                return None
            return await _repair(examination, name, before, expected)
    return None


async def _read_expected(
    examination: Examination, name: DatasetName, stored: DatasetFrames, rows: RowSummary
) -> DatasetFrames:
    """The record that follows from rows, numbers and points; other fields as they are stored."""
    expected = structs.replace(
        stored,
        count=await _find_last_number(examination, name, stored, rows.last),
        rows_per_frame_max=max(stored.rows_per_frame_max, rows.vectors_max),
    )
    if rows.vectors_max and not stored.dimension:
        collection = await _find_collection(examination, name)
        if collection is not None:
            space = collection.space
            expected = structs.replace(expected, model_id=space.model_id, dimension=space.dimension)
    return expected


async def _find_last_number(
    examination: Examination, name: DatasetName, record: DatasetFrames, last_of_rows: int
) -> int:
    """The highest frame number; all numbers are scanned only where the stored count is wrong."""
    ledger, project = examination.ledger, examination.project
    stored, deleted = record.count, record.deleted
    stored_key = number_key(name.dataset, stored)
    below = number_prefix(name.dataset)
    later = await ledger.scan(project, below, after=stored_key, limit=1)
    if not later and stored >= last_of_rows:
        # The last frames may be deleted: then nothing shows that the count is too high.
        is_last = stored == last_of_rows or await ledger.get(project, [stored_key])
        if is_last or deleted:
            return stored
    last = last_of_rows
    async for page in scan_pages(ledger, project, below):
        last = max(last, int(segments(page[-1].key)[-1]))
    return last


async def _find_collection(examination: Examination, name: DatasetName) -> Collection | None:
    """The collection with the dataset's points; None without one, or with several."""
    vectors = examination.stores.vectors
    collections = [
        collection
        for collection in await vectors.collections(examination.project)
        if collection.kind is Kind.FRAMES and tenant_of(name) in await vectors.tenants(collection)
    ]
    return collections[0] if len(collections) == 1 else None


async def _repair(
    examination: Examination,
    name: DatasetName,
    stored: StoredRecord[DatasetFrames],
    expected: DatasetFrames,
) -> Finding:
    record_key = dataset_frames_key(name.dataset)
    finding = Finding(
        FindingKind.FRAME_COUNT,
        str(name),
        _describe_fields(expected, stored.record),
        _describe_fields(stored.record, expected),
    )
    repaired = await examination.commit_repair(
        {record_key: stored.revision}, {record_key: encode(expected)}
    )
    return finding.mark_repaired(repaired)


def _describe_fields(record: DatasetFrames, other: DatasetFrames) -> str:
    """The fields of a record that differ from the other's, as text."""
    return ", ".join(
        f"{label} {value}"
        for field, label in _FIELDS.items()
        if (value := getattr(record, field)) != getattr(other, field)
    )
