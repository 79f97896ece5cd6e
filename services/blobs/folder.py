"""The embedded blob store: one file per blob in a folder, `ab/abcdef…`, named by its digest."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

from services.blobs.checks import check_digest, verify_content
from sluice.errors import NotFound, ResourceExhausted, Unavailable

LEFTOVER_AFTER_S: Final = 3_600
"""Age from which a temporary file is the leftover of an interrupted `put`."""

_LOCK = "lock"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_RETRY_AFTER_S = 5.0

_Result = TypeVar("_Result")


class FolderBlobs:
    """`Blobs` in a folder; several processes may use one folder at the same time.

    Every method raises errors.InvalidArgument for a malformed digest, errors.ResourceExhausted
    when the disk is full, and errors.Unavailable for other errors of the file system.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / "tmp"
        self._unfinished.mkdir(parents=True, exist_ok=True)
        # All created at once, so that a put has to sync only its own folder.
        for first_byte in range(256):
            (root / f"{first_byte:02x}").mkdir(exist_ok=True)
        _sync_folder(root)
        self._remove_leftovers()

    async def put(self, content: bytes) -> str:
        """Store the content durably and return its digest; repeating it has no effect."""
        digest = sha256(content).hexdigest()
        await _run_in_thread(digest, lambda: self._put(digest, content))
        return digest

    async def get(self, digest: str) -> bytes:
        """The verified content of that digest.

        Raises errors.NotFound when it does not exist, errors.DataLoss when it is damaged.
        """
        path = self._path(digest)
        return await _run_in_thread(digest, lambda: _read_verified(path, digest))

    async def list_before(self, moment: datetime, *, after: str, limit: int) -> Sequence[str]:
        """Up to `limit` digests greater than `after`, last put before the moment, sorted."""
        return await _run_in_thread(
            f"after {after!r}", lambda: self._list_before(moment.timestamp(), after, limit)
        )

    async def delete_before(self, digest: str, moment: datetime) -> bool:
        """Delete a blob unless it was put since the moment; returns whether it is gone."""
        path = self._path(digest)
        return await _run_in_thread(digest, lambda: self._delete_before(path, moment.timestamp()))

    async def delete(self, digest: str) -> None:
        """Delete a blob; a missing one is ignored."""
        path = self._path(digest)
        await _run_in_thread(digest, lambda: _remove(path))

    def _path(self, digest: str) -> Path:
        check_digest(digest)
        return self._root / digest[:2] / digest

    def _put(self, digest: str, content: bytes) -> None:
        # Written also when the file exists already, since it may be damaged or not yet durable.
        path = self._path(digest)
        unfinished = self._unfinished / uuid4().hex
        try:
            with unfinished.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            with self._locked(fcntl.LOCK_SH):
                unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        _sync_folder(path.parent)

    def _list_before(self, moment_s: float, after: str, limit: int) -> list[str]:
        listed: list[str] = []
        for first_byte in range(int(after[:2] or "0", 16), 256):
            for path in sorted((self._root / f"{first_byte:02x}").iterdir()):
                if path.name > after and _modified_s(path) < moment_s:
                    listed.append(path.name)
                    if len(listed) == limit:
                        return listed
        return listed

    def _delete_before(self, path: Path, moment_s: float) -> bool:
        # No put may replace the file between the check of its time and its deletion.
        with self._locked(fcntl.LOCK_EX):
            if path.exists() and _modified_s(path) >= moment_s:
                return False
            _remove(path)
        return True

    @contextmanager
    def _locked(self, operation: int) -> Iterator[None]:
        handle = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, operation)
            yield
        finally:
            os.close(handle)

    def _remove_leftovers(self) -> None:
        oldest = time.time() - LEFTOVER_AFTER_S
        for unfinished in self._unfinished.iterdir():
            with suppress(FileNotFoundError):  # a put of another process has just ended
                if unfinished.stat().st_mtime < oldest:
                    unfinished.unlink()


async def _run_in_thread(digest: str, job: Callable[[], _Result]) -> _Result:
    try:
        return await asyncio.to_thread(job)
    except OSError as cause:
        if cause.errno in _FULL:
            raise ResourceExhausted(f"blob {digest}: the disk is full: {cause}") from cause
        message = f"blob {digest}: the file system failed: {cause}"
        raise Unavailable(message, retry_after_s=_RETRY_AFTER_S) from cause


def _read_verified(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as cause:
        raise NotFound(f"blob {digest} does not exist") from cause
    return verify_content(digest, content)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except FileNotFoundError:
        return
    _sync_folder(path.parent)


def _modified_s(path: Path) -> float:
    """The time of the last put of the file; infinity once it is deleted."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
