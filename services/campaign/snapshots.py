"""Snapshots: the elements of an issue at one moment, named by the digest of their manifest.

With feedback a snapshot also has samples: accepted ones, and negatives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.campaign import element_points
from services.campaign.candidates import content_digest
from services.campaign.issues import get_issue
from services.campaign.manifest import Manifest, to_lines
from services.campaign.records import ElementEntry, ElementRecord, IssueRecord, element_prefix
from services.records.documents import ATTEMPTS
from services.records.points import read_points
from services.records.records import decode
from services.records.stores import Stores
from services.vectors.interface import Collection
from sluice.errors import Aborted, DataLoss, FailedPrecondition
from sluice.names import CampaignName, IssueName

PAGE: Final = 1_000
"""Elements read or written at a time, which bounds the memory for copies."""

ElementT = TypeVar("ElementT", bound=ElementEntry)


@dataclass(frozen=True, slots=True)
class SnapshotMembers:
    """Elements or samples in the order of their manifest, and their unit vectors.

    `vectors` is `(entries, dimension) float32`; each row matches the digest of its entry.
    """

    entries: Sequence[ElementEntry]
    vectors: NDArray[np.float32]

    def without(self, frame_ids: Container[str]) -> SnapshotMembers:
        """The members without those of some frames."""
        rows = [row for row, entry in enumerate(self.entries) if entry.frame_id not in frame_ids]
        return SnapshotMembers([self.entries[row] for row in rows], self.vectors[rows])


NO_MEMBERS: Final = SnapshotMembers((), np.empty((0, 0), np.float32))


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """An issue with its elements at one moment, and the samples that are added to the snapshot."""

    issue: IssueRecord
    elements: SnapshotMembers
    accepted: SnapshotMembers = NO_MEMBERS
    negatives: SnapshotMembers = NO_MEMBERS

    @property
    def manifest(self) -> Manifest:
        """The manifest of the snapshot."""
        return Manifest(
            elements=to_lines(self.elements.entries),
            accepted=to_lines(self.accepted.entries),
            negatives=to_lines(self.negatives.entries),
        )

    @property
    def positives(self) -> SnapshotMembers:
        """The elements and the accepted samples, which the model is built from."""
        if not self.accepted.entries:
            return self.elements
        entries = [*self.elements.entries, *self.accepted.entries]
        vectors = np.concatenate([self.elements.vectors, self.accepted.vectors])
        return SnapshotMembers(entries, vectors)


async def read_content(stores: Stores, name: IssueName) -> SnapshotContent:
    """Read an issue with all its elements as of one moment.

    Raises FailedPrecondition if it has none, DataLoss naming an element that does not match its
    digest, and Aborted if the issue changes during every attempt.
    """
    for _ in range(ATTEMPTS):
        issue = await get_issue(stores, name)
        elements = await read_elements(stores, name, ElementRecord)
        vectors = await read_points(
            stores.vectors,
            element_points.collection_for(name.project, issue),
            element_points.issue_tenant(name),
            [UUID(bytes=element.point) for element in elements],
        )
        if (await get_issue(stores, name)).edits != issue.edits:
            continue
        if not elements:
            raise FailedPrecondition(f"{name} has no elements; add at least one first")
        await asyncio.to_thread(_verify, name, elements, vectors)
        return SnapshotContent(issue, SnapshotMembers(elements, vectors))
    raise Aborted(f"{name} changed during each of {ATTEMPTS} attempts to read it: try again")


async def read_elements(stores: Stores, name: IssueName, kind: type[ElementT]) -> list[ElementT]:
    """All elements of an issue, ordered by frame and label id, decoded as `kind`."""
    elements: list[ElementT] = []
    start, after = element_prefix(name.issue), ""
    while page := await stores.ledger.scan(name.project, start, after=after, limit=PAGE):
        elements += [decode(kind, entry) for entry in page]
        after = page[-1].key
    return elements


async def write_snapshot(
    stores: Stores, campaign: CampaignName, content: SnapshotContent, manifest: bytes
) -> str:
    """Write the manifest and the points of a snapshot, and return its digest.

    Raises DataLoss if the points read back differ from those written.
    """
    digest = await stores.blobs.put(manifest)
    collection = element_points.collection_for(campaign.project, content.issue)
    for members, review in (
        (content.elements, ""),
        (content.accepted, element_points.ACCEPTED),
        (content.negatives, element_points.DISCARDED),
    ):
        await _write_members(stores, campaign, digest, collection, members, review)
    return digest


async def _write_members(
    stores: Stores,
    campaign: CampaignName,
    digest: str,
    collection: Collection,
    members: SnapshotMembers,
    review: str,
) -> None:
    tenant = element_points.snapshot_tenant(campaign, digest)
    for start in range(0, len(members.entries), PAGE):
        entries = members.entries[start : start + PAGE]
        vectors = members.vectors[start : start + PAGE]
        ids = [element_points.snapshot_point(campaign, digest, entry) for entry in entries]
        page = element_points.to_points(ids, entries, vectors, review)
        await stores.vectors.write(collection, tenant, page)
        stored = await read_points(stores.vectors, collection, tenant, ids)
        if not np.array_equal(vectors, stored):
            raise DataLoss(
                f"snapshot {digest}: its points differ from those written",
                metadata={"digest": digest},
            )


def _verify(name: IssueName, elements: list[ElementRecord], vectors: NDArray[np.float32]) -> None:
    for element, vector in zip(elements, vectors):
        if content_digest(element.frame, element.label_id, vector) != element.digest:
            crop = f", label {element.label_id!r}" if element.label_id else ""
            raise DataLoss(
                f"{name}: frame {element.frame_id!r}{crop} does not match its digest",
                metadata={"digest": element.digest.hex()},
            )
