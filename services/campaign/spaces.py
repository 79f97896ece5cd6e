"""Spaces: sets of comparable vectors, and the background of each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.campaign.projects import get_project
from services.campaign.records import (
    SpaceRecord,
    space_key,
)
from services.ledger.interface import ABSENT, Transaction
from services.records.documents import find_record, read_records, retry
from services.records.pages import Page
from services.records.records import encode, now_us, prefix
from services.records.stores import Stores
from sluice.checks import check_text, too_large
from sluice.errors import InvalidArgument, PermissionDenied
from sluice.names import ProjectName
from sluice.scoring import build_basis

BACKGROUND_BYTES_MAX: Final = 512 * 2**20


async def set_background(
    stores: Stores,
    project: ProjectName,
    model_id: str,
    chunks: AsyncIterable[NDArray[np.float32]],
    *,
    may_replace: bool = True,
    bytes_max: int = BACKGROUND_BYTES_MAX,
) -> SpaceRecord:
    """Set the background of a space from chunks of rows, each `(rows, dimension) float32`.

    Raises InvalidArgument for rows of different dimensions, rows without direction, too few rows,
    or more than `bytes_max`, and PermissionDenied if the space has another background, unless the
    caller may replace it.
    """
    check_text("model_id", model_id)
    await get_project(stores, project)
    rows = await _join_chunks(chunks, bytes_max)
    basis = await asyncio.to_thread(build_basis, rows)
    data = await asyncio.to_thread(basis.to_bytes)
    digest = await stores.blobs.put(data)
    space = SpaceRecord(
        model_id=model_id,
        dimension=rows.shape[1],
        basis_digest=digest,
        background_count=len(rows),
        background_us=now_us(),
    )
    key = space_key(model_id, space.dimension)

    async def attempt() -> SpaceRecord:
        stored = await find_record(stores.ledger, project.project, key, SpaceRecord)
        if not may_replace and stored is not None and stored.record.basis_digest:
            return _check_same_background(project, stored.record, digest)
        # Without this check the last background wins.
        checks = {} if may_replace else {key: stored.revision if stored else ABSENT}
        await stores.ledger.commit(Transaction(project.project, checks, {key: encode(space)}))
        return space

    stored = await retry(attempt, project)
    # Again: a deletion of the last other project with this basis may not have seen the record.
    await stores.blobs.put(data)
    return stored


def _check_same_background(project: ProjectName, stored: SpaceRecord, digest: str) -> SpaceRecord:
    """The stored space; PermissionDenied if its background has another digest."""
    if stored.basis_digest != digest:
        raise PermissionDenied(
            f"embeddings: the space of model {stored.model_id!r} and dimension {stored.dimension} "
            f"in {project} has a background of {stored.background_count:,} rows, and replacing it "
            "requires scope admin",
            metadata={"scope": "admin"},
        )
    return stored


async def find_space(stores: Stores, project: str, model_id: str, dimension: int) -> SpaceRecord:
    """A space; one without background if no vector of it is stored yet."""
    stored = await find_record(stores.ledger, project, space_key(model_id, dimension), SpaceRecord)
    return stored.record if stored else SpaceRecord(model_id=model_id, dimension=dimension)


async def list_spaces(
    stores: Stores, project: ProjectName, page: Page
) -> tuple[list[SpaceRecord], str]:
    """A page of a project's spaces, and the next page token."""
    await get_project(stores, project)
    return await read_records(stores.ledger, project.project, prefix("space"), SpaceRecord, page)


async def _join_chunks(
    chunks: AsyncIterable[NDArray[np.float32]], bytes_max: int
) -> NDArray[np.float32]:
    # A bytearray grows in place; joining a list of arrays would need twice the memory.
    content, dimension = bytearray(), 0
    async for chunk in chunks:
        dimension = dimension or chunk.shape[1]
        if chunk.shape[1] != dimension:
            raise InvalidArgument.of(
                "embeddings",
                f"dimension {chunk.shape[1]} after rows of dimension {dimension}",
                reason="SPACE_MISMATCH",
            )
        if len(content) + chunk.nbytes > bytes_max:
            raise too_large(
                "embeddings",
                f"more than {bytes_max} bytes of rows",
                bytes_max,
            )
        content += chunk.tobytes()
    if not dimension:
        raise InvalidArgument.of("embeddings", "no rows")
    return np.frombuffer(content, np.float32).reshape(-1, dimension)
