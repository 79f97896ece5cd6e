"""Deleting frames from a project: from its issues, snapshots and scoring models.

First the tombstones, then the copies: what is added without seeing them is seen by the purge. Each
step can be repeated, so a call that was interrupted is completed by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from services.campaign import element_points
from services.campaign.deleted_frames import TOMBSTONES
from services.campaign.projects import get_project
from services.campaign.records import (
    ElementRecord,
    IssueRecord,
    element_key,
    issue_key,
    revise,
)
from services.campaign.snapshot_purge import count_members, purge_snapshots
from services.ledger.interface import Entry, Transaction
from services.records.documents import find_record, retry
from services.records.point_deletions import delete_listed_points, list_points
from services.records.records import decode, encode
from services.records.scanning import list_children, scan_pages
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts, check_frame_ids
from sluice.names import IssueName, ProjectName

SERVICE: Final = TOMBSTONES.service


async def purge_frames(
    stores: Stores, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
) -> DeletionCounts:
    """Remove all copies of frames from a project, and never accept them again.

    Raises NotFound for a project that does not exist.
    """
    check_frame_ids(frame_ids)
    await get_project(stores, name)
    counts = await _count_copies(stores, name, frame_ids)
    if validate_only:
        return await TOMBSTONES.sum_counts(stores.ledger, name.project, counts)
    total = await TOMBSTONES.put(stores.ledger, name.project, counts)
    for issue in await _list_issues(stores, name):
        await _purge_issue(stores, issue, frame_ids)
    await delete_listed_points(stores, name.project, SERVICE)
    await purge_snapshots(stores, name, frozenset(frame_ids))
    return total


async def _count_copies(
    stores: Stores, name: ProjectName, frame_ids: Sequence[str]
) -> dict[str, DeletionCounts]:
    elements = dict.fromkeys(frame_ids, 0)
    for issue in await _list_issues(stores, name):
        for frame_id in frame_ids:
            elements[frame_id] += len(await _find_elements(stores, issue, frame_id))
    members = await count_members(stores, name, frame_ids)
    return {id: DeletionCounts(elements=elements[id], members=members[id]) for id in frame_ids}


async def _list_issues(stores: Stores, name: ProjectName) -> list[IssueName]:
    children = await list_children(stores.ledger, name.project, "element")
    return [IssueName(name.project, issue) for issue in children]


async def _find_elements(stores: Stores, issue: IssueName, frame_id: str) -> list[Entry]:
    """The elements of a frame: the whole frame, and its crops."""
    below = element_key(issue.issue, frame_id, "")
    pages = scan_pages(stores.ledger, issue.project, below)
    return [entry async for page in pages for entry in page]


async def _purge_issue(stores: Stores, name: IssueName, frame_ids: Sequence[str]) -> None:
    """Remove the elements of frames, and list their points for deletion."""

    async def attempt() -> None:
        key = issue_key(name.issue)
        stored = await find_record(stores.ledger, name.project, key, IssueRecord)
        if stored is None:  # it is being deleted with all its elements
            return
        entries = [e for id in frame_ids for e in await _find_elements(stores, name, id)]
        if not entries:
            return
        issue = revise(
            stored.record,
            element_count=stored.record.element_count - len(entries),
            edits=stored.record.edits + 1,
        )
        collection = element_points.collection_for(name.project, issue)
        points = [decode(ElementRecord, entry).point for entry in entries]
        listed = list_points(SERVICE, collection, element_points.issue_tenant(name), points)
        await stores.ledger.commit(
            Transaction(
                name.project,
                checks={key: stored.revision},
                puts={key: encode(issue), **listed},
                deletes=[entry.key for entry in entries],
            )
        )

    await retry(attempt, name)
