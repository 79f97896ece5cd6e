"""How much of a dataset is where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.curation.context import Curation
from services.curation.datasets.append import read_dataset_frames
from services.curation.records import (
    DatasetFrames,
    Split,
    Status,
    split_counter,
    status_counter,
)
from sluice.names import DatasetName


@dataclass(frozen=True, slots=True)
class Counts:
    """The frames of a dataset, and its groups by status and by split."""

    frames: DatasetFrames
    by_status: Mapping[Status, int]
    by_split: Mapping[Split, int]

    @property
    def groups(self) -> int:
        """All groups: each has one status."""
        return sum(self.by_status.values())


async def count_frames(curation: Curation, name: DatasetName) -> Counts:
    """The counts of a dataset; NotFound naming it if there is none."""
    await curation.others.datasets.get(name)
    statuses = {status: status_counter(name.dataset, status) for status in Status}
    splits = {split: split_counter(name.dataset, split) for split in Split if split}
    found = await curation.stores.ledger.counters(
        name.project, [*statuses.values(), *splits.values()]
    )
    frames = await read_dataset_frames(curation.stores, name)
    return Counts(
        frames.record,
        {status: found[counter] for status, counter in statuses.items()},
        {split: found[counter] for split, counter in splits.items()},
    )
