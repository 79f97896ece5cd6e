"""Blobs on whatever fsspec reaches: `s3://bucket/path`, `gs://…`, `abfs://…`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Final, TypeVar
from uuid import uuid4

import fsspec

from services.blobs.checks import check_digest, verify_content
from sluice.errors import FailedPrecondition, NotFound, Unavailable

_RETRY_AFTER_S: Final = 5.0

_Result = TypeVar("_Result")


class FilesystemBlobs:
    """`Blobs` below an fsspec URL, one file each, `ab/abcdef…`; several processes may share it.

    A file is written under a temporary name in `unfinished` and then renamed, so that no reader
    sees a part of it on any file system; files of interrupted writers stay there.
    """

    def __init__(self, url: str) -> None:
        """Raise errors.FailedPrecondition for a URL that the installed fsspec does not support."""
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as cause:
            raise FailedPrecondition(f"blobs: unsupported URL {url!r}: {cause}") from cause

    async def put(self, content: bytes) -> str:
        """Store the content durably and return its digest; repeating it has no effect."""
        digest = sha256(content).hexdigest()
        await self._run_on_path(digest, lambda path: self._put(path, content))
        return digest

    async def get(self, digest: str) -> bytes:
        """The verified content of that digest.

        Raises errors.NotFound when it does not exist, errors.DataLoss when it is damaged.
        """
        return verify_content(digest, await self._run_on_path(digest, self._files.cat_file))

    async def list_before(self, moment: datetime, *, after: str, limit: int) -> Sequence[str]:
        """Up to `limit` digests greater than `after`, last put before the moment, sorted."""
        listed: list[str] = []
        self._files.invalidate_cache()
        for first_byte in range(int(after[:2] or "0", 16), 256):
            folder = f"{self._root}/{first_byte:02x}"
            digests = await self._run_in_thread(folder, partial(self._list_folder, folder))
            for digest in digests:
                with suppress(NotFound):  # deleted since
                    if digest > after and await self._is_before(digest, moment):
                        listed.append(digest)
                if len(listed) == limit:
                    return listed
        return listed

    async def delete_before(self, digest: str, moment: datetime) -> bool:
        """Delete a blob unless it was put since the moment; returns whether it is gone."""
        try:
            if not await self._is_before(digest, moment):
                return False
        except NotFound:
            return True
        await self.delete(digest)
        return True

    async def delete(self, digest: str) -> None:
        """Delete a blob; a missing one is ignored."""
        try:
            await self._run_on_path(digest, self._files.rm_file)
        except NotFound:
            return

    def _list_folder(self, folder: str) -> list[str]:
        try:
            paths = self._files.ls(folder, detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rpartition("/")[2] for path in paths)

    async def _is_before(self, digest: str, moment: datetime) -> bool:
        modified: datetime = await self._run_on_path(digest, self._files.modified)
        # Some implementations omit the time zone, which is UTC then.
        return (modified if modified.tzinfo else modified.replace(tzinfo=UTC)) < moment

    def _put(self, path: str, content: bytes) -> None:
        unfinished = f"{self._root}/unfinished/{uuid4().hex}"
        for file in (unfinished, path):
            self._files.makedirs(file.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(unfinished, content)
        self._files.mv(unfinished, path)

    async def _run_on_path(self, digest: str, job: Callable[[str], _Result]) -> _Result:
        check_digest(digest)
        path = f"{self._root}/{digest[:2]}/{digest}"
        return await self._run_in_thread(digest, lambda: job(path))

    async def _run_in_thread(self, digest: str, job: Callable[[], _Result]) -> _Result:
        try:
            return await asyncio.to_thread(job)
        except FileNotFoundError as cause:
            raise NotFound(f"blob {digest} does not exist") from cause
        except Exception as cause:  # fsspec's implementations share no base class of errors
            message = f"blob {digest}: the file system failed: {cause}"
            raise Unavailable(message, retry_after_s=_RETRY_AFTER_S) from cause
