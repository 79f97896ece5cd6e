"""Adding, removing and listing the elements of an issue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.campaign import points
from services.campaign.candidates import (
    Candidates,
    check_count,
    check_dataset,
    check_space,
    make_elements,
)
from services.campaign.datasets import get_dataset
from services.campaign.issues import get_issue, read_issue
from services.campaign.label_ids import claim_label_ids
from services.campaign.records import (
    Element,
    Issue,
    Space,
    changed,
    element_key,
    element_prefix,
    issue_key,
    space_key,
)
from services.ledger.interface import ABSENT, Transaction
from services.records.documents import StoredRecord, retry
from services.records.pages import Page
from services.records.records import decode, encode
from services.records.stores import Stores
from sluice.checks import check_text
from sluice.errors import InvalidArgument, ResourceExhausted
from sluice.names import DatasetName, IssueName

ELEMENTS_PER_ISSUE_MAX: Final = 50_000

PAGE_BYTES_MAX: Final = 2 * 2**20
"""Where a page of elements ends at the latest; gRPC clients take messages of 4 MiB."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the candidates of one call, and the issue as it is now."""

    added_count: int
    replaced_count: int
    unchanged_count: int
    issue: Issue


@dataclass(frozen=True, slots=True)
class Removed:
    """How many elements were removed, and the issue as it is now."""

    removed_count: int
    issue: Issue


async def add_elements(stores: Stores, name: IssueName, candidates: Candidates) -> Added:
    """Add elements to an issue, all or none; one with the same content stays as it is.

    Raises InvalidArgument naming the first element that may not be one of the issue's, and
    ResourceExhausted when there would be too many.
    """
    check_text("model_id", candidates.model_id)
    issue = await get_issue(stores, name)
    dataset = DatasetName(name.project, issue.dataset)
    check_dataset(candidates.candidates, dataset, await get_dataset(stores, dataset))
    check_space(candidates, issue)
    elements, vectors = await asyncio.to_thread(make_elements, candidates)
    addition = _Addition(stores, name, candidates, elements, vectors)
    return await retry(addition.attempt, name)


async def remove_elements(
    stores: Stores, name: IssueName, known_as: Sequence[tuple[str, str]]
) -> Removed:
    """Remove the elements of those frame and label ids; one that is not there is passed over.

    Raises InvalidArgument for one that is named twice.
    """
    check_count(len(known_as))
    first: dict[str, int] = {}
    for index, (frame_id, label_id) in enumerate(known_as):
        known = first.setdefault(element_key(name.issue, frame_id, label_id), index)
        if known != index:
            raise InvalidArgument.of(f"elements[{index}]", f"is the same as elements[{known}]")
    return await retry(lambda: _remove(stores, name, list(first)), name)


async def list_elements(
    stores: Stores, name: IssueName, page: Page
) -> tuple[Issue, list[Element], str]:
    """An issue, a page of its elements by frame id, and the next page's token."""
    issue = await get_issue(stores, name)
    entries = await stores.ledger.scan(
        name.project, element_prefix(name.issue), after=page.after, limit=page.size + 1
    )
    kept, size = 0, 0
    for entry in entries[: page.size]:
        size += len(entry.value)
        if kept and size > PAGE_BYTES_MAX:
            break
        kept += 1
    token = page.token(entries[kept - 1].key) if kept < len(entries) else ""
    return issue, [decode(Element, entry) for entry in entries[:kept]], token


async def _remove(stores: Stores, name: IssueName, keys: list[str]) -> Removed:
    issue = await read_issue(stores, name)
    known = await stores.ledger.get(name.project, keys)
    if not known:
        return Removed(0, issue.record)
    now = changed(
        issue.record,
        element_count=issue.record.element_count - len(known),
        edits=issue.record.edits + 1,
    )
    where = issue_key(name.issue)
    await stores.ledger.commit(
        Transaction(
            name.project,
            checks={where: issue.revision},
            puts={where: encode(now)},
            deletes=list(known),
        )
    )
    await points.forget(stores, name, now, [decode(Element, entry) for entry in known.values()])
    return Removed(len(known), now)


@dataclass(slots=True)
class _Addition:
    """One call that adds elements; what of it is new is found out in each attempt."""

    stores: Stores
    name: IssueName
    candidates: Candidates
    elements: list[Element]
    vectors: NDArray[np.float32]
    written: set[int] = field(default_factory=set)
    """The rows whose points are in the vector store by now."""

    async def attempt(self) -> Added:
        """Add what is new or has other content; raises Conflict when others were faster."""
        issue = await read_issue(self.stores, self.name)
        check_space(self.candidates, issue.record)
        known = await self._known()
        rows = [
            row
            for row, (old, new) in enumerate(zip(known, self.elements))
            if old is None or old.digest != new.digest
        ]
        replaced = [old for row in rows if (old := known[row])]
        added, unchanged = len(rows) - len(replaced), len(known) - len(rows)
        now = issue.record
        if rows:
            now = self._grown(now, added)
            labels = await self._labels(now)
            # Vectors go first: a point that no element names is harmless, the reverse is not.
            await self._write_points(now, rows)
            await self._commit(issue, now, rows, labels)
        unnamed = [self.elements[row] for row in self.written.difference(rows)]
        await points.forget(self.stores, self.name, now, [*replaced, *unnamed])
        return Added(added, len(replaced), unchanged, now)

    async def _known(self) -> list[Element | None]:
        keys = [self._key(element) for element in self.elements]
        entries = await self.stores.ledger.get(self.name.project, keys)
        return [decode(Element, entries[key]) if key in entries else None for key in keys]

    def _grown(self, issue: Issue, added: int) -> Issue:
        count = issue.element_count + added
        if added and count > ELEMENTS_PER_ISSUE_MAX:
            raise ResourceExhausted(
                f"{self.name}: {added} new elements would make {count}, "
                f"at most {ELEMENTS_PER_ISSUE_MAX} are accepted",
                metadata={"limit": str(ELEMENTS_PER_ISSUE_MAX)},
            )
        return changed(
            issue,
            model_id=self.candidates.model_id,
            dimension=self.vectors.shape[1],
            element_count=count,
            edits=issue.edits + 1,
        )

    async def _write_points(self, issue: Issue, rows: Sequence[int]) -> None:
        missing = [row for row in rows if row not in self.written]
        if missing:
            elements = [self.elements[row] for row in missing]
            await points.write(self.stores, self.name, issue, elements, self.vectors[missing])
            self.written.update(missing)

    async def _labels(self, issue: Issue) -> dict[str, bytes]:
        dataset = DatasetName(self.name.project, issue.dataset)
        return await claim_label_ids(self.stores.ledger, dataset, self.candidates.candidates)

    async def _commit(
        self, before: StoredRecord[Issue], now: Issue, rows: Sequence[int], labels: dict[str, bytes]
    ) -> None:
        where = issue_key(self.name.issue)
        checks = {where: before.revision} | dict.fromkeys(labels, ABSENT)
        puts = labels | {self._key(self.elements[row]): encode(self.elements[row]) for row in rows}
        puts[where] = encode(now)
        space = space_key(now.model_id, now.dimension)
        if not await self.stores.ledger.get(self.name.project, [space]):
            checks[space] = ABSENT
            puts[space] = encode(Space(model_id=now.model_id, dimension=now.dimension))
        await self.stores.ledger.commit(Transaction(self.name.project, checks=checks, puts=puts))

    def _key(self, element: Element) -> str:
        return element_key(self.name.issue, element.frame_id, element.label_id)
