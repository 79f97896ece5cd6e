"""The files of a version that scorers and loggers download."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

from services.campaign.versions import get_version
from services.records.blobs import read_blob
from services.records.stores import Stores
from sluice.errors import NotFound
from sluice.names import VersionName

CHUNK_BYTES: Final = 2**20


class VersionFile(Enum):
    """A file of a version."""

    MODEL = "scoring model"
    BASIS = "basis"


async def read_version_file(stores: Stores, name: VersionName, file: VersionFile) -> bytes:
    """The content of a version's file, verified against its digest.

    Raises NotFound for the basis of a version without one and for the model of a version without
    elements, DataLoss if it is damaged or missing.
    """
    version = await get_version(stores, name)
    digest = version.model_digest if file is VersionFile.MODEL else version.basis_digest
    if not digest and file is VersionFile.MODEL:
        raise NotFound(f"{name} has no scoring model: its campaign or its elements were deleted")
    if not digest:
        raise NotFound(f"{name} has no {file.value}: it was committed without a background")
    return await read_blob(stores.blobs, digest)


def split_chunks(content: bytes) -> Iterator[bytes]:
    """The content in chunks of 1 MiB."""
    return (content[i : i + CHUNK_BYTES] for i in range(0, len(content), CHUNK_BYTES))
