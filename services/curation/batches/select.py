"""Marking the planned groups of a batch as selected, one page of the plan per transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from msgspec import structs

from services.curation.batches.records import (
    Batch,
    PlannedPick,
    StoredPick,
    batch_key,
    pick_key,
    plan_prefix,
    remains,
)
from services.curation.records import (
    FrameRow,
    Group,
    Status,
    frame_key,
    group_key,
    status_counter,
)
from services.curation.selection.pool import PickSource
from services.ledger.interface import Add, Conflict, Entry, Ledger, Transaction
from services.records.documents import StoredRecord, read_record, retry
from services.records.records import decode, encode
from sluice.names import BatchName

GROUPS_PER_COMMIT: Final = 200
"""Groups of one transaction; other commits wait for it."""

BATCH_TAG: Final = "batch:"
"""Prefix of the tag of a batch's frames; the batch's id follows."""

TO_ANNOTATE: Final = "to_annotate"
SOURCE_TAG: Final = "source:"
_SOURCE_TAGS: Final = frozenset(SOURCE_TAG + source.value for source in PickSource)


async def select_planned(ledger: Ledger, name: BatchName) -> StoredRecord[Batch]:
    """Mark the groups of the batch's current part; returns the batch once all are.

    A group that has been selected, labelled or held out meanwhile is skipped. Concurrent calls
    mark each group once.
    """
    while True:
        stored, has_page = await retry(lambda: _select_page(ledger, name), name)
        if not has_page:
            return stored


async def _select_page(ledger: Ledger, name: BatchName) -> tuple[StoredRecord[Batch], bool]:
    """Mark a page, and whether there was one; Conflict if a concurrent call changed a group."""
    stored = await read_record(ledger, name.project, batch_key(name), Batch, name)
    prefix = plan_prefix(name, stored.record.part)
    planned = await ledger.scan(name.project, prefix, limit=GROUPS_PER_COMMIT)
    if not planned:
        return stored, False
    page = _Page(name, stored)
    picks = [decode(PlannedPick, entry) for entry in planned]
    groups = await _read(ledger, name, [group_key(name.dataset, pick.group) for pick in picks])
    page.take_groups(picks, groups)
    rows = await _read(ledger, name, [frame_key(name.dataset, id) for id in page.frame_ids])
    page.tag_frames(rows)
    await ledger.commit(page.transaction(planned))
    return stored, True


async def _read(ledger: Ledger, name: BatchName, keys: Sequence[str]) -> dict[str, Entry]:
    return await ledger.get(name.project, keys) if keys else {}


@dataclass(slots=True)
class _Page:
    """The checks and puts of one transaction while it is built."""

    name: BatchName
    stored: StoredRecord[Batch]
    checks: dict[str, int] = field(default_factory=dict)
    puts: dict[str, bytes] = field(default_factory=dict)
    sources: dict[str, PickSource] = field(default_factory=dict)
    """The source of each frame to tag, by frame id."""
    groups_taken: int = 0

    @property
    def frame_ids(self) -> list[str]:
        """All slices of the groups taken so far."""
        return list(self.sources)

    def take_groups(self, picks: Sequence[PlannedPick], entries: dict[str, Entry]) -> None:
        """Select the groups that still remain, in the order of their picks."""
        counts: Counter[PickSource] = Counter()
        before = self.stored.record
        for pick in picks:
            entry = entries.get(group_key(self.name.dataset, pick.group))
            if entry is None:  # all its frames are deleted
                continue
            group = decode(Group, entry)
            if not remains(group):
                continue
            counts[pick.source] += 1
            rank = before.picked + counts.total()
            self.checks[entry.key] = entry.revision
            self.puts[entry.key] = encode(structs.replace(group, status=Status.SELECTED))
            self.puts[pick_key(self.name, rank)] = encode(_stored(pick, group, rank))
            self.sources |= dict.fromkeys(group.frames, pick.source)
        changed = structs.replace(
            before,
            coverage_count=before.coverage_count + counts[PickSource.COVERAGE],
            targeted_count=before.targeted_count + counts[PickSource.TARGETED],
        )
        self.checks[batch_key(self.name)] = self.stored.revision
        self.puts[batch_key(self.name)] = encode(changed)
        self.groups_taken = counts.total()

    def tag_frames(self, entries: dict[str, Entry]) -> None:
        """Tag all slices of the groups taken."""
        for frame_id, source in self.sources.items():
            entry = entries.get(frame_key(self.name.dataset, frame_id))
            if entry is None:
                raise Conflict(frame_id, "was deleted meanwhile")
            row = decode(FrameRow, entry)
            # A group that an earlier batch had picked still has that batch's source.
            tags = {*row.tags} - _SOURCE_TAGS
            tags |= {BATCH_TAG + self.name.batch, TO_ANNOTATE, SOURCE_TAG + source.value}
            self.checks[entry.key] = entry.revision
            self.puts[entry.key] = encode(structs.replace(row, tags=tuple(sorted(tags))))

    def transaction(self, planned: Sequence[Entry]) -> Transaction:
        """The transaction that marks the groups and deletes their picks from the plan."""
        dataset = self.name.dataset
        moved = {Status.UNLABELLED: -self.groups_taken, Status.SELECTED: self.groups_taken}
        return Transaction(
            self.name.project,
            checks=self.checks,
            puts=self.puts,
            deletes=[entry.key for entry in planned],
            adds={status_counter(dataset, status): Add(delta) for status, delta in moved.items()},
        )


def _stored(pick: PlannedPick, group: Group, rank: int) -> StoredPick:
    return StoredPick(
        rank=rank,
        group=group.id,
        frames=group.frames,
        source=pick.source,
        gain=pick.gain,
        failure=pick.failure,
    )
