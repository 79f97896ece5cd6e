"""Deleting a batch: its picks, its plans and its view; frames keep their status and tags."""

from __future__ import annotations

from dataclasses import dataclass

from services.curation.batches.create import view_name
from services.curation.batches.records import (
    Batch,
    batch_key,
    dataset_of,
    pick_prefix,
    plans_prefix,
)
from services.curation.context import Curation
from services.curation.datasets.views import view_key
from services.curation.resource_deletion import (
    BATCH,
    DeletionStart,
    ResourceTombstone,
    count_keys,
    delete_keys,
    tombstone_key,
)
from services.records.documents import read_record
from services.records.tombstones import DeletionCounts
from sluice.names import BatchName, DatasetName


@dataclass(frozen=True, slots=True)
class BatchDeletion:
    """`ResourceDeletion` of a batch."""

    name: BatchName

    @property
    def dataset(self) -> DatasetName:
        """See `ResourceDeletion.dataset`."""
        return dataset_of(self.name)

    @property
    def tombstone(self) -> str:
        """See `ResourceDeletion.tombstone`."""
        return tombstone_key(BATCH, self.name.dataset, self.name.batch)

    async def read_start(self, curation: Curation) -> DeletionStart:
        """See `ResourceDeletion.read_start`."""
        ledger, key = curation.stores.ledger, batch_key(self.name)
        stored = await read_record(ledger, self.name.project, key, Batch, self.name)
        picks = await count_keys(ledger, self.name.project, pick_prefix(self.name))
        deletes = [key, view_key(view_name(self.name))]
        return DeletionStart({key: stored.revision}, deletes, DeletionCounts(picks=picks))

    async def remove(self, curation: Curation, tombstone: ResourceTombstone) -> None:
        """See `ResourceDeletion.remove`."""
        for below in (pick_prefix(self.name), plans_prefix(self.name)):
            await delete_keys(curation.stores.ledger, self.name.project, below)
