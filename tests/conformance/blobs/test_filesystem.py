"""Blobs on an fsspec file system that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.blobs.filesystem import FilesystemBlobs
from sluice.errors import Unavailable


async def test_a_file_system_that_fails_is_unavailable(tmp_path: Path) -> None:
    """Whatever its error is, the caller hears which blob, and that it may try again."""
    (tmp_path / "file").touch()
    blobs = FilesystemBlobs(f"local://{tmp_path}/file")
    with pytest.raises(Unavailable, match=r"blob [0-9a-f]{64}: the file system failed: ") as failed:
        await blobs.put(b"content")
    assert failed.value.retry_after_s
