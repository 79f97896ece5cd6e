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
from services.curation.datasets.labels import claim_labels
from services.curation.datasets.new_frames import (
    AppendRequest,
    CheckedFrame,
    check_frames,
    frame_error,
    make_rows,
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
class AppendCounts:
    """What became of the frames of one call."""

    added_count: int
    replaced_count: int
    unchanged_count: int


async def append_frames(curation: Curation, name: DatasetName, new: AppendRequest) -> AppendCounts:
    """Append frames to a dataset, all or none; one with the same content stays as it is.

    Raises NotFound for a dataset that does not exist, and InvalidArgument naming the first frame
    that may not be one of its.
    """
    dataset = await curation.others.datasets.get(name)
    check_frames(new, dataset)
    candidates = await asyncio.to_thread(make_rows, new)
    return await retry(_Append(curation.stores, name, new, candidates).attempt, name)


@dataclass(slots=True)
class _Plan:
    """One transaction, as far as it is made."""

    checks: dict[str, int] = field(default_factory=dict)
    puts: dict[str, bytes] = field(default_factory=dict)
    adds: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Append:
    """One call that appends frames; what of it is new is found out in each attempt."""

    stores: Stores
    name: DatasetName
    new: AppendRequest
    candidates: list[CheckedFrame]
    written: set[int] = field(default_factory=set)
    """The places of candidates whose points are in the vector store by now."""

    async def attempt(self) -> AppendCounts:
        """Append what is new or has other content; raises Conflict when others were faster."""
        frames = await read_dataset_frames(self.stores, self.name)
        known = await self._known()
        moved = {place for place, old in enumerate(known) if self._moves(place, old)}
        changed = [
            place
            for place, old in enumerate(known)
            if place in moved or self._says_more(place, old)
        ]
        added = sum(known[place] is None for place in changed)
        space = frames.record
        if changed:
            space = self._grown(frames.record, added)
            plan = await self._plan(frames, space, known, changed)
            # Vectors go first: a point that no row names is harmless, the reverse is not.
            await self._write_points(space, moved)
            adds = {counter: Add(delta) for counter, delta in plan.adds.items()}
            await self.stores.ledger.commit(
                Transaction(self.name.project, plan.checks, plan.puts, adds=adds)
            )
        unnamed = [self.candidates[place].row for place in self.written.difference(moved)]
        left = [old.record for place in moved if (old := known[place])]
        await points.forget(self.stores, self.name, space, [*left, *unnamed])
        return AppendCounts(added, len(changed) - added, len(known) - len(changed))

    def _moves(self, place: int, old: StoredRecord[FrameRow] | None) -> bool:
        """Whether a frame has embeddings that it had not; without any, it keeps those it has."""
        digest = self.candidates[place].row.vectors_digest
        return bool(digest) and (old is None or old.record.vectors_digest != digest)

    def _says_more(self, place: int, old: StoredRecord[FrameRow] | None) -> bool:
        digest = self.candidates[place].row.document_digest
        return old is None or old.record.document_digest != digest

    async def _known(self) -> list[StoredRecord[FrameRow] | None]:
        keys = [self._key(candidate) for candidate in self.candidates]
        entries = await self.stores.ledger.get(self.name.project, keys)
        return [
            StoredRecord(decode(FrameRow, entry), entry.revision)
            if (entry := entries.get(key))
            else None
            for key in keys
        ]

    def _key(self, candidate: CheckedFrame) -> str:
        return frame_key(self.name.dataset, candidate.row.id)

    def _grown(self, frames: DatasetFrames, added: int) -> DatasetFrames:
        grown = structs.replace(frames, count=frames.count + added)
        embeddings = self.new.embeddings
        if embeddings is None:
            return grown
        space = embeddings.model_id, embeddings.vectors.shape[1]
        if frames.model_id and space != (frames.model_id, frames.dimension):
            problem = (
                f"are of model {space[0]!r} and dimension {space[1]}, those of {self.name} are of "
                f"{frames.model_id!r} and {frames.dimension}"
            )
            raise InvalidArgument.of("embeddings", problem, reason="SPACE_MISMATCH")
        most = max(len(candidate.vectors) for candidate in self.candidates)
        return structs.replace(
            grown,
            model_id=space[0],
            dimension=space[1],
            rows_per_frame_max=max(frames.rows_per_frame_max, most),
        )

    async def _plan(
        self,
        before: StoredRecord[DatasetFrames],
        now: DatasetFrames,
        known: Sequence[StoredRecord[FrameRow] | None],
        changed: Sequence[int],
    ) -> _Plan:
        where = dataset_frames_key(self.name.dataset)
        plan = _Plan({where: before.revision}, {where: encode(now)})
        number = before.record.count
        added = [place for place in changed if known[place] is None]
        for place in changed:
            number += known[place] is None
            self._put(plan, place, known[place], number)
        await self._put_groups(plan, added)
        labels = await claim_labels(
            self.stores.ledger,
            self.name,
            [(place, self.candidates[place]) for place in changed],
        )
        plan.checks.update(dict.fromkeys(labels, ABSENT))
        plan.puts.update(labels)
        return plan

    def _put(
        self, plan: _Plan, place: int, old: StoredRecord[FrameRow] | None, number: int
    ) -> None:
        candidate, where = self.candidates[place], self._key(self.candidates[place])
        row = candidate.row
        if old is None:
            plan.checks[where] = ABSENT
            plan.puts[where] = encode(structs.replace(row, number=number))
            plan.puts[number_key(self.name.dataset, number)] = encode(
                FrameReference(frame_id=row.id)
            )
        else:
            _check_place(place, old.record, row)
            plan.checks[where] = old.revision
            now = structs.replace(old.record, document_digest=row.document_digest)
            if self._moves(place, old):
                now = structs.replace(now, vectors=row.vectors, vectors_digest=row.vectors_digest)
            plan.puts[where] = encode(now)
        document = FrameDocument(frame=candidate.document)
        plan.puts[document_key(self.name.dataset, row.id)] = encode(document)

    async def _put_groups(self, plan: _Plan, added: Sequence[int]) -> None:
        """Put the added frames into their groups, in their order."""
        ids = dict.fromkeys(self.candidates[place].row.group for place in added)
        keys = {group_key(self.name.dataset, group): group for group in ids}
        entries = await self.stores.ledger.get(self.name.project, list(keys))
        plan.checks.update((key, e.revision if (e := entries.get(key)) else ABSENT) for key in keys)
        groups = {keys[key]: decode(Group, entry) for key, entry in entries.items()}
        for place in added:
            row = self.candidates[place].row
            known = groups.get(row.group)
            groups[row.group] = self._joined(place, row, known)
            if known is None:
                plan.adds.update(counters_of(self.name.dataset, groups[row.group]))
        plan.puts.update((key, encode(groups[group])) for key, group in keys.items())

    def _joined(self, place: int, row: FrameRow, group: Group | None) -> Group:
        if group is None:
            return Group(
                id=row.group,
                frames=(row.id,),
                slices=(row.slice,),
                status=self.new.status,
                split=self.new.split,
            )
        if row.slice in group.slices:
            taken = group.frames[group.slices.index(row.slice)]
            problem = f"{row.slice!r} of group {row.group!r} is frame {taken!r}"
            raise frame_error(place, row.id, ".slice", problem)
        if len(group.frames) >= SLICES_MAX:
            problem = f"{row.group!r} has {SLICES_MAX} slices, which is the most"
            raise frame_error(place, row.id, ".group", problem, "TOO_LARGE", limit=str(SLICES_MAX))
        frames, slices = (*group.frames, row.id), (*group.slices, row.slice)
        return structs.replace(group, frames=frames, slices=slices)

    async def _write_points(self, space: DatasetFrames, moved: Collection[int]) -> None:
        missing = [self.candidates[place] for place in moved if place not in self.written]
        if not missing:
            return
        vectors = np.concatenate([candidate.vectors for candidate in missing])
        rows = [candidate.row for candidate in missing]
        await points.write(self.stores, self.name, space, rows, vectors)
        self.written.update(moved)


def _check_place(place: int, old: FrameRow, new: FrameRow) -> None:
    for field_, was, is_ in (("group", old.group, new.group), ("slice", old.slice, new.slice)):
        if was != is_:
            problem = f"{is_!r}; it is {was!r}, which never changes"
            raise frame_error(place, new.id, f".{field_}", problem)
