"""Points to delete from the vector store, listed by the transaction that deletes their records.

`deleting-points/{service}/{id}` names them until they are deleted: their ids are random, and a
crash in between would leave them behind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.ledger.interface import Transaction
from services.records.points import create_point_id, made_us
from services.records.records import Record, decode, encode, key, prefix, segments
from services.records.scanning import scan_pages
from services.records.stores import Stores
from services.vectors.interface import Collection, Kind, Space

POINTS_PER_CALL: Final = 1_000


class PointDeletion(Record, frozen=True, kw_only=True):
    """Points of one tenant that are to be deleted."""

    kind: Kind
    model_id: str
    dimension: int
    tenant: str
    points: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class PendingPointDeletion:
    """A stored point deletion; `started_us` is when it was listed, microseconds since 1970."""

    key: str
    collection: Collection
    tenant: str
    points: list[UUID]
    started_us: int


def list_points(
    service: str, collection: Collection, tenant: str, points: Sequence[bytes]
) -> dict[str, bytes]:
    """The puts that list points for deletion; none without points."""
    if not points:
        return {}
    space = collection.space
    record = PointDeletion(
        kind=collection.kind,
        model_id=space.model_id,
        dimension=space.dimension,
        tenant=tenant,
        points=tuple(points),
    )
    # The id holds the time, from which the doctor knows an interrupted deletion.
    return {key("deleting-points", service, create_point_id().hex): encode(record)}


async def read_point_deletions(
    stores: Stores, project: str, service: str
) -> AsyncIterator[PendingPointDeletion]:
    """The points that are listed for deletion."""
    async for page in scan_pages(stores.ledger, project, prefix("deleting-points", service)):
        for entry in page:
            record = decode(PointDeletion, entry)
            yield PendingPointDeletion(
                entry.key,
                Collection(record.kind, Space(project, record.model_id, record.dimension)),
                record.tenant,
                [UUID(bytes=point) for point in record.points],
                made_us(UUID(segments(entry.key)[-1])),
            )


async def delete_listed_points(stores: Stores, project: str, service: str) -> None:
    """Delete all points that are listed; can be repeated, and run several times at once."""
    async for deletion in read_point_deletions(stores, project, service):
        for start in range(0, len(deletion.points), POINTS_PER_CALL):
            page = deletion.points[start : start + POINTS_PER_CALL]
            await stores.vectors.delete(deletion.collection, deletion.tenant, page)
        await stores.ledger.commit(Transaction(project, deletes=[deletion.key]))
