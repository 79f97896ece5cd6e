"""The points of frames in the vector store."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from services.curation.records import DatasetFrames, FrameRow, StoredVector
from services.records.points import read_points
from services.records.stores import Stores
from services.vectors.interface import Collection, Kind, Payload, Points, Space
from sluice.errors import SluiceError
from sluice.names import DatasetName

log = structlog.get_logger()


def frames_collection(project: str, model_id: str, dimension: int) -> Collection:
    """The collection of all frames of a space."""
    return Collection(Kind.FRAMES, Space(project, model_id, dimension))


def tenant_of(dataset: DatasetName) -> str:
    """The tenant key of a dataset's points."""
    return f"{tenants_of(dataset.project)}{dataset.dataset}"


def tenants_of(project: str) -> str:
    """Prefix of the tenant keys of a project's datasets."""
    return f"{project}/datasets/"


def payload_of(frame_id: str, vector: StoredVector) -> Payload:
    """The payload of an embedding's point."""
    return {"frame_id": frame_id, "label_id": vector.label_id}


async def write(
    stores: Stores,
    name: DatasetName,
    space: DatasetFrames,
    rows: Sequence[FrameRow],
    vectors: NDArray[np.float32],
) -> None:
    """Write the points of frames; `vectors` has a row for each, in the order of the frames."""
    points = Points(
        _ids(rows),
        vectors,
        [payload_of(row.id, vector) for row in rows for vector in row.vectors],
    )
    collection = frames_collection(name.project, space.model_id, space.dimension)
    await stores.vectors.write(collection, tenant_of(name), points)


async def read(
    stores: Stores, name: DatasetName, space: DatasetFrames, rows: Sequence[FrameRow]
) -> NDArray[np.float32]:
    """The unit vectors of frames, a row for each point in their order; zeros for a lost one."""
    collection = frames_collection(name.project, space.model_id, space.dimension)
    return await read_points(stores.vectors, collection, tenant_of(name), _ids(rows))


async def delete(
    stores: Stores, name: DatasetName, space: DatasetFrames, rows: Sequence[FrameRow]
) -> None:
    """Delete the points of replaced rows.

    A failing store is logged, not raised: such points only take space, no search returns them.
    """
    ids = _ids(rows)
    if not ids:
        return
    collection = frames_collection(name.project, space.model_id, space.dimension)
    try:
        await stores.vectors.delete(collection, tenant_of(name), ids)
    except SluiceError as error:
        log.warning("points.left_behind", dataset=str(name), points=len(ids), error=str(error))


def _ids(rows: Sequence[FrameRow]) -> list[UUID]:
    return [UUID(bytes=vector.point) for row in rows for vector in row.vectors]
