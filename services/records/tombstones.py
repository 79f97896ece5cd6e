"""Tombstones of deleted frames: their ids are never accepted again.

Every service keeps its own, under its name, in the partition of the project:

| key | holds |
| --- | --- |
| `deleted-frame/{service}/{frame}` | a tombstone |
| `deleted-frames/{service}` | the guard, which each deletion puts again |

A writer that adds frames reads the guard with the tombstones, and checks the guard's revision in
its transaction: a deletion in between is a Conflict. A deletion puts guard and tombstones before it
looks for copies, so it sees everything that was written without them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.ledger.interface import ABSENT, Entry, Ledger, Transaction
from services.records.documents import retry
from services.records.records import Record, decode, encode, key, now_us
from sluice.checks import check_text, too_large
from sluice.errors import InvalidArgument
from sluice.names import ProjectName

FRAMES_PER_DELETION_MAX: Final = 1_000


class DeletionCounts(Record, frozen=True, kw_only=True):
    """What a deletion removes."""

    frames: int = 0
    samples: int = 0
    elements: int = 0
    members: int = 0
    predictions: int = 0
    picks: int = 0
    checks: int = 0
    campaigns: int = 0
    issues: int = 0
    datasets: int = 0
    rounds: int = 0
    batches: int = 0
    golden_sets: int = 0
    keys: int = 0

    def __add__(self, other: DeletionCounts) -> DeletionCounts:
        names = self.__struct_fields__
        return DeletionCounts(
            **{name: getattr(self, name) + getattr(other, name) for name in names}
        )


class FrameTombstone(Record, frozen=True, kw_only=True):
    """A deleted frame: when the deletion began, and what it removes of this frame."""

    deleted_us: int
    counts: DeletionCounts = DeletionCounts()


class DeletionGuard(Record, frozen=True, kw_only=True):
    """When a deletion began last; its revision is what writers check."""

    deleted_us: int


@dataclass(frozen=True, slots=True)
class FrameDeletions:
    """The deleted ones of some frames, and the check for a transaction that adds the others."""

    deleted: frozenset[str]
    checks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Tombstones:
    """The tombstones of one service."""

    service: str

    @property
    def guard(self) -> str:
        """Key of the guard."""
        return key("deleted-frames", self.service)

    def key(self, frame_id: str) -> str:
        """Key of the tombstone of a frame."""
        return key("deleted-frame", self.service, frame_id)

    def keys(self, frame_ids: Iterable[str]) -> list[str]:
        """The keys that `decode` needs: the guard, and the tombstone of each frame."""
        return [self.guard, *dict.fromkeys(map(self.key, frame_ids))]

    def decode(self, entries: Mapping[str, Entry], frame_ids: Iterable[str]) -> FrameDeletions:
        """The deleted ones of frames, given the entries of `keys`."""
        guard = entries.get(self.guard)
        return FrameDeletions(
            frozenset(id for id in frame_ids if self.key(id) in entries),
            {self.guard: guard.revision if guard else ABSENT},
        )

    async def read(self, ledger: Ledger, project: str, frame_ids: Iterable[str]) -> FrameDeletions:
        """The deleted ones of frames."""
        ids = list(frame_ids)
        return self.decode(await ledger.get(project, self.keys(ids)), ids)

    async def put(
        self,
        ledger: Ledger,
        project: str,
        counts: Mapping[str, DeletionCounts],
        puts: Mapping[str, bytes] | None = None,
    ) -> DeletionCounts:
        """Put the tombstones of frames, with what their deletion removes, and `puts`; the sum.

        A tombstone that exists stays as it is, and its counts are those of the first deletion.
        """

        async def attempt() -> DeletionCounts:
            entries = await ledger.get(project, self.keys(counts))
            now, total = now_us(), DeletionCounts()
            guard = entries.get(self.guard)
            new = {self.guard: encode(DeletionGuard(deleted_us=now)), **(puts or {})}
            for frame_id, frame_counts in counts.items():
                entry = entries.get(self.key(frame_id))
                if entry is None:
                    tombstone = FrameTombstone(deleted_us=now, counts=frame_counts)
                    new[self.key(frame_id)] = encode(tombstone)
                total += frame_counts if entry is None else decode(FrameTombstone, entry).counts
            checks = {self.guard: guard.revision if guard else ABSENT}
            await ledger.commit(Transaction(project, checks=checks, puts=new))
            return total

        return await retry(attempt, ProjectName(project))

    async def sum_counts(
        self, ledger: Ledger, project: str, counts: Mapping[str, DeletionCounts]
    ) -> DeletionCounts:
        """The answer of `put`, without putting anything."""
        entries = await ledger.get(project, self.keys(counts))
        total = DeletionCounts()
        for frame_id, frame_counts in counts.items():
            entry = entries.get(self.key(frame_id))
            total += frame_counts if entry is None else decode(FrameTombstone, entry).counts
        return total


def check_frame_ids(frame_ids: Sequence[str]) -> None:
    """Refuse an empty list of frames to delete, too many, a duplicate and an invalid id."""
    if not 1 <= len(frame_ids) <= FRAMES_PER_DELETION_MAX:
        problem = f"{len(frame_ids)} in one call; 1 to {FRAMES_PER_DELETION_MAX:,} are accepted"
        raise too_large("frame_ids", problem, FRAMES_PER_DELETION_MAX)
    seen: set[str] = set()
    for index, frame_id in enumerate(frame_ids):
        check_text(f"frame_ids[{index}]", frame_id)
        if frame_id in seen:
            raise InvalidArgument.of("frame_ids", f"duplicate {frame_id!r}")
        seen.add(frame_id)
