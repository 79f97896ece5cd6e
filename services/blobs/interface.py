"""Content-addressed files: scoring models, bases, snapshot manifests, assets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Blobs(Protocol):
    """A store of immutable byte strings, each named by the hexadecimal SHA-256 of its content."""

    async def put(self, content: bytes) -> str:
        """Store the content durably and return its digest; storing it twice changes nothing."""

    async def get(self, digest: str) -> bytes:
        """The content of that digest, verified.

        Raises errors.NotFound when there is none, errors.DataLoss when it does not match.
        """

    async def list_before(self, moment: datetime, *, after: str, limit: int) -> Sequence[str]:
        """Up to `limit` digests greater than `after`, sorted, that nobody put since that moment.

        `moment` has a time zone.
        """

    async def delete_before(self, digest: str, moment: datetime) -> bool:
        """Remove the content of that digest unless somebody put it since; whether it is gone.

        In a folder, a put at the same time finds its content there, whichever comes first. Object
        stores cannot promise that: there it may be lost, if it comes between a look and a deletion.
        """

    async def delete(self, digest: str) -> None:
        """Remove the content of that digest; removing what is not there changes nothing."""
