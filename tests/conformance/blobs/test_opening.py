"""Which blob store a setting opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.blobs.filesystem import FilesystemBlobs
from services.blobs.folder import FolderBlobs
from services.blobs.opening import open_blobs
from sluice.errors import FailedPrecondition


def test_a_path_is_a_folder_and_a_url_is_a_file_system(tmp_path: Path) -> None:
    """A folder is flushed to the disk, also when it is written as a URL."""
    kinds = [type(open_blobs(place)) for place in (str(tmp_path), f"file://{tmp_path}")]
    assert [FolderBlobs, FolderBlobs, FilesystemBlobs] == [*kinds, type(open_blobs("memory://b"))]


@pytest.mark.parametrize("url", ["nothing://bucket", "ftp+nothing://x"])
def test_a_url_that_nobody_reads_is_named(url: str) -> None:
    """An unknown or not installed protocol is rejected at the start, and named."""
    with pytest.raises(FailedPrecondition, match=f"blobs: .*{url.partition(':')[0][:3]}"):
        open_blobs(url)
