"""Snapshots: the elements of an issue at one moment, named by the digest of what they are.

With feedback a snapshot has samples beside them: accepted ones, and negatives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.campaign import points
from services.campaign.candidates import content_digest
from services.campaign.issues import get_issue
from services.campaign.manifest import Manifest, lines_of
from services.campaign.records import Element, ElementEntry, Issue, element_prefix
from services.records.documents import ATTEMPTS
from services.records.points import read_points
from services.records.records import decode
from services.records.stores import Stores
from services.vectors.interface import Collection
from sluice.errors import Aborted, DataLoss, FailedPrecondition
from sluice.names import CampaignName, IssueName

PAGE: Final = 1_000
"""Elements read or written at a time, so that few of them lie in memory twice."""

ElementT = TypeVar("ElementT", bound=ElementEntry)


@dataclass(frozen=True, slots=True)
class Members:
    """Elements or samples, sorted as in their manifest, and their unit vectors.

    `vectors` is `(entries, dimension) float32`; each has the digest that its entry says.
    """

    entries: Sequence[ElementEntry]
    vectors: NDArray[np.float32]


NOTHING: Final = Members((), np.empty((0, 0), np.float32))


@dataclass(frozen=True, slots=True)
class Content:
    """An issue at one moment with its elements, and the samples that a snapshot has beside them."""

    issue: Issue
    elements: Members
    accepted: Members = NOTHING
    negatives: Members = NOTHING

    @property
    def manifest(self) -> Manifest:
        """What it consists of."""
        return Manifest(
            elements=lines_of(self.elements.entries),
            accepted=lines_of(self.accepted.entries),
            negatives=lines_of(self.negatives.entries),
        )

    @property
    def positives(self) -> Members:
        """What a model of it scores for: the elements and the accepted samples."""
        if not self.accepted.entries:
            return self.elements
        entries = [*self.elements.entries, *self.accepted.entries]
        return Members(entries, np.concatenate([self.elements.vectors, self.accepted.vectors]))


async def read_content(stores: Stores, name: IssueName) -> Content:
    """What an issue holds now, read as it was at one moment.

    Raises FailedPrecondition when that is nothing, DataLoss naming an element that is not what
    its digest says, and Aborted when the issue never stays the same for as long as reading takes.
    """
    for _ in range(ATTEMPTS):
        issue = await get_issue(stores, name)
        elements = await read_elements(stores, name, Element)
        vectors = await read_points(
            stores.vectors,
            points.elements_of(name.project, issue.model_id, issue.dimension),
            points.issue_tenant(name),
            [UUID(bytes=element.point) for element in elements],
        )
        if (await get_issue(stores, name)).edits != issue.edits:
            continue
        if not elements:
            raise FailedPrecondition(f"{name} has no elements, at least one is needed")
        await asyncio.to_thread(_verify, name, elements, vectors)
        return Content(issue, Members(elements, vectors))
    raise Aborted(f"{name} was changed by others while it was read, {ATTEMPTS} times over")


async def read_elements(stores: Stores, name: IssueName, kind: type[ElementT]) -> list[ElementT]:
    """All elements of an issue by frame and label id, or as much of each as `kind` has."""
    elements: list[ElementT] = []
    start, after = element_prefix(name.issue), ""
    while page := await stores.ledger.scan(name.project, start, after=after, limit=PAGE):
        elements += [decode(kind, entry) for entry in page]
        after = page[-1].key
    return elements


async def write_snapshot(
    stores: Stores, campaign: CampaignName, content: Content, manifest: bytes
) -> str:
    """Write the manifest and the points of a snapshot, and return its digest.

    Raises DataLoss when the points do not come back as they were written.
    """
    digest = await stores.blobs.put(manifest)
    space = (campaign.project, content.issue.model_id, content.issue.dimension)
    for members, review in (
        (content.elements, ""),
        (content.accepted, points.ACCEPTED),
        (content.negatives, points.DISCARDED),
    ):
        await _write_members(stores, campaign, digest, points.elements_of(*space), members, review)
    return digest


async def _write_members(
    stores: Stores,
    campaign: CampaignName,
    digest: str,
    collection: Collection,
    members: Members,
    review: str,
) -> None:
    tenant = points.snapshot_tenant(campaign, digest)
    for start in range(0, len(members.entries), PAGE):
        entries = members.entries[start : start + PAGE]
        vectors = members.vectors[start : start + PAGE]
        ids = [points.snapshot_point(campaign, digest, entry) for entry in entries]
        page = points.points_of(ids, entries, vectors, review)
        await stores.vectors.write(collection, tenant, page)
        written = await read_points(stores.vectors, collection, tenant, ids)
        if not np.array_equal(vectors, written):
            raise DataLoss(
                f"snapshot {digest}: its points are not what was written",
                metadata={"digest": digest},
            )


def _verify(name: IssueName, elements: list[Element], vectors: NDArray[np.float32]) -> None:
    for element, vector in zip(elements, vectors):
        if content_digest(element.frame, element.label_id, vector) != element.digest:
            crop = f", label {element.label_id!r}" if element.label_id else ""
            raise DataLoss(
                f"{name}: frame {element.frame_id!r}{crop} is not what its digest says",
                metadata={"digest": element.digest.hex()},
            )
