"""Appending frames to a dataset."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from msgspec import structs

from services.curation.context import Curation
from services.curation.datasets import points
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.datasets.group_changes import GroupChanges, plan_groups
from services.curation.datasets.labels import claim_labels
from services.curation.datasets.merging import MergedFrame
from services.curation.datasets.new_frames import (
    AppendRequest,
    PreparedFrame,
    check_frames,
    prepare_frames,
)
from services.curation.datasets.stored_frames import Merge, StoredRows, read_rows
from services.curation.records import (
    DatasetFrames,
    FrameDocument,
    FrameReference,
    FrameRow,
    StoredVector,
    dataset_frames_key,
    document_key,
    frame_key,
    number_key,
)
from services.ledger.interface import ABSENT, Add, Transaction
from services.records.documents import StoredRecord, retry
from services.records.records import encode
from services.records.stores import Stores
from sluice.errors import InvalidArgument
from sluice.names import DatasetName


@dataclass(frozen=True, slots=True)
class AppendResult:
    """How many frames of one call were added, changed and left unchanged.

    `kept_status_count` groups keep a status later than the request's. The frames `deleted_ids` are
    deleted from the project, and were skipped.
    """

    added_count: int
    changed_count: int
    unchanged_count: int
    kept_status_count: int = 0
    deleted_ids: tuple[str, ...] = ()


async def append_frames(
    curation: Curation, name: DatasetName, request: AppendRequest
) -> AppendResult:
    """Append frames to a dataset, all or none; existing frames are merged or replaced.

    Frames that were deleted from the project are skipped. Raises NotFound for a dataset that does
    not exist, InvalidArgument naming the first frame that does not fit the dataset, and
    FailedPrecondition for a group in another split.
    """
    dataset = await curation.others.datasets.get(name)
    check_frames(request, dataset)
    frames = await asyncio.to_thread(prepare_frames, request)
    return await retry(_AppendOperation(curation.stores, name, request, frames).attempt, name)


@dataclass(slots=True)
class _AppendOperation:
    """One call that appends frames; each attempt reads the stored rows again."""

    stores: Stores
    name: DatasetName
    request: AppendRequest
    frames: list[PreparedFrame]
    written: dict[StoredVector, FrameRow] = field(default_factory=dict)
    """The points that are in the vector store already, with the row of each one's frame."""

    async def attempt(self) -> AppendResult:
        """Append new frames and merge others; Conflict if another call changed one of them."""
        ids = [frame.row.id for frame in self.frames]
        deletions = await TOMBSTONES.read(self.stores.ledger, self.name.project, ids)
        frames = [frame for frame in self.frames if frame.row.id not in deletions.deleted]
        result = await self._append(frames, deletions.checks)
        return replace(result, deleted_ids=tuple(id for id in ids if id in deletions.deleted))

    async def _append(
        self, frames: Sequence[PreparedFrame], deletion_checks: Mapping[str, int]
    ) -> AppendResult:
        """Append frames; the checks say that none of them was deleted meanwhile."""
        dataset_frames = await read_dataset_frames(self.stores, self.name)
        self._check_space(dataset_frames.record)
        stored = await read_rows(self.stores, self.name, frames)
        merge = Merge(self.stores, self.name, self.request, frames)
        merged = await merge.merge(dataset_frames.record, stored)
        rows = [
            (frame.index, after.row, old is None)
            for frame, after, old in zip(frames, merged, stored, strict=True)
        ]
        groups = await plan_groups(self.stores.ledger, self.name, self.request, rows)
        changed = [i for i, old in enumerate(stored) if old is None or merged[i].row != old.record]
        space = self._extend_space(dataset_frames.record, stored, merged)
        if changed or groups.puts:
            before = StoredRecord(space, dataset_frames.revision)
            labels = await claim_labels(
                self.stores.ledger, self.name, [frames[index] for index in changed]
            )
            changes = self._plan(before, stored, merged, changed, groups, labels)
            checks = {**changes.checks, **deletion_checks}
            # Points are written first: one that no row names is harmless, the reverse is not.
            await self._write_points(space, [merged[index] for index in changed])
            await self.stores.ledger.commit(replace(changes, checks=checks))
        await self._delete_points(space, stored, merged)
        moved = {i for i, (_, row, _) in enumerate(rows) if row.group in groups.changed}
        added, touched = _count_new(stored), len(moved.union(changed))
        return AppendResult(added, touched - added, len(stored) - touched, groups.kept_status_count)

    def _check_space(self, stored: DatasetFrames) -> None:
        """Refuse embeddings of another space than the dataset's."""
        embeddings = self.request.embeddings
        if embeddings is None or not stored.model_id:
            return
        model_id, dimension = embeddings.model_id, embeddings.vectors.shape[1]
        if (model_id, dimension) != (stored.model_id, stored.dimension):
            problem = (
                f"model {model_id!r} and dimension {dimension}; {self.name} has model "
                f"{stored.model_id!r} and dimension {stored.dimension}; use that model, or another "
                "dataset"
            )
            raise InvalidArgument.of("embeddings", problem, reason="SPACE_MISMATCH")

    def _extend_space(
        self, before: DatasetFrames, stored: StoredRows, merged: Sequence[MergedFrame]
    ) -> DatasetFrames:
        """The dataset's frames after the call."""
        after = structs.replace(before, count=before.count + _count_new(stored))
        embeddings = self.request.embeddings
        if embeddings is None:
            return after
        rows_max = max((len(frame.row.vectors) for frame in merged), default=0)
        return structs.replace(
            after,
            model_id=embeddings.model_id,
            dimension=embeddings.vectors.shape[1],
            rows_per_frame_max=max(before.rows_per_frame_max, rows_max),
        )

    def _plan(
        self,
        after: StoredRecord[DatasetFrames],
        stored: StoredRows,
        merged: Sequence[MergedFrame],
        changed: Sequence[int],
        groups: GroupChanges,
        labels: Mapping[str, bytes],
    ) -> Transaction:
        """The transaction of the call; `after` has the revision that the dataset was read at."""
        key = dataset_frames_key(self.name.dataset)
        checks, puts = {key: after.revision, **groups.checks}, {key: encode(after.record)}
        number = after.record.count - _count_new(stored)
        for index in changed:
            old = stored[index]
            number += old is None
            puts.update(self._put(merged[index], number if old is None else old.record.number))
            key = frame_key(self.name.dataset, merged[index].row.id)
            checks[key] = ABSENT if old is None else old.revision
        checks.update(dict.fromkeys(labels, ABSENT))
        adds = {counter: Add(delta) for counter, delta in groups.adds.items() if delta}
        return Transaction(self.name.project, checks, {**puts, **groups.puts, **labels}, adds=adds)

    def _put(self, frame: MergedFrame, number: int) -> dict[str, bytes]:
        """The records of a new or changed frame, by their keys."""
        dataset, row = self.name.dataset, frame.row
        puts = {frame_key(dataset, row.id): encode(structs.replace(row, number=number))}
        if not row.number:
            puts[number_key(dataset, number)] = encode(FrameReference(frame_id=row.id))
        if frame.document is not None:
            puts[document_key(dataset, row.id)] = encode(FrameDocument(frame=frame.document))
        return puts

    async def _write_points(self, space: DatasetFrames, changed: Sequence[MergedFrame]) -> None:
        rows, vectors = [], []
        for frame in changed:
            if frame.vectors is not None and not self.written.keys() >= {*frame.row.vectors}:
                rows.append(frame.row)
                vectors.append(frame.vectors)
        if rows:
            await points.write(self.stores, self.name, space, rows, np.concatenate(vectors))
            self.written.update((vector, row) for row in rows for vector in row.vectors)

    async def _delete_points(
        self, space: DatasetFrames, stored: StoredRows, merged: Sequence[MergedFrame]
    ) -> None:
        """Delete the points that the frames named before, or that an attempt wrote in vain."""
        named = {vector for frame in merged for vector in frame.row.vectors}
        rows = [old.record for old in stored if old] + [
            structs.replace(row, vectors=(vector,)) for vector, row in self.written.items()
        ]
        unnamed = [
            structs.replace(row, vectors=tuple(v for v in row.vectors if v not in named))
            for row in rows
        ]
        await points.delete(self.stores, self.name, space, unnamed)


def _count_new(stored: StoredRows) -> int:
    return sum(old is None for old in stored)
