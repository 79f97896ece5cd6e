"""Appending frames to a dataset."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from msgspec import structs

from services.curation.context import Curation
from services.curation.datasets import points
from services.curation.datasets.counts import read_dataset_frames
from services.curation.datasets.deleted_frames import TOMBSTONES
from services.curation.datasets.labels import claim_labels
from services.curation.datasets.new_frames import (
    AppendRequest,
    PreparedFrame,
    check_frames,
    frame_error,
    prepare_frames,
)
from services.curation.records import (
    DatasetFrames,
    FrameDocument,
    FrameReference,
    FrameRow,
    Group,
    counters_of,
    dataset_frames_key,
    document_key,
    frame_key,
    group_key,
    number_key,
)
from services.ledger.interface import ABSENT, Add, Transaction
from services.records.documents import StoredRecord, retry
from services.records.records import decode, encode
from services.records.stores import Stores
from sluice.errors import InvalidArgument
from sluice.names import DatasetName

SLICES_MAX: Final = 64
"""Slices of a group: it is read and written as a whole."""


@dataclass(frozen=True, slots=True)
class AppendResult:
    """How many frames of one call were added, replaced, left unchanged, and skipped as deleted."""

    added_count: int
    replaced_count: int
    unchanged_count: int
    deleted_count: int = 0


async def append_frames(
    curation: Curation, name: DatasetName, request: AppendRequest
) -> AppendResult:
    """Append frames to a dataset, all or none; an unchanged frame is not written.

    Raises NotFound for a dataset that does not exist, and InvalidArgument naming the first frame
    that does not fit the dataset.
    """
    dataset = await curation.others.datasets.get(name)
    check_frames(request, dataset)
    frames = await asyncio.to_thread(prepare_frames, request)
    return await retry(_AppendOperation(curation.stores, name, request, frames).attempt, name)


@dataclass(slots=True)
class _Plan:
    """The checks, puts and counter changes of one transaction while it is built."""

    checks: dict[str, int] = field(default_factory=dict)
    puts: dict[str, bytes] = field(default_factory=dict)
    adds: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _AppendOperation:
    """One call that appends frames; each attempt reads the stored rows again."""

    stores: Stores
    name: DatasetName
    request: AppendRequest
    frames: list[PreparedFrame]
    indexes_with_points: set[int] = field(default_factory=set)
    """Indexes of the frames whose points are in the vector store already."""

    async def attempt(self) -> AppendResult:
        """Append new and changed frames; raises Conflict if another call changed one of them."""
        dataset_frames = await read_dataset_frames(self.stores, self.name)
        ids = [frame.row.id for frame in self.frames]
        deletions = await TOMBSTONES.read(self.stores.ledger, self.name.project, ids)
        deleted = {index for index, id in enumerate(ids) if id in deletions.deleted}
        stored_rows = await self._read_rows()
        reembedded = {
            index
            for index, old in enumerate(stored_rows)
            if index not in deleted and self._has_new_vectors(index, old)
        }
        changed = [
            index
            for index, old in enumerate(stored_rows)
            if index not in deleted and (index in reembedded or self._has_new_document(index, old))
        ]
        added = sum(stored_rows[index] is None for index in changed)
        space = dataset_frames.record
        if changed:
            space = self._extend_space(dataset_frames.record, added)
            plan = await self._plan(dataset_frames, space, stored_rows, changed)
            # Points are written first: one that no row names is harmless, the reverse is not.
            await self._write_points(space, reembedded)
            plan.checks.update(deletions.checks)
            adds = {counter: Add(delta) for counter, delta in plan.adds.items()}
            await self.stores.ledger.commit(
                Transaction(self.name.project, plan.checks, plan.puts, adds=adds)
            )
        unnamed = [
            self.frames[index].row for index in self.indexes_with_points.difference(reembedded)
        ]
        replaced = [old.record for index in reembedded if (old := stored_rows[index])]
        await points.delete(self.stores, self.name, space, [*replaced, *unnamed])
        unchanged = len(stored_rows) - len(changed) - len(deleted)
        return AppendResult(added, len(changed) - added, unchanged, len(deleted))

    def _has_new_vectors(self, index: int, old: StoredRecord[FrameRow] | None) -> bool:
        """Whether the request replaces a frame's embeddings; without any, it keeps the stored."""
        digest = self.frames[index].row.vectors_digest
        return bool(digest) and (old is None or old.record.vectors_digest != digest)

    def _has_new_document(self, index: int, old: StoredRecord[FrameRow] | None) -> bool:
        digest = self.frames[index].row.document_digest
        return old is None or old.record.document_digest != digest

    async def _read_rows(self) -> list[StoredRecord[FrameRow] | None]:
        keys = [self._key(frame) for frame in self.frames]
        entries = await self.stores.ledger.get(self.name.project, keys)
        return [
            StoredRecord(decode(FrameRow, entry), entry.revision)
            if (entry := entries.get(key))
            else None
            for key in keys
        ]

    def _key(self, frame: PreparedFrame) -> str:
        return frame_key(self.name.dataset, frame.row.id)

    def _extend_space(self, before: DatasetFrames, added: int) -> DatasetFrames:
        """The dataset's frames after the call; InvalidArgument for embeddings of another space."""
        after = structs.replace(before, count=before.count + added)
        embeddings = self.request.embeddings
        if embeddings is None:
            return after
        model_id, dimension = embeddings.model_id, embeddings.vectors.shape[1]
        if before.model_id and (model_id, dimension) != (before.model_id, before.dimension):
            problem = (
                f"model {model_id!r} and dimension {dimension}; {self.name} has model "
                f"{before.model_id!r} and dimension {before.dimension}"
            )
            raise InvalidArgument.of("embeddings", problem, reason="SPACE_MISMATCH")
        rows_max = max(len(frame.vectors) for frame in self.frames)
        return structs.replace(
            after,
            model_id=model_id,
            dimension=dimension,
            rows_per_frame_max=max(before.rows_per_frame_max, rows_max),
        )

    async def _plan(
        self,
        before: StoredRecord[DatasetFrames],
        after: DatasetFrames,
        stored_rows: Sequence[StoredRecord[FrameRow] | None],
        changed: Sequence[int],
    ) -> _Plan:
        key = dataset_frames_key(self.name.dataset)
        plan = _Plan({key: before.revision}, {key: encode(after)})
        number = before.record.count
        added = [index for index in changed if stored_rows[index] is None]
        for index in changed:
            number += stored_rows[index] is None
            self._put(plan, index, stored_rows[index], number)
        await self._put_groups(plan, added)
        labels = await claim_labels(
            self.stores.ledger,
            self.name,
            [(index, self.frames[index]) for index in changed],
        )
        plan.checks.update(dict.fromkeys(labels, ABSENT))
        plan.puts.update(labels)
        return plan

    def _put(
        self, plan: _Plan, index: int, old: StoredRecord[FrameRow] | None, number: int
    ) -> None:
        frame, key = self.frames[index], self._key(self.frames[index])
        row = frame.row
        if old is None:
            plan.checks[key] = ABSENT
            plan.puts[key] = encode(structs.replace(row, number=number))
            plan.puts[number_key(self.name.dataset, number)] = encode(
                FrameReference(frame_id=row.id)
            )
        else:
            _check_same_slice(index, old.record, row)
            plan.checks[key] = old.revision
            new = structs.replace(old.record, document_digest=row.document_digest)
            if self._has_new_vectors(index, old):
                new = structs.replace(new, vectors=row.vectors, vectors_digest=row.vectors_digest)
            plan.puts[key] = encode(new)
        document = FrameDocument(frame=frame.document)
        plan.puts[document_key(self.name.dataset, row.id)] = encode(document)

    async def _put_groups(self, plan: _Plan, added: Sequence[int]) -> None:
        """Put the added frames into their groups, in their order."""
        ids = dict.fromkeys(self.frames[index].row.group for index in added)
        keys = {group_key(self.name.dataset, group): group for group in ids}
        entries = await self.stores.ledger.get(self.name.project, list(keys))
        plan.checks.update((key, e.revision if (e := entries.get(key)) else ABSENT) for key in keys)
        groups = {keys[key]: decode(Group, entry) for key, entry in entries.items()}
        for index in added:
            row = self.frames[index].row
            group = groups.get(row.group)
            groups[row.group] = self._add_slice(index, row, group)
            if group is None:
                plan.adds.update(counters_of(self.name.dataset, groups[row.group]))
        plan.puts.update((key, encode(groups[group])) for key, group in keys.items())

    def _add_slice(self, index: int, row: FrameRow, group: Group | None) -> Group:
        if group is None:
            return Group(
                id=row.group,
                frames=(row.id,),
                slices=(row.slice,),
                status=self.request.status,
                split=self.request.split,
            )
        if row.slice in group.slices:
            taken = group.frames[group.slices.index(row.slice)]
            problem = f"{row.slice!r} of group {row.group!r} is frame {taken!r} already"
            raise frame_error(index, row.id, ".slice", problem)
        if len(group.frames) >= SLICES_MAX:
            problem = f"{row.group!r} has {SLICES_MAX} slices already; more are not accepted"
            raise frame_error(index, row.id, ".group", problem, "TOO_LARGE", limit=str(SLICES_MAX))
        frames, slices = (*group.frames, row.id), (*group.slices, row.slice)
        return structs.replace(group, frames=frames, slices=slices)

    async def _write_points(self, space: DatasetFrames, reembedded: Collection[int]) -> None:
        missing = [
            self.frames[index] for index in reembedded if index not in self.indexes_with_points
        ]
        if not missing:
            return
        vectors = np.concatenate([frame.vectors for frame in missing])
        rows = [frame.row for frame in missing]
        await points.write(self.stores, self.name, space, rows, vectors)
        self.indexes_with_points.update(reembedded)


def _check_same_slice(index: int, old: FrameRow, new: FrameRow) -> None:
    """Refuse a frame that would move to another group or slice."""
    slices = (("group", old.group, new.group), ("slice", old.slice, new.slice))
    for path, stored, given in slices:
        if stored != given:
            problem = f"{given!r}; it is {stored!r}, which cannot be changed"
            raise frame_error(index, new.id, f".{path}", problem)
