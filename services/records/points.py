"""Points of the vector store that records name: their ids and vectors."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.records.records import now_us
from services.vectors.interface import Collection, Vectors

PAGE: Final = 1_000
"""Points read at a time, so that few of them are in memory twice."""


def create_point_id() -> UUID:
    """A new random id that holds its time of creation (UUID version 7, RFC 9562)."""
    number = (now_us() // 1_000) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76  # the version
    return UUID(int=number & ~(0b11 << 62) | 0b10 << 62)  # the variant


def made_us(point: UUID) -> int:
    """The creation time of an id from `create_point_id`, in whole milliseconds; 0 for other ids."""
    return (point.int >> 80) * 1_000 if point.version == 7 else 0


async def read_points(
    vectors: Vectors, collection: Collection, tenant: str, ids: Sequence[UUID]
) -> NDArray[np.float32]:
    """The vectors of points, `(ids, dimension) float32`; zeros for missing points."""
    rows = np.zeros((len(ids), collection.space.dimension), np.float32)
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        row_of = {id: row for row, id in enumerate(page, start)}
        points = await vectors.retrieve(collection, tenant, page)
        rows[[row_of[id] for id in points.ids]] = points.vectors
    return rows
