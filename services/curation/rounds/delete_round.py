"""Deleting a round: its predictions, and the failures that frames have from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.curation.context import Curation
from services.curation.records import FrameRow, frame_key, frame_prefix
from services.curation.resource_deletion import (
    ROUND,
    DeletionStart,
    ResourceTombstone,
    count_keys,
    delete_keys,
    tombstone_key,
)
from services.curation.rounds.mining import with_failures
from services.curation.rounds.rounds import dataset_of, read_round, round_key
from services.ledger.interface import Transaction
from services.records.documents import retry
from services.records.records import decode, encode, prefix
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.names import DatasetName, RoundName


@dataclass(frozen=True, slots=True)
class RoundDeletion:
    """`ResourceDeletion` of a round. Recorded rounds that were measured from it stay."""

    name: RoundName

    @property
    def dataset(self) -> DatasetName:
        """See `ResourceDeletion.dataset`."""
        return dataset_of(self.name)

    @property
    def tombstone(self) -> str:
        """See `ResourceDeletion.tombstone`."""
        return tombstone_key(ROUND, self.name.dataset, self.name.round)

    @property
    def _predictions(self) -> str:
        return prefix("prediction", self.name.dataset, self.name.round)

    async def read_start(self, curation: Curation) -> DeletionStart:
        """See `ResourceDeletion.read_start`."""
        stored = await read_round(curation, self.name)
        ledger = curation.stores.ledger
        predictions = await count_keys(ledger, self.name.project, self._predictions)
        key = round_key(self.name)
        counts = DeletionCounts(predictions=predictions)
        return DeletionStart({key: stored.revision}, [key], counts)

    async def remove(self, curation: Curation, tombstone: ResourceTombstone) -> None:
        """See `ResourceDeletion.remove`."""
        ledger, project = curation.stores.ledger, self.name.project
        await delete_keys(ledger, project, self._predictions)
        async for page in scan_pages(ledger, project, frame_prefix(self.name.dataset)):
            rows = [decode(FrameRow, entry) for entry in page]
            failing = [row.id for row in rows if self.name.round in row.failures]
            if failing:
                await retry(lambda ids=failing: self._clear(curation, ids), self.name)  # type: ignore[misc]

    async def _clear(self, curation: Curation, frame_ids: Sequence[str]) -> None:
        """Remove the failures and the tag of the round from frames."""
        ledger, project = curation.stores.ledger, self.name.project
        keys = [frame_key(self.name.dataset, frame_id) for frame_id in frame_ids]
        entries = await ledger.get(project, keys)
        puts = {
            key: encode(with_failures(decode(FrameRow, entry), self.name.round, ()))
            for key, entry in entries.items()
        }
        checks = {key: entry.revision for key, entry in entries.items()}
        await ledger.commit(Transaction(project, checks, puts))
