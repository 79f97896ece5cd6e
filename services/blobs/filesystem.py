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

from services.blobs.checks import check_digest, verified
from sluice.errors import FailedPrecondition, NotFound, Unavailable

_RETRY_AFTER_S: Final = 5.0

_Result = TypeVar("_Result")


class FilesystemBlobs:
    """`Blobs` below an fsspec URL, one file each, `ab/abcdef…`; any number of processes share it.

    A file is written under another name and then renamed, so that nobody finds half of it, whatever
    the file system; one whose writer died stays in `unfinished`.
    """

    def __init__(self, url: str) -> None:
        """Raises errors.FailedPrecondition for a URL that fsspec, as installed, cannot reach."""
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as cause:
            raise FailedPrecondition(f"blobs: {url!r} cannot be used: {cause}") from cause

    async def put(self, content: bytes) -> str:
        """Store the content durably and return its digest; storing it twice changes nothing."""
        digest = sha256(content).hexdigest()
        await self._in_thread(digest, lambda path: self._put(path, content))
        return digest

    async def get(self, digest: str) -> bytes:
        """The content of that digest, verified.

        Raises errors.NotFound when there is none, errors.DataLoss when it does not match.
        """
        return verified(digest, await self._in_thread(digest, self._files.cat_file))

    async def list_before(self, moment: datetime, *, after: str, limit: int) -> Sequence[str]:
        """Up to `limit` digests greater than `after`, sorted, that nobody put since that moment."""
        found: list[str] = []
        self._files.invalidate_cache()
        for first_byte in range(int(after[:2] or "0", 16), 256):
            folder = f"{self._root}/{first_byte:02x}"
            digests = await self._translated(folder, partial(self._listed, folder))
            for digest in digests:
                with suppress(NotFound):  # deleted meanwhile
                    if digest > after and await self._is_before(digest, moment):
                        found.append(digest)
                if len(found) == limit:
                    return found
        return found

    async def delete_before(self, digest: str, moment: datetime) -> bool:
        """Remove the content of that digest unless somebody put it since; whether it is gone."""
        try:
            if not await self._is_before(digest, moment):
                return False
        except NotFound:
            return True
        await self.delete(digest)
        return True

    async def delete(self, digest: str) -> None:
        """Remove the content of that digest; removing what is not there changes nothing."""
        try:
            await self._in_thread(digest, self._files.rm_file)
        except NotFound:
            return

    def _listed(self, folder: str) -> list[str]:
        try:
            paths = self._files.ls(folder, detail=False)
        except FileNotFoundError:
            return []
        return sorted(path.rpartition("/")[2] for path in paths)

    async def _is_before(self, digest: str, moment: datetime) -> bool:
        modified: datetime = await self._in_thread(digest, self._files.modified)
        # Some implementations leave the time zone out, which is UTC then.
        return (modified if modified.tzinfo else modified.replace(tzinfo=UTC)) < moment

    def _put(self, path: str, content: bytes) -> None:
        unfinished = f"{self._root}/unfinished/{uuid4().hex}"
        for file in (unfinished, path):
            self._files.makedirs(file.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(unfinished, content)
        self._files.mv(unfinished, path)

    async def _in_thread(self, digest: str, job: Callable[[str], _Result]) -> _Result:
        check_digest(digest)
        path = f"{self._root}/{digest[:2]}/{digest}"
        return await self._translated(digest, lambda: job(path))

    async def _translated(self, digest: str, job: Callable[[], _Result]) -> _Result:
        try:
            return await asyncio.to_thread(job)
        except FileNotFoundError as cause:
            raise NotFound(f"blob {digest}: there is none") from cause
        except Exception as cause:  # fsspec's implementations have no base of their own
            message = f"blob {digest}: the file system failed: {cause}"
            raise Unavailable(message, retry_after_s=_RETRY_AFTER_S) from cause
