"""Real stores with one dataset, without the other services, for tests of datasets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import numpy as np

from services.blobs.folder import FolderBlobs
from services.curation.context import Curation
from services.curation.datasets import points
from services.curation.datasets.append import AppendResult, append_frames
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.frames import (
    read_summaries,
)
from services.curation.datasets.new_frames import AppendRequest, FrameToAppend
from services.ledger.sqlite.ledger import SqliteLedger
from services.peers.active import ActiveVersions
from services.peers.curation_peers import CurationPeers
from services.peers.datasets import Dataset
from services.peers.issues import IssueElements
from services.peers.models import Models
from services.records.idempotency import IdempotentRequest
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from services.vectors.edge.vectors import EdgeVectors
from sluice.errors import NotFound, SluiceError
from sluice.frames import Frame
from sluice.labels import Label, TaskType
from sluice.names import DatasetName, ProjectName
from sluice.tensors import Embeddings

NAME = DatasetName("p", "d")
DIMENSION = 8

ONCE = IdempotentRequest.of("Test", "", b"")
"""A request without an id."""


class OneDataset:
    """`Datasets` with `NAME` alone: boxes around cars and trams."""

    async def get(self, name: DatasetName) -> Dataset:
        """See `Datasets.get`."""
        if name != NAME:
            raise NotFound(f"{name} does not exist")
        return Dataset(name, TaskType.BOX_2D, frozenset({"car", "tram"}))

    async def check(self) -> None:
        """It is always there."""


class OneProjectList:
    """`ProjectList` of the project of `NAME`."""

    async def list(self) -> list[str]:
        """See `ProjectList.list`."""
        return [NAME.project]


class FakeRemovals:
    """`DatasetRemovals` that a test lets fail once."""

    def __init__(self) -> None:
        self.error: SluiceError | None = None
        self.removed: list[DatasetName] = []

    async def remove(self, name: DatasetName, *, validate_only: bool) -> None:
        """See `DatasetRemovals.remove`."""
        if name != NAME:
            raise NotFound(f"{name} does not exist")
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if not validate_only:
            self.removed.append(name)


class FakePurges:
    """`FramePurges` of services without a copy; an error that a test sets is raised once."""

    def __init__(self) -> None:
        self.error: SluiceError | None = None
        self.purged: list[str] = []

    async def purge_ingest(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """See `FramePurges.purge_ingest`."""
        return DeletionCounts(samples=len(frame_ids))

    async def purge_campaign(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """See `FramePurges.purge_campaign`."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if not validate_only:
            self.purged += frame_ids
        return DeletionCounts(elements=len(frame_ids))


@dataclass(frozen=True, slots=True)
class DatasetHarness:
    """The stores, and shorter ways to do what many tests do first."""

    curation: Curation

    def with_stores(self, **stores: Any) -> DatasetHarness:
        """The same harness with some of its stores replaced."""
        changed = replace(self.curation.stores, **stores)
        return DatasetHarness(replace(self.curation, stores=changed))

    async def append(self, *frames: str | FrameToAppend, seed: int = 0) -> AppendResult:
        """Append frames with embeddings that follow from their ids."""
        new_frames = [new if isinstance(new, FrameToAppend) else frame(new) for new in frames]
        rows = np.stack([vector(new.frame.id, seed) for new in new_frames])
        return await append_frames(
            self.curation, NAME, AppendRequest(new_frames, Embeddings.of_frames("m", rows))
        )


@asynccontextmanager
async def open_harness(path: Path) -> AsyncIterator[DatasetHarness]:
    """A harness with new stores in that folder."""
    ledger = await SqliteLedger.open(path / "ledger.sqlite")
    vectors = await EdgeVectors.open(path / "vectors")
    blobs = FolderBlobs(path / "blobs")
    # Nothing that is tested here asks the other services.
    others = CurationPeers(
        OneDataset(),
        cast(IssueElements, None),
        cast(Any, None),
        FakePurges(),
        OneProjectList(),
        FakeRemovals(),
    )
    stores = Stores(ledger, vectors, blobs)
    yield DatasetHarness(Curation(stores, others, cast(ActiveVersions, None), Models(blobs)))
    await vectors.close()
    await ledger.close()


def frame(id: str, *labels: Label, group: str = "", slice_: str = "") -> FrameToAppend:
    """A frame to append."""
    return FrameToAppend(Frame(id=id, labels=labels), group, slice_)


def vector(text: str, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A vector that goes with that text."""
    drawn = np.random.default_rng([seed, *text.encode()]).normal(size=DIMENSION)
    return drawn.astype(np.float32)


async def stored_points(harness: DatasetHarness) -> set[UUID]:
    """The points of the dataset that the vector store has."""
    stores = harness.curation.stores
    space = (await read_dataset_frames(stores, NAME)).record
    collection = points.frames_collection(NAME.project, space.model_id, space.dimension)
    return set((await stores.vectors.read(collection, points.tenant_of(NAME))).ids)


async def named_points(harness: DatasetHarness, *frame_ids: str) -> set[UUID]:
    """The points that the rows of frames name."""
    summaries = await read_summaries(harness.curation.stores.ledger, NAME, frame_ids)
    return {UUID(bytes=v.point) for new in summaries.values() for v in new.row.vectors}
