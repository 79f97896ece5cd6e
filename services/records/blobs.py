"""Blobs that a record names. They are written before the record, so a missing one was lost."""

from __future__ import annotations

from services.blobs.interface import Blobs
from sluice.errors import DataLoss, NotFound


async def read_blob(blobs: Blobs, digest: str) -> bytes:
    """The verified content of a digest that a record names.

    Raises errors.DataLoss naming the digest of a blob that is damaged or missing.
    """
    try:
        return await blobs.get(digest)
    except NotFound as cause:
        raise DataLoss(
            f"blob {digest} is missing, but a record names it", metadata={"digest": digest}
        ) from cause
