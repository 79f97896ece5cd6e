"""Content-addressed files: scoring models, bases, snapshot manifests, assets."""

from __future__ import annotations

from typing import Protocol


class Blobs(Protocol):
    """A store of immutable byte strings, each named by the hexadecimal SHA-256 of its content."""

    async def put(self, content: bytes) -> str:
        """Store the content durably and return its digest; storing it twice changes nothing."""

    async def get(self, digest: str) -> bytes:
        """The content of that digest, verified.

        Raises errors.NotFound when there is none, errors.DataLoss when it does not match.
        """

    async def delete(self, digest: str) -> None:
        """Remove the content of that digest; removing what is not there changes nothing."""
