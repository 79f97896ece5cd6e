"""Which store a setting names, and what a file system that fails is told as."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.blobs.filesystem import FilesystemBlobs
from services.blobs.folder import FolderBlobs
from services.blobs.opening import open_blobs
from sluice.errors import FailedPrecondition, Unavailable


def test_a_path_is_a_folder_and_a_url_is_a_file_system(tmp_path: Path) -> None:
    """A folder is flushed to the disk, also when it is written as a URL."""
    kinds = [type(open_blobs(place)) for place in (str(tmp_path), f"file://{tmp_path}")]
    assert [FolderBlobs, FolderBlobs, FilesystemBlobs] == [*kinds, type(open_blobs("memory://b"))]


@pytest.mark.parametrize("url", ["nothing://bucket", "ftp+nothing://x"])
def test_a_url_that_nobody_reads_is_named(url: str) -> None:
    """A protocol that is not known, or not installed, is told at the start."""
    with pytest.raises(FailedPrecondition, match=f"blobs: .*{url.partition(':')[0][:3]}"):
        open_blobs(url)


async def test_a_file_system_that_fails_is_unavailable(tmp_path: Path) -> None:
    """Whatever its error is, the caller hears which blob, and that it may try again."""
    (tmp_path / "file").touch()
    blobs = FilesystemBlobs(f"local://{tmp_path}/file")
    with pytest.raises(Unavailable, match=r"blob [0-9a-f]{64}: the file system failed: ") as failed:
        await blobs.put(b"content")
    assert failed.value.retry_after_s
