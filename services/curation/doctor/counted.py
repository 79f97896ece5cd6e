"""What is counted of the frames of a dataset as a whole, against their rows."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.points import tenant_of
from services.curation.doctor.frames import Rows
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


async def examine(this: Examination, name: DatasetName, rows: Rows) -> Finding | None:
    """What is wrong with the count and the space of a dataset, whose rows were read before.

    Frames come with their number, under the revision of the count.
    """
    for _ in range(ATTEMPTS):
        before = await read_dataset_frames(this.stores, name)
        expected = await _expected(this, name, before.record, rows)
        after = await read_dataset_frames(this.stores, name)
        if before.revision == after.revision:
            return None if expected == before.record else await _mend(this, name, before, expected)
    return None


async def _expected(
    this: Examination, name: DatasetName, said: DatasetFrames, rows: Rows
) -> DatasetFrames:
    """What must be said, as far as it can be told."""
    expected = structs.replace(
        said,
        count=await _last_number(this, name, said.count, rows.last),
        rows_per_frame_max=max(said.rows_per_frame_max, rows.vectors_max),
    )
    if rows.vectors_max and not said.dimension and (found := await _collection(this, name)):
        space = found.space
        expected = structs.replace(expected, model_id=space.model_id, dimension=space.dimension)
    return expected


async def _last_number(this: Examination, name: DatasetName, said: int, of_rows: int) -> int:
    """The highest number of all; numbers are read one by one only where the last one is wrong."""
    where = number_key(name.dataset, said)
    below = number_prefix(name.dataset)
    later = await this.ledger.scan(this.project, below, after=where, limit=1)
    if not later and said >= of_rows:
        is_last = said == of_rows or await this.ledger.get(this.project, [where])
        if is_last:
            return said
    last = of_rows
    async for page in scan_pages(this.ledger, this.project, below):
        last = max(last, int(segments(page[-1].key)[-1]))
    return last


async def _collection(this: Examination, name: DatasetName) -> Collection | None:
    """The only collection in which a dataset has points, if there is one."""
    vectors = this.stores.vectors
    found = [
        collection
        for collection in await vectors.collections(this.project)
        if collection.kind is Kind.FRAMES and tenant_of(name) in await vectors.tenants(collection)
    ]
    return found[0] if len(found) == 1 else None


async def _mend(
    this: Examination, name: DatasetName, said: StoredRecord[DatasetFrames], expected: DatasetFrames
) -> Finding:
    where = dataset_frames_key(name.dataset)
    finding = Finding(
        FindingKind.FRAME_COUNT,
        str(name),
        _text(expected, said.record),
        _text(said.record, expected),
    )
    return finding.mark_repaired(
        await this.commit_repair({where: said.revision}, {where: encode(expected)})
    )


def _text(one: DatasetFrames, other: DatasetFrames) -> str:
    """What one says that the other does not."""
    return ", ".join(
        f"{what} {value}"
        for field, what in _FIELDS.items()
        if (value := getattr(one, field)) != getattr(other, field)
    )
