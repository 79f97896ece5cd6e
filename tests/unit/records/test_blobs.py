"""Reading of blobs that a record names."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from services.blobs.folder import FolderBlobs
from services.records.blobs import read_blob
from sluice.errors import DataLoss


async def test_a_missing_blob_is_lost_data(tmp_path: Path) -> None:
    """A blob that a record names was written first; its absence is DataLoss naming the digest."""
    blobs = FolderBlobs(tmp_path)
    digest = await blobs.put(b"model")
    assert b"model" == await read_blob(blobs, digest)

    missing = sha256(b"another").hexdigest()
    with pytest.raises(DataLoss, match=missing) as loss:
        await read_blob(blobs, missing)
    assert {"digest": missing} == loss.value.metadata
