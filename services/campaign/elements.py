"""Adding, removing and listing the elements of an issue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.campaign import element_points
from services.campaign.candidates import (
    CandidateSet,
    build_elements,
    check_count,
    check_dataset,
    check_space,
)
from services.campaign.datasets import get_dataset
from services.campaign.deleted_frames import TOMBSTONES, check_not_deleted
from services.campaign.issues import get_issue, read_issue
from services.campaign.label_ids import claim_label_ids
from services.campaign.records import (
    ElementRecord,
    IssueRecord,
    SpaceRecord,
    element_key,
    element_prefix,
    issue_key,
    revise,
    space_key,
)
from services.ledger.interface import ABSENT, Transaction
from services.records.documents import retry
from services.records.pages import Page
from services.records.records import decode, encode
from services.records.stores import Stores
from services.records.tombstones import FrameDeletions
from sluice.checks import check_text
from sluice.errors import InvalidArgument, ResourceExhausted
from sluice.names import DatasetName, IssueName

ELEMENTS_PER_ISSUE_MAX: Final = 50_000

PAGE_BYTES_MAX: Final = 2 * 2**20
"""Maximum size of a page of several elements; gRPC clients accept messages of 4 MiB."""


@dataclass(frozen=True, slots=True)
class AddElementsResult:
    """Counts of new, replaced and unchanged elements, and the issue after the call."""

    added_count: int
    replaced_count: int
    unchanged_count: int
    issue: IssueRecord


@dataclass(frozen=True, slots=True)
class RemoveElementsResult:
    """The count of removed elements, and the issue after the call."""

    removed_count: int
    issue: IssueRecord


async def add_elements(
    stores: Stores, name: IssueName, candidates: CandidateSet
) -> AddElementsResult:
    """Add elements to an issue, all or none; one with the same content stays as it is.

    Raises InvalidArgument naming the first invalid element, and ResourceExhausted if the issue
    would exceed its limit.
    """
    check_text("model_id", candidates.model_id)
    issue = await get_issue(stores, name)
    dataset = DatasetName(name.project, issue.dataset)
    check_dataset(candidates.candidates, dataset, await get_dataset(stores, dataset))
    check_space(candidates, issue)
    elements, vectors = await asyncio.to_thread(build_elements, candidates)
    addition = _Addition(stores, name, candidates, elements, vectors)
    return await retry(addition.attempt, name)


async def remove_elements(
    stores: Stores, name: IssueName, ids: Sequence[tuple[str, str]]
) -> RemoveElementsResult:
    """Remove elements by frame and label id; unknown ones are skipped.

    Raises InvalidArgument for a duplicate.
    """
    check_count(len(ids))
    first_index: dict[str, int] = {}
    for index, (frame_id, label_id) in enumerate(ids):
        first = first_index.setdefault(element_key(name.issue, frame_id, label_id), index)
        if first != index:
            raise InvalidArgument.of(f"elements[{index}]", f"is a duplicate of elements[{first}]")
    return await retry(lambda: _remove(stores, name, list(first_index)), name)


async def list_elements(
    stores: Stores, name: IssueName, page: Page
) -> tuple[IssueRecord, list[ElementRecord], str]:
    """An issue, a page of its elements ordered by frame id, and the next page token."""
    issue = await get_issue(stores, name)
    entries = await stores.ledger.scan(
        name.project, element_prefix(name.issue), after=page.after, limit=page.size + 1
    )
    count, size = 0, 0
    for entry in entries[: page.size]:
        size += len(entry.value)
        if count and size > PAGE_BYTES_MAX:
            break
        count += 1
    token = page.token(entries[count - 1].key) if count < len(entries) else ""
    return issue, [decode(ElementRecord, entry) for entry in entries[:count]], token


async def _remove(stores: Stores, name: IssueName, keys: list[str]) -> RemoveElementsResult:
    stored = await read_issue(stores, name)
    entries = await stores.ledger.get(name.project, keys)
    if not entries:
        return RemoveElementsResult(0, stored.record)
    issue = revise(
        stored.record,
        element_count=stored.record.element_count - len(entries),
        edits=stored.record.edits + 1,
    )
    key = issue_key(name.issue)
    await stores.ledger.commit(
        Transaction(
            name.project,
            checks={key: stored.revision},
            puts={key: encode(issue)},
            deletes=list(entries),
        )
    )
    removed = [decode(ElementRecord, entry) for entry in entries.values()]
    await element_points.delete(stores, name, issue, removed)
    return RemoveElementsResult(len(removed), issue)


@dataclass(slots=True)
class _Addition:
    """One call that adds elements; each attempt compares them with the stored ones."""

    stores: Stores
    name: IssueName
    candidates: CandidateSet
    elements: list[ElementRecord]
    vectors: NDArray[np.float32]
    written: set[int] = field(default_factory=set)
    """Rows with a point in the vector store, written by an earlier attempt."""

    async def attempt(self) -> AddElementsResult:
        """Add the new and replace the changed elements; raises Conflict if the issue changes."""
        stored = await read_issue(self.stores, self.name)
        deletions = await self._read_deletions(stored.record)
        check_space(self.candidates, stored.record)
        current = await self._read_current()
        rows = [
            row
            for row, (old, new) in enumerate(zip(current, self.elements))
            if old is None or old.digest != new.digest
        ]
        replaced = [old for row in rows if (old := current[row])]
        added, unchanged = len(rows) - len(replaced), len(current) - len(rows)
        issue = stored.record
        if rows:
            issue = self._grow_issue(issue, added)
            labels = await self._claim_labels(issue)
            # Vectors first: a point without an element is harmless, an element without a point
            # is not.
            await self._write_points(issue, rows)
            checks = {issue_key(self.name.issue): stored.revision, **deletions.checks}
            await self._commit(checks, issue, rows, labels)
        unused = [self.elements[row] for row in self.written.difference(rows)]
        await element_points.delete(self.stores, self.name, issue, [*replaced, *unused])
        return AddElementsResult(added, len(replaced), unchanged, issue)

    async def _read_deletions(self, issue: IssueRecord) -> FrameDeletions:
        """The check that no frame is deleted meanwhile; refuses one that is deleted already."""
        candidates = self.candidates.candidates
        frame_ids = [candidate.frame.id for candidate in candidates]
        ledger = self.stores.ledger
        deletions = await TOMBSTONES.read(ledger, self.name.project, frame_ids)
        if deletions.deleted and self.written:
            written = [self.elements[row] for row in self.written]
            with_space = self._grow_issue(issue, 0)
            await element_points.delete(self.stores, self.name, with_space, written)
        check_not_deleted(candidates, deletions.deleted)
        return deletions

    async def _read_current(self) -> list[ElementRecord | None]:
        """The stored element of each row, None for a new one."""
        keys = [self._key(element) for element in self.elements]
        entries = await self.stores.ledger.get(self.name.project, keys)
        return [decode(ElementRecord, entries[key]) if key in entries else None for key in keys]

    def _grow_issue(self, issue: IssueRecord, added: int) -> IssueRecord:
        count = issue.element_count + added
        if added and count > ELEMENTS_PER_ISSUE_MAX:
            raise ResourceExhausted(
                f"{self.name}: {added} new elements would make {count}, "
                f"at most {ELEMENTS_PER_ISSUE_MAX} are accepted",
                metadata={"limit": str(ELEMENTS_PER_ISSUE_MAX)},
            )
        return revise(
            issue,
            model_id=self.candidates.model_id,
            dimension=self.vectors.shape[1],
            element_count=count,
            edits=issue.edits + 1,
        )

    async def _write_points(self, issue: IssueRecord, rows: Sequence[int]) -> None:
        missing = [row for row in rows if row not in self.written]
        if missing:
            elements = [self.elements[row] for row in missing]
            vectors = self.vectors[missing]
            await element_points.write(self.stores, self.name, issue, elements, vectors)
            self.written.update(missing)

    async def _claim_labels(self, issue: IssueRecord) -> dict[str, bytes]:
        dataset = DatasetName(self.name.project, issue.dataset)
        return await claim_label_ids(self.stores.ledger, dataset, self.candidates.candidates)

    async def _commit(
        self,
        checks: dict[str, int],
        issue: IssueRecord,
        rows: Sequence[int],
        labels: dict[str, bytes],
    ) -> None:
        checks = checks | dict.fromkeys(labels, ABSENT)
        puts = labels | {self._key(self.elements[row]): encode(self.elements[row]) for row in rows}
        puts[issue_key(self.name.issue)] = encode(issue)
        space = space_key(issue.model_id, issue.dimension)
        if not await self.stores.ledger.get(self.name.project, [space]):
            checks[space] = ABSENT
            puts[space] = encode(SpaceRecord(model_id=issue.model_id, dimension=issue.dimension))
        await self.stores.ledger.commit(Transaction(self.name.project, checks=checks, puts=puts))

    def _key(self, element: ElementRecord) -> str:
        return element_key(self.name.issue, element.frame_id, element.label_id)
