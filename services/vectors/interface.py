"""The vector store: the home of embeddings and the searchable projection of samples.

Points live in collections (one per kind and space) under a tenant: a snapshot, an issue, a
dataset or a campaign, always qualified by its project. There is no unfiltered search: with
per-tenant graphs it would silently return nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Payload = dict[str, Any]
"""Plain JSON: str, bool, None, int and finite float, and lists and dicts of these with str keys."""


class Kind(StrEnum):
    """The kind of points that a collection holds."""

    ELEMENTS = "elements"
    FRAMES = "frames"
    SAMPLES = "samples"


@dataclass(frozen=True, slots=True)
class Space:
    """The vectors that may be compared: one project, one embedding model, one dimension."""

    project: str
    model_id: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Collection:
    """All points of one kind in one space."""

    kind: Kind
    space: Space


@dataclass(frozen=True, slots=True)
class Points:
    """Points in columns: ids, vectors `(points, dimension) float32` and payloads, in one order."""

    ids: Sequence[UUID]
    vectors: NDArray[np.float32]
    payloads: Sequence[Payload]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Hit:
    """A result of a search; `similarity` is the inner product with the query."""

    id: UUID
    similarity: float
    payload: Payload


class Vectors(Protocol):
    """A durable store of vectors under tenants; points are read back bit for bit as written.

    An id is unique in its collection: writing it under another tenant moves the point there, so
    ids are derived from everything that distinguishes points (`naming.point_id`). The first write
    creates a collection; until then it reads as empty.

    Raises errors.InvalidArgument for vectors that are not finite float32 of the collection's
    dimension and payloads that are not plain JSON, errors.ResourceExhausted when the disk is
    full, and errors.Unavailable when the store fails.
    """

    async def write(self, collection: Collection, tenant: str, points: Points) -> None:
        """Insert or replace points; durable when this returns, and harmless to repeat."""

    async def read(self, collection: Collection, tenant: str) -> Points:
        """All points of the tenant, ordered by id."""

    async def read_page(
        self, collection: Collection, tenant: str, *, after: UUID | None, limit: int
    ) -> Points:
        """Up to `limit` points of the tenant with an id greater than `after`, ordered by id."""

    async def collections(self, project: str) -> list[Collection]:
        """All collections of the project's spaces that were ever written to, in a fixed order."""

    async def tenants(self, collection: Collection) -> list[str]:
        """The tenants that have points in the collection, sorted."""

    async def retrieve(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> Points:
        """The tenant's points among `ids`, in that order; `ids` has no duplicates."""

    async def count(self, collection: Collection, tenant: str) -> int:
        """The number of points of the tenant."""

    async def search(
        self,
        collection: Collection,
        tenant: str,
        query: NDArray[np.float32],
        *,
        limit: int,
        exact: bool = False,
    ) -> list[Hit]:
        """The tenant's points with the largest inner product to the query, best first."""

    async def delete(self, collection: Collection, tenant: str, ids: Sequence[UUID]) -> None:
        """Remove those points of the tenant; durable when this returns."""

    async def delete_tenant(self, collection: Collection, tenant: str) -> None:
        """Remove all points of the tenant; durable when this returns."""

    async def drop(self, collection: Collection) -> None:
        """Remove a collection with its files; durable when this returns.

        Only for a collection that is never written to again: other processes may fail to.
        """

    async def close(self) -> None:
        """Finish running calls and release the store."""
