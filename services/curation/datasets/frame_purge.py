"""Removing frames from the datasets of a project: rows, documents, predictions and embeddings.

One transaction for each dataset and page removes the records, moves the counters, and lists the
points to delete. Numbers and label ids are not used again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import structs

from services.curation.datasets import points
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.records import (
    CounterRepair,
    DatasetFrames,
    FrameRow,
    Group,
    counter_repair_key,
    counters_of,
    dataset_frames_key,
    document_key,
    frame_key,
    group_key,
    number_key,
)
from services.curation.rounds.rounds import Round, predicted_counter, prediction_key, round_key
from services.ledger.interface import Add, Entry, Transaction
from services.records.documents import StoredRecord, retry
from services.records.point_deletions import delete_listed_points, list_points
from services.records.records import decode, encode, now_us, prefix
from services.records.scanning import list_children, scan_pages
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from sluice.names import DatasetName, ProjectName, RoundName

FRAMES_PER_COMMIT: Final = 100


async def count_frames_of(
    stores: Stores, name: ProjectName, frame_ids: Sequence[str]
) -> dict[str, DeletionCounts]:
    """How often each frame is in datasets of a project, and how many rounds predict it."""
    counts = {frame_id: DeletionCounts() for frame_id in frame_ids}
    for dataset in await _list_datasets(stores, name):
        for entry in (await _read_rows(stores, dataset, frame_ids)).values():
            counts[decode(FrameRow, entry).id] += DeletionCounts(frames=1)
        for stored in await _read_rounds(stores, dataset):
            keys = _prediction_keys(dataset, stored.record.id, frame_ids)
            for key in await stores.ledger.get(name.project, list(keys)):
                counts[keys[key]] += DeletionCounts(predictions=1)
    return counts


async def purge_datasets(stores: Stores, name: ProjectName, frame_ids: Sequence[str]) -> None:
    """Remove frames from all datasets of a project; can be repeated."""
    for dataset in await _list_datasets(stores, name):
        for start in range(0, len(frame_ids), FRAMES_PER_COMMIT):
            await _purge_dataset(stores, dataset, frame_ids[start : start + FRAMES_PER_COMMIT])
    await delete_listed_points(stores, name.project, TOMBSTONES.service)


async def _purge_dataset(stores: Stores, name: DatasetName, frame_ids: Sequence[str]) -> None:
    async def attempt() -> None:
        dataset_frames = await read_dataset_frames(stores, name)
        purge = _DatasetPurge(name, dataset_frames)
        await purge.add_predictions(stores, frame_ids)
        rows = await _read_rows(stores, name, frame_ids)
        decoded = {key: decode(FrameRow, entry) for key, entry in rows.items()}
        group_keys = list({group_key(name.dataset, row.group) for row in decoded.values()})
        groups = await stores.ledger.get(name.project, group_keys) if group_keys else {}
        for key, row in decoded.items():
            purge.add_row(rows[key], row)
        for entry in groups.values():
            purge.add_group(entry)
        if purge.deletes:
            await stores.ledger.commit(purge.transaction())

    await retry(attempt, name)


async def _list_datasets(stores: Stores, name: ProjectName) -> list[DatasetName]:
    datasets = {
        dataset
        for parent in ("frame", "prediction")
        for dataset in await list_children(stores.ledger, name.project, parent)
    }
    return [DatasetName(name.project, dataset) for dataset in sorted(datasets)]


async def _read_rows(
    stores: Stores, name: DatasetName, frame_ids: Sequence[str]
) -> dict[str, Entry]:
    keys = [frame_key(name.dataset, frame_id) for frame_id in frame_ids]
    return await stores.ledger.get(name.project, keys)


async def _read_rounds(stores: Stores, name: DatasetName) -> list[StoredRecord[Round]]:
    return [
        StoredRecord(decode(Round, entry), entry.revision)
        async for page in scan_pages(stores.ledger, name.project, prefix("round", name.dataset))
        for entry in page
    ]


def _prediction_keys(
    name: DatasetName, round_id: str, frame_ids: Sequence[str]
) -> Mapping[str, str]:
    round_name = RoundName(name.project, name.dataset, round_id)
    return {prediction_key(round_name, frame_id): frame_id for frame_id in frame_ids}


@dataclass(slots=True)
class _DatasetPurge:
    """The transaction that removes frames from a dataset, while it is built."""

    name: DatasetName
    dataset_frames: StoredRecord[DatasetFrames]
    checks: dict[str, int] = field(default_factory=dict)
    puts: dict[str, bytes] = field(default_factory=dict)
    deletes: list[str] = field(default_factory=list)
    adds: Counter[str] = field(default_factory=Counter)
    frame_ids: set[str] = field(default_factory=set)
    points: list[bytes] = field(default_factory=list)

    def add_row(self, entry: Entry, row: FrameRow) -> None:
        """Remove a frame's row, document and number."""
        dataset = self.name.dataset
        self.checks[entry.key] = entry.revision
        self.deletes += [entry.key, document_key(dataset, row.id), number_key(dataset, row.number)]
        self.frame_ids.add(row.id)
        self.points += [vector.point for vector in row.vectors]

    def add_group(self, entry: Entry) -> None:
        """Remove the frames from their group; a group without frames is removed."""
        group = decode(Group, entry)
        slices = [
            (frame_id, name)
            for frame_id, name in zip(group.frames, group.slices, strict=True)
            if frame_id not in self.frame_ids
        ]
        self.checks[entry.key] = entry.revision
        if slices:
            frames, names = zip(*slices, strict=True)
            self.puts[entry.key] = encode(structs.replace(group, frames=frames, slices=names))
        else:
            self.deletes.append(entry.key)
            self.adds.subtract(counters_of(self.name.dataset, group))

    async def add_predictions(self, stores: Stores, frame_ids: Sequence[str]) -> None:
        """Remove the predictions of frames in all rounds."""
        for stored in await _read_rounds(stores, self.name):
            keys = _prediction_keys(self.name, stored.record.id, frame_ids)
            entries = await stores.ledger.get(self.name.project, list(keys))
            if entries:
                key = round_key(RoundName(self.name.project, self.name.dataset, stored.record.id))
                # The new revision tells concurrent measurements and imports.
                self.checks |= {key: stored.revision}
                self.puts[key] = encode(stored.record)
                self.checks |= {entry.key: entry.revision for entry in entries.values()}
                self.deletes += entries
                self.adds[predicted_counter(self.name.dataset, stored.record.id)] -= len(entries)

    def transaction(self) -> Transaction:
        """The transaction; it also voids counts of a doctor that are under way."""
        record, dataset = self.dataset_frames.record, self.name.dataset
        key = dataset_frames_key(dataset)
        changed = structs.replace(record, deleted=record.deleted + len(self.frame_ids))
        collection = points.frames_collection(self.name.project, record.model_id, record.dimension)
        listed = list_points(
            TOMBSTONES.service, collection, points.tenant_of(self.name), self.points
        )
        repair = {counter_repair_key(dataset): encode(CounterRepair(mended_us=now_us()))}
        return Transaction(
            self.name.project,
            checks={**self.checks, key: self.dataset_frames.revision},
            puts={**self.puts, key: encode(changed), **listed, **repair},
            deletes=self.deletes,
            adds={name: Add(delta) for name, delta in self.adds.items() if delta},
        )
