"""Blobs in a folder: after crashes, on a full disk, and with concurrent deletions."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from services.blobs.folder import LEFTOVER_AFTER_S, FolderBlobs
from sluice.errors import NotFound, ResourceExhausted, Unavailable

WRITER = """
import asyncio, os, sys
from pathlib import Path
from services.blobs.folder import FolderBlobs

async def main():
    blobs = FolderBlobs(Path(sys.argv[1]))
    while True:
        print(await blobs.put(os.urandom(300_000)), flush=True)

asyncio.run(main())
"""


def files(root: Path, pattern: str = "**/*") -> list[Path]:
    """The files under the folder that match the pattern."""
    return [path for path in root.glob(pattern) if path.is_file()]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """A disk that is full for every file beyond that size in bytes, by the kernel's own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("acknowledged", [1, 4, 9])
async def test_a_killed_writer_leaves_whole_blobs_only(tmp_path: Path, acknowledged: int) -> None:
    """After kill -9 all acknowledged blobs are there, and every file with a blob's name is one."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    digests = [(await writer.stdout.readline()).decode().strip() for _ in range(acknowledged)]
    writer.kill()
    await writer.wait()

    blobs = FolderBlobs(tmp_path)
    for digest in digests:
        assert 300_000 == len(await blobs.get(digest))
    for path in files(tmp_path, "??/*"):
        assert path.name == sha256(path.read_bytes()).hexdigest()


async def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    """A put that does not fit is ResourceExhausted, leaves no file, and passes once it fits."""
    blobs = FolderBlobs(tmp_path)
    content = bytes(100_000)
    with file_size_limit(50_000), pytest.raises(ResourceExhausted, match="disk is full"):
        await blobs.put(content)

    assert [] == files(tmp_path)
    assert content == await blobs.get(await blobs.put(content))


async def test_a_file_system_that_fails_is_unavailable(tmp_path: Path) -> None:
    """A failure that is not ours is Unavailable, with its cause and a time to try again."""
    blobs = FolderBlobs(tmp_path)
    digest = sha256(b"a folder in its place").hexdigest()
    (tmp_path / digest[:2] / digest).mkdir()

    with pytest.raises(Unavailable, match=digest) as caught:
        await blobs.get(digest)
    assert isinstance(caught.value.__cause__, IsADirectoryError)
    assert caught.value.retry_after_s is not None


async def test_leftovers_of_interrupted_puts_are_removed(tmp_path: Path) -> None:
    """A temporary file is never a blob; opening removes old ones and spares one under way."""
    FolderBlobs(tmp_path)
    content = b"half a mod"
    digest = sha256(content).hexdigest()
    old, under_way = tmp_path / "tmp" / digest, tmp_path / "tmp" / "under way"
    for path in (old, under_way):
        path.write_bytes(content)
    born = under_way.stat().st_mtime - LEFTOVER_AFTER_S - 1
    os.utime(old, (born, born))

    with pytest.raises(NotFound):
        await FolderBlobs(tmp_path).get(digest)
    assert [under_way] == list((tmp_path / "tmp").iterdir())


async def test_a_put_is_not_lost_to_a_deletion(tmp_path: Path) -> None:
    """Of puts and deletions of one blob at once, whatever the order, what was put last is there."""
    blobs = FolderBlobs(tmp_path)
    for _ in range(10):
        digest = await blobs.put(b"content")
        # File systems keep times some milliseconds coarser than clocks do.
        await asyncio.sleep(0.04)
        moment = datetime.now(UTC) - timedelta(milliseconds=20)
        await asyncio.gather(
            *(blobs.delete_before(digest, moment) for _ in range(3)), blobs.put(b"content")
        )
        assert b"content" == await blobs.get(digest)
