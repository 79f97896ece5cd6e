"""Bytes that nothing but copies of a frame or resource contains, and the search for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.records.scanning import scan_pages
from services.records.stores import Stores
from sluice.frames import Frame
from sluice.labels import Box2D, Label
from sluice.scoring import normalise
from sluice.sensors import SensorData

DIMENSION: Final = 8


def vector_of(frame_id: str) -> NDArray[np.float32]:
    """The unit vector of a frame, near the first axis, `(dimension,) float32`."""
    noise = np.random.default_rng([*frame_id.encode()]).normal(size=DIMENSION)
    row: NDArray[np.float32] = normalise((np.eye(DIMENSION)[0] * 3 + noise)[None].astype("f4"))[0]
    return row


def secrets_of(frame_id: str) -> list[bytes]:
    """The secrets of a frame: its vector, media and metadata."""
    texts = f"url-of-{frame_id}.", f"note-of-{frame_id}."
    return [vector_of(frame_id).tobytes(), *(text.encode() for text in texts)]


def secret_of(resource: object) -> str:
    """The secret of a resource, which its parts contain."""
    return f"part-of-{resource}."


def frame_of(frame_id: str, owner: object = "") -> Frame:
    """A frame with a label, media and metadata, perhaps as a part of a resource."""
    return Frame(
        id=frame_id,
        sensors=(SensorData(sensor_id="camera", url=f"https://store.example/url-of-{frame_id}."),),
        labels=(Label(id=f"label {frame_id}", class_name="car", shape=Box2D(1, 2, 3, 4)),),
        metadata={"note": f"note-of-{frame_id}.", **({"owner": secret_of(owner)} if owner else {})},
    )


async def search(stores: Stores, project: str, secrets: Sequence[bytes]) -> list[str]:
    """Where any of these bytes can be read: in the ledger, the vector store, the blobs."""
    places: list[str] = []
    for partition in (project, "_system", "_ingest"):
        async for page in scan_pages(stores.ledger, partition, ""):
            places += [entry.key for entry in page if _holds(entry.value, secrets)]
    vectors = stores.vectors
    for collection in await vectors.collections(project):
        for tenant in await vectors.tenants(collection):
            points = await vectors.read(collection, tenant)
            places += [tenant for row in points.vectors if _holds(row.tobytes(), secrets)]
            places += [tenant for p in points.payloads if _holds(str(p).encode(), secrets)]
    for digest in await list_blobs(stores):
        if _holds(await stores.blobs.get(digest), secrets):
            places.append(digest)
    return places


async def list_blobs(stores: Stores) -> list[str]:
    """All blobs."""
    everything, after, digests = datetime.now(UTC) + timedelta(hours=9), "", list[str]()
    while page := await stores.blobs.list_before(everything, after=after, limit=100):
        after = page[-1]
        digests += page
    return digests


def _holds(content: bytes, secrets: Sequence[bytes]) -> bool:
    return any(secret in content for secret in secrets)
