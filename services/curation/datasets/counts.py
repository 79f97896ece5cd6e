"""Counts of a dataset's frames and groups, and the space of its embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.curation.context import Curation
from services.curation.records import (
    DatasetFrames,
    Split,
    Status,
    dataset_frames_key,
    held_out_counter,
    split_counter,
    status_counter,
)
from services.ledger.interface import ABSENT
from services.records.documents import ATTEMPTS, StoredRecord, find_record
from services.records.stores import Stores
from sluice.errors import Aborted
from sluice.names import DatasetName


@dataclass(frozen=True, slots=True)
class Counts:
    """The frames of a dataset, and its groups by status and by split.

    `held_out` counts, by status, the groups of splits that batches never pick from.
    """

    frames: DatasetFrames
    by_status: Mapping[Status, int]
    by_split: Mapping[Split, int]
    held_out: Mapping[Status, int]

    @property
    def groups(self) -> int:
        """All groups: each has exactly one status."""
        return sum(self.by_status.values())

    def pool(self, *statuses: Status) -> int:
        """The groups of those statuses, by default all, that are not held out."""
        return sum(self.by_status[status] - self.held_out[status] for status in statuses or Status)


async def count_frames(curation: Curation, name: DatasetName) -> Counts:
    """The counts of a dataset, all of one moment.

    Raises NotFound naming a dataset that does not exist, and Aborted if its frames keep changing
    while they are counted.
    """
    await curation.others.datasets.get(name)
    statuses = {status: status_counter(name.dataset, status) for status in Status}
    splits = {split: split_counter(name.dataset, split) for split in Split if split}
    held_out = {status: held_out_counter(name.dataset, status) for status in Status}
    frames, counters = await _read_at_once(
        curation.stores, name, [*statuses.values(), *splits.values(), *held_out.values()]
    )
    return Counts(
        frames,
        {status: counters[counter] for status, counter in statuses.items()},
        {split: counters[counter] for split, counter in splits.items()},
        {status: counters[counter] for status, counter in held_out.items()},
    )


async def _read_at_once(
    stores: Stores, name: DatasetName, counters: Sequence[str]
) -> tuple[DatasetFrames, Mapping[str, int]]:
    """The record of a dataset's frames, and counters of its groups, as of one moment.

    The ledger reads them in two calls. Whatever adds or removes frames changes the revision of the
    record in the same transaction: if it is the same afterwards, it held in between.
    """
    before = await read_dataset_frames(stores, name)
    for _ in range(ATTEMPTS):
        values = await stores.ledger.counters(name.project, counters)
        after = await read_dataset_frames(stores, name)
        if after.revision == before.revision:
            return after.record, values
        before = after
    raise Aborted(f"{name}: its frames keep changing while they are counted; try again")


async def read_dataset_frames(stores: Stores, name: DatasetName) -> StoredRecord[DatasetFrames]:
    """The frame count and the space of a dataset; the defaults before its first frame."""
    key = dataset_frames_key(name.dataset)
    stored = await find_record(stores.ledger, name.project, key, DatasetFrames)
    return stored or StoredRecord(DatasetFrames(), ABSENT)
