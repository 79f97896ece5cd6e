"""Where the vectors of frames lie."""

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
    """Whose points the frames of a dataset are."""
    return f"{tenants_of(dataset.project)}{dataset.dataset}"


def tenants_of(project: str) -> str:
    """What the tenants of all datasets of a project start with."""
    return f"{project}/datasets/"


def payload_of(frame_id: str, vector: StoredVector) -> Payload:
    """What the point of an embedding says."""
    return {"frame_id": frame_id, "label_id": vector.label_id}


async def write(
    stores: Stores,
    name: DatasetName,
    space: DatasetFrames,
    rows: Sequence[FrameRow],
    vectors: NDArray[np.float32],
) -> None:
    """Write the points of frames, one row of `vectors` for each of theirs, in their order."""
    named = [(row.id, vector) for row in rows for vector in row.vectors]
    points = Points(
        [UUID(bytes=vector.point) for _, vector in named],
        vectors,
        [payload_of(frame_id, vector) for frame_id, vector in named],
    )
    collection = frames_collection(name.project, space.model_id, space.dimension)
    await stores.vectors.write(collection, tenant_of(name), points)


async def read(
    stores: Stores, name: DatasetName, space: DatasetFrames, rows: Sequence[FrameRow]
) -> NDArray[np.float32]:
    """The unit vectors of frames, as many rows for each as it has; zeros for one that is lost."""
    ids = [UUID(bytes=vector.point) for row in rows for vector in row.vectors]
    collection = frames_collection(name.project, space.model_id, space.dimension)
    return await read_points(stores.vectors, collection, tenant_of(name), ids)


async def forget(
    stores: Stores, name: DatasetName, space: DatasetFrames, rows: Sequence[FrameRow]
) -> None:
    """Delete the points that these rows name, and no other row any more.

    They only take up space and are found by nobody, so a store that fails here fails nobody.
    """
    ids = [UUID(bytes=vector.point) for row in rows for vector in row.vectors]
    if not ids:
        return
    collection = frames_collection(name.project, space.model_id, space.dimension)
    try:
        await stores.vectors.delete(collection, tenant_of(name), ids)
    except SluiceError as error:
        log.warning("points.left_behind", dataset=str(name), points=len(ids), error=str(error))
