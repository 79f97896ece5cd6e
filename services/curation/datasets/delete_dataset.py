"""Deleting a dataset with its frames, rounds, batches, views and golden sets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from services.curation.context import Curation
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.points import tenant_of
from services.curation.named_files import read_files
from services.curation.records import dataset_frames_key
from services.curation.resource_deletion import (
    DATASET,
    DeletionStart,
    ResourceTombstone,
    count_keys,
    delete_keys,
    tombstone_key,
)
from services.ledger.interface import Ledger, Transaction
from services.peers.datasets import Dataset, DatasetReader
from services.records.project_marks import MARK
from services.records.records import prefix
from services.records.tombstones import DeletionCounts
from services.vectors.interface import Kind
from sluice.errors import NotFound
from sluice.names import DatasetName

KEY_PREFIXES: Final = (
    "frame",
    "frame-document",
    "frame-at",
    "frame-label",
    "group",
    "view",
    "search",
    "round",
    "prediction",
    "batch",
    "batch-plan",
    "pick",
    "golden-set",
    "golden-newest",
    "golden-check",
    "recorded-round",
)
"""First segments of the keys of everything that a dataset has, apart from its counters."""


@dataclass(frozen=True, slots=True)
class DatasetDeletion:
    """`ResourceDeletion` of a dataset."""

    name: DatasetName

    @property
    def dataset(self) -> DatasetName:
        """See `ResourceDeletion.dataset`."""
        return self.name

    @property
    def tombstone(self) -> str:
        """See `ResourceDeletion.tombstone`."""
        return tombstone_key(DATASET, self.name.dataset, self.name.dataset)

    async def read_start(self, curation: Curation) -> DeletionStart:
        """See `ResourceDeletion.read_start`; FailedPrecondition naming issues of the dataset."""
        await curation.others.removals.remove(self.name, validate_only=True)
        stored = await read_dataset_frames(curation.stores, self.name)
        ledger, project = curation.stores.ledger, self.name.project
        counts = DeletionCounts(
            frames=stored.record.remaining,
            predictions=await count_keys(ledger, project, self._below("prediction")),
            picks=await count_keys(ledger, project, self._below("pick")),
            checks=await count_keys(ledger, project, self._below("golden-check")),
            rounds=await count_keys(ledger, project, self._below("round")),
            batches=await count_keys(ledger, project, self._below("batch")),
            golden_sets=await count_keys(ledger, project, self._below("golden-set")),
        )
        key = dataset_frames_key(self.name.dataset)
        files = tuple(await read_files(ledger, project, self.name.dataset))
        return DeletionStart({key: stored.revision}, [key], counts, files)

    async def remove(self, curation: Curation, tombstone: ResourceTombstone) -> None:
        """See `ResourceDeletion.remove`."""
        moment, stores, project = datetime.now(UTC), curation.stores, self.name.project
        await curation.others.removals.remove(self.name, validate_only=False)
        files = {*tombstone.files, *await read_files(stores.ledger, project, self.name.dataset)}
        for parent in KEY_PREFIXES:
            await delete_keys(stores.ledger, project, self._below(parent))
        # An append that was under way may have put it again.
        deletes = [dataset_frames_key(self.name.dataset)]
        await stores.ledger.commit(Transaction(project, deletes=deletes))
        for collection in await stores.vectors.collections(project):
            if collection.kind is Kind.FRAMES:
                await stores.vectors.delete_tenant(collection, tenant_of(self.name))
        named: set[str] = set()
        for other in await curation.others.projects.list():
            named |= await read_files(stores.ledger, other)
        for digest in files - named:
            await stores.blobs.delete_before(digest, moment)

    def _below(self, parent: str) -> str:
        return prefix(parent, self.name.dataset)


@dataclass(frozen=True, slots=True)
class ExistingDatasets:
    """`DatasetReader` that finds no dataset that is deleted, alone or with its project."""

    ledger: Ledger
    datasets: DatasetReader

    async def get(self, name: DatasetName) -> Dataset:
        """See `DatasetReader.get`."""
        if await self.ledger.get(name.project, [DatasetDeletion(name).tombstone, MARK]):
            raise NotFound.of(name, "does not exist: it was deleted")
        return await self.datasets.get(name)

    async def check(self) -> None:
        """See `DatasetReader.check`."""
        await self.datasets.check()
