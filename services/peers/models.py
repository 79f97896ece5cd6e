"""Scoring models and bases by digest, and scorers built from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from services.blobs.interface import Blobs
from services.peers.active import Version
from services.peers.cache import Cache, SizedItem
from services.records.blobs import read_blob
from sluice.scoring import Basis, Scorer, ScoringModel

BYTES_MAX: Final = 512 * 2**20
"""Default memory for cached models, bases and scorers."""

_File = TypeVar("_File")


class Models:
    """Reads models and bases from the blob store, verified, and caches the last used ones.

    Files are parsed and scorers built in threads. Every method raises errors.DataLoss naming the
    digest of a damaged or missing file: a version references it, so it must exist.
    """

    def __init__(self, blobs: Blobs, *, bytes_max: int = BYTES_MAX) -> None:
        self._blobs = blobs
        self._cache = Cache(bytes_max)

    async def scorer(self, versions: Sequence[Version]) -> Scorer:
        """A scorer for versions of one space, with a column for each, in their order."""
        digests = tuple(version.model_digest for version in versions)
        return await self._cache.get(("scorer", digests), lambda: self._build(versions))

    async def model(self, digest: str) -> ScoringModel:
        """The scoring model of that digest."""
        return await self._cache.get(
            ("model", digest), lambda: self._load(digest, ScoringModel.from_bytes)
        )

    async def basis(self, digest: str) -> Basis:
        """The basis of that digest."""
        return await self._cache.get(
            ("basis", digest), lambda: self._load(digest, Basis.from_bytes)
        )

    async def _build(self, versions: Sequence[Version]) -> SizedItem[Scorer]:
        digests = sorted({version.basis_digest for version in versions} - {""})
        bases = await asyncio.gather(*map(self.basis, digests))
        models = await asyncio.gather(*(self.model(version.model_digest) for version in versions))
        scorer = await asyncio.to_thread(Scorer, models, dict(zip(digests, bases, strict=True)))
        return SizedItem(scorer, scorer.nbytes)

    async def _load(self, digest: str, read: Callable[[bytes], _File]) -> SizedItem[_File]:
        data = await read_blob(self._blobs, digest)
        return SizedItem(await asyncio.to_thread(read, data), len(data))
