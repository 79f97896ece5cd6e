"""Downloading what a version is scored with."""

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


class File(Enum):
    """A file of a version."""

    MODEL = "scoring model"
    BASIS = "basis"


async def read_file(stores: Stores, name: VersionName, file: File) -> bytes:
    """The file of a version, which has the digest that the version names.

    Raises NotFound for the basis of a version without one, DataLoss when it is damaged or missing.
    """
    version = await get_version(stores, name)
    digest = version.model_digest if file is File.MODEL else version.basis_digest
    if not digest:
        raise NotFound(f"{name} has no {file.value}: it was made without a background")
    return await read_blob(stores.blobs, digest)


def chunks(content: bytes) -> Iterator[bytes]:
    """The content in pieces of 1 MiB."""
    return (content[i : i + CHUNK_BYTES] for i in range(0, len(content), CHUNK_BYTES))
