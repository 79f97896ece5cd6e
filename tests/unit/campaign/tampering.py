"""What a doctor must find: ways to write into the campaign service's stores behind its back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import numpy as np
from msgspec import structs

from services.campaign import points
from services.campaign.commit import commit_version
from services.campaign.elements import remove_elements
from services.campaign.records import (
    GENERATION,
    Campaign,
    Element,
    Issue,
    IssueCampaigns,
    campaign_key,
    element_key,
    issue_campaigns_key,
    issue_key,
    space_key,
    version_key,
)
from services.doctor.findings import FindingKind
from services.ledger.interface import Add, Transaction
from services.records.records import RecordT, decode, encode
from services.vectors.interface import Points
from sluice.errors import Unavailable
from sluice.names import CampaignName, IssueName
from tests.unit.campaign.faults import failing
from tests.unit.campaign.world import DIMENSION, MODEL_ID, ONCE, PROJECT, World, embedding

ELEMENTS: Final = points.elements_of(PROJECT.project, MODEL_ID, DIMENSION)


@dataclass(frozen=True, slots=True)
class Scene:
    """A world with a campaign of two versions; its issue has an element more than the newest."""

    world: World
    issue: IssueName
    campaign: CampaignName

    async def read(self, key: str, kind: type[RecordT]) -> RecordT:
        """A record."""
        found = await self.world.stores.ledger.get(PROJECT.project, [key])
        return decode(kind, found[key])

    async def write(self, *deletes: str, adds: int = 0) -> None:
        """Delete records, or move the generation."""
        moves = {GENERATION: Add(adds)} if adds else {}
        transaction = Transaction(PROJECT.project, deletes=deletes, adds=moves)
        await self.world.stores.ledger.commit(transaction)

    async def put(self, key: str, value: bytes) -> None:
        """Put a record."""
        await self.world.stores.ledger.commit(Transaction(PROJECT.project, puts={key: value}))

    async def record(self) -> Campaign:
        """The campaign."""
        return await self.read(campaign_key(self.campaign.campaign), Campaign)

    async def element(self, frame_id: str) -> Element:
        """An element of the issue."""
        return await self.read(element_key(self.issue.issue, frame_id, ""), Element)

    async def snapshot_point(self, frame_id: str) -> tuple[str, Points]:
        """The tenant of the newest snapshot, and the point that an element has in it."""
        digest = (await self.record()).version.snapshot_digest
        tenant = points.snapshot_tenant(self.campaign, digest)
        point = points.snapshot_point(self.campaign, digest, await self.element(frame_id))
        return tenant, await self.world.stores.vectors.retrieve(ELEMENTS, tenant, [point])


async def scene(here: World) -> Scene:
    """A campaign with a background from version 2 on."""
    issue = await here.issue("a", "b", "c")
    campaign, _ = await here.campaign(issue)
    await here.background()
    await here.add(issue, "d")
    await here.commit(campaign)
    await here.add(issue, "e")
    return Scene(here, issue, campaign)


async def element_count(of: Scene) -> None:
    """The issue says one element too few."""
    where = issue_key(of.issue.issue)
    issue = await of.read(where, Issue)
    await of.put(where, encode(structs.replace(issue, element_count=4)))


async def element_vector(of: Scene) -> None:
    """An element's point is gone; a snapshot has it still."""
    ids = [UUID(bytes=(await of.element("a")).point)]
    await of.world.stores.vectors.delete(ELEMENTS, points.issue_tenant(of.issue), ids)


async def element_orphan(of: Scene) -> None:
    """The issue has a point of no element."""
    orphan = Points([uuid4()], embedding("x")[None], [{"frame_id": "a", "label_id": ""}])
    await of.world.stores.vectors.write(ELEMENTS, points.issue_tenant(of.issue), orphan)


async def issue_leftover(of: Scene) -> None:
    """An issue is gone, and its elements are not."""
    other = await of.world.issue("x")
    await of.write(issue_key(other.issue), issue_campaigns_key(other.issue))
    ids = [UUID(bytes=(await of.read(element_key(other.issue, "x", ""), Element)).point)]
    await of.world.stores.vectors.delete(ELEMENTS, points.issue_tenant(other), ids)


async def leftover_points(of: Scene) -> None:
    """Points are left of an issue that nobody knows any more."""
    orphan = Points([uuid4()], embedding("x")[None], [{"frame_id": "a", "label_id": ""}])
    tenant = points.issue_tenant(IssueName(PROJECT.project, "gone"))
    await of.world.stores.vectors.write(ELEMENTS, tenant, orphan)


async def issue_campaigns(of: Scene) -> None:
    """The issue does not know of its campaign."""
    await of.put(issue_campaigns_key(of.issue.issue), encode(IssueCampaigns()))


async def space_missing(of: Scene) -> None:
    """The space has no record."""
    await of.write(space_key(MODEL_ID, DIMENSION))


async def active_version(of: Scene) -> None:
    """The campaign scores the version before its newest."""
    where = campaign_key(of.campaign.campaign)
    campaign = await of.record()
    first = await of.read(version_key(of.campaign.campaign, 1), type(campaign.version))
    await of.put(where, encode(structs.replace(campaign, version=first)))


