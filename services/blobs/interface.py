"""Content-addressed files: scoring models, bases, snapshot manifests, assets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Blobs(Protocol):
    """A store of immutable byte strings, each named by the hexadecimal SHA-256 of its content."""

    async def put(self, content: bytes) -> str:
        """Store the content durably and return its digest; repeating it has no effect."""

    async def get(self, digest: str) -> bytes:
        """The verified content of that digest.

        Raises errors.NotFound when it does not exist, errors.DataLoss when it is damaged.
        """

    async def list_before(self, moment: datetime, *, after: str, limit: int) -> Sequence[str]:
        """Up to `limit` digests greater than `after`, last put before the moment, sorted.

        `moment` has a time zone.
        """

    async def delete_before(self, digest: str, moment: datetime) -> bool:
        """Delete a blob unless it was put since the moment; returns whether it is gone.

        In a folder, the content of a concurrent put is never lost. An object store cannot
        guarantee that: a put between the check of the time and the deletion may be lost.
        """

    async def delete(self, digest: str) -> None:
        """Delete a blob; a missing one is ignored."""
