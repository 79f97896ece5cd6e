"""Deleting a dataset, round, batch or golden set: its id stays as a tombstone.

`deleted/{kind}/{dataset}/{id}` is put in the transaction that deletes the record; everything else
is removed afterwards, by steps that can be repeated. An interrupted deletion is completed by the
same request, or by the doctor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from msgspec import structs

from services.curation.context import Curation
from services.curation.records import CounterRepair, counter_repair_key
from services.ledger.interface import Ledger, Transaction
from services.records.documents import find_record, retry
from services.records.records import Record, encode, key, now_us
from services.records.scanning import scan_pages
from services.records.tombstones import DeletionCounts
from sluice.errors import AlreadyExists
from sluice.names import DatasetName

DATASET: Final = "dataset"
ROUND: Final = "round"
BATCH: Final = "batch"
GOLDEN_SET: Final = "golden-set"


class ResourceTombstone(Record, frozen=True, kw_only=True):
    """A deleted resource; `files` are the blobs that it named, deleted once `done`."""

    deleted_us: int
    counts: DeletionCounts = DeletionCounts()
    files: tuple[str, ...] = ()
    done: bool = False


@dataclass(frozen=True, slots=True)
class DeletionStart:
    """The first transaction of a deletion, and what the deletion removes."""

    checks: Mapping[str, int]
    deletes: Sequence[str]
    counts: DeletionCounts
    files: tuple[str, ...] = field(default=())


class ResourceDeletion(Protocol):
    """How a kind of resource is deleted."""

    @property
    def dataset(self) -> DatasetName:
        """The dataset of the resource."""

    @property
    def tombstone(self) -> str:
        """Key of its tombstone."""

    async def read_start(self, curation: Curation) -> DeletionStart:
        """The first step; raises NotFound naming a resource that does not exist."""

    async def remove(self, curation: Curation, tombstone: ResourceTombstone) -> None:
        """Remove everything that is left after the first step; can be repeated."""


def tombstone_key(kind: str, dataset: str, id: str) -> str:
    """Key of the tombstone of a resource."""
    return key("deleted", kind, dataset, id)


async def delete_resource(
    curation: Curation, deletion: ResourceDeletion, *, validate_only: bool
) -> DeletionCounts:
    """Delete a resource; the answer is the same when it is called again.

    Raises NotFound naming a resource that never existed.
    """
    ledger, project = curation.stores.ledger, deletion.dataset.project

    async def attempt() -> ResourceTombstone:
        stored = await find_record(ledger, project, deletion.tombstone, ResourceTombstone)
        if stored is not None:
            return stored.record
        start = await deletion.read_start(curation)
        tombstone = ResourceTombstone(deleted_us=now_us(), counts=start.counts, files=start.files)
        if not validate_only:
            # Counts of a doctor that are under way are void: it may have read these records.
            repair = counter_repair_key(deletion.dataset.dataset)
            puts = {
                deletion.tombstone: encode(tombstone),
                repair: encode(CounterRepair(mended_us=now_us())),
            }
            await ledger.commit(Transaction(project, start.checks, puts, start.deletes))
        return tombstone

    tombstone = await retry(attempt, deletion.dataset)
    if not validate_only and not tombstone.done:
        await finish_deletion(curation, deletion, tombstone)
    return tombstone.counts


async def finish_deletion(
    curation: Curation, deletion: ResourceDeletion, tombstone: ResourceTombstone
) -> None:
    """Remove what is left of a resource, and mark its tombstone as done."""
    await deletion.remove(curation, tombstone)
    done = structs.replace(tombstone, files=(), done=True)
    puts = {deletion.tombstone: encode(done)}
    await curation.stores.ledger.commit(Transaction(deletion.dataset.project, puts=puts))


async def check_not_deleted(ledger: Ledger, project: str, tombstone: str, field: str) -> None:
    """Refuse the id of a deleted resource."""
    if await ledger.get(project, [tombstone]):
        id = tombstone.rpartition("/")[2]
        raise AlreadyExists(f"{field}: {id!r} was deleted, and its id is not used again")


async def count_keys(ledger: Ledger, project: str, below: str) -> int:
    """The number of keys below a prefix."""
    return sum([len(page) async for page in scan_pages(ledger, project, below)])


async def delete_keys(ledger: Ledger, project: str, below: str) -> None:
    """Delete all keys below a prefix."""
    async for page in scan_pages(ledger, project, below):
        await ledger.commit(Transaction(project, deletes=[entry.key for entry in page]))