async def version_missing(of: Scene) -> None:
    """The record of the newest version is gone."""
    await of.write(version_key(of.campaign.campaign, 2))


async def generation(of: Scene) -> None:
    """The generation is back at its start."""
    await of.write(adds=-2)


async def snapshot_point_missing(of: Scene) -> None:
    """A point of the newest snapshot is gone."""
    tenant, found = await of.snapshot_point("b")
    await of.world.stores.vectors.delete(ELEMENTS, tenant, found.ids)


async def snapshot_vector(of: Scene) -> None:
    """A point of the newest snapshot has another vector."""
    tenant, found = await of.snapshot_point("b")
    other = np.roll(found.vectors, 1)
    await of.world.stores.vectors.write(ELEMENTS, tenant, Points(found.ids, other, found.payloads))


async def snapshot_extra(of: Scene) -> None:
    """The newest snapshot has a point more than elements."""
    tenant, found = await of.snapshot_point("b")
    await of.world.stores.vectors.write(
        ELEMENTS, tenant, Points([uuid4()], found.vectors, found.payloads)
    )


async def unbound(of: Scene) -> None:
    """A commit died before it could bind its version, and its files are gone already."""
    blobs = failing(of.world.stores.blobs, "put", at=2)
    try:
        await commit_version(of.world.having(blobs=blobs).stores, ONCE, of.campaign, "")
    except Unavailable:
        digest = (await of.world.stores.ledger.scan(PROJECT.project, "making/", limit=1))[0].key
        await of.world.stores.blobs.delete(digest.rpartition("/")[2])


async def unbound_without_record(of: Scene) -> None:
    """A snapshot is in the vector store of which nothing else is known."""
    tenant = points.snapshot_tenant(of.campaign, "0" * 64)
    orphan = Points([uuid4()], embedding("x")[None], [{"frame_id": "a", "label_id": ""}])
    await of.world.stores.vectors.write(ELEMENTS, tenant, orphan)


async def manifest_damaged(of: Scene) -> None:
    """The manifest of a version that is what its issue is now is gone."""
    await of.world.commit(of.campaign)
    digest = (await of.record()).version.snapshot_digest
    await of.world.stores.blobs.delete(digest)


async def model_damaged(of: Scene) -> None:
    """The newest scoring model is gone."""
    await of.world.stores.blobs.delete((await of.record()).version.model_digest)


async def blob_unnamed(of: Scene) -> None:
    """A manifest is in the blob store that nothing names."""
    await of.world.stores.blobs.put(b'[["x","","00"]]')


Tamper = Callable[[Scene], Awaitable[None]]
"""Makes one difference."""

MENDED: Final[list[tuple[Tamper, FindingKind]]] = [
    (element_count, FindingKind.ELEMENT_COUNT),
    (element_vector, FindingKind.ELEMENT_VECTOR),
    (element_orphan, FindingKind.ELEMENT_ORPHAN),
    (issue_leftover, FindingKind.ISSUE_LEFTOVER),
    (leftover_points, FindingKind.ISSUE_LEFTOVER),
    (issue_campaigns, FindingKind.ISSUE_CAMPAIGNS),
    (space_missing, FindingKind.SPACE_MISSING),
    (active_version, FindingKind.ACTIVE_VERSION),
    (version_missing, FindingKind.VERSION_MISSING),
    (generation, FindingKind.GENERATION),
    (snapshot_point_missing, FindingKind.SNAPSHOT_POINTS),
    (snapshot_vector, FindingKind.SNAPSHOT_POINTS),
    (snapshot_extra, FindingKind.SNAPSHOT_POINTS),
    (unbound, FindingKind.SNAPSHOT_UNBOUND),
    (unbound_without_record, FindingKind.SNAPSHOT_UNBOUND),
    (manifest_damaged, FindingKind.BLOB_DAMAGED),
    (model_damaged, FindingKind.BLOB_DAMAGED),
    (blob_unnamed, FindingKind.BLOB_UNNAMED),
]
"""What can be mended, each with the finding that names it."""


async def element_vector_lost(of: Scene) -> None:
    """The point of an element that no snapshot has is gone."""
    ids = [UUID(bytes=(await of.element("e")).point)]
    await of.world.stores.vectors.delete(ELEMENTS, points.issue_tenant(of.issue), ids)


async def version_lost(of: Scene) -> None:
    """The record of an earlier version is gone; its snapshot and files are not."""
    await of.write(version_key(of.campaign.campaign, 1))


async def snapshot_lost(of: Scene) -> None:
    """A point of a snapshot is gone, and its element was removed."""
    tenant, found = await of.snapshot_point("d")
    await of.world.stores.vectors.delete(ELEMENTS, tenant, found.ids)
    await remove_elements(of.world.stores, of.issue, [("d", "")])


async def basis_lost(of: Scene) -> None:
    """The background is gone."""
    await of.world.stores.blobs.delete((await of.record()).version.basis_digest)


LOST: Final[list[tuple[Tamper, FindingKind]]] = [
    (element_vector_lost, FindingKind.ELEMENT_VECTOR),
    (version_lost, FindingKind.VERSION_MISSING),
    (snapshot_lost, FindingKind.SNAPSHOT_POINTS),
    (basis_lost, FindingKind.BLOB_DAMAGED),
]
"""What cannot, each with its finding."""
