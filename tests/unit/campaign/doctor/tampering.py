"""Ways to damage the stores of the campaign service, each with the finding that must name it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

import numpy as np
from msgspec import structs

from services.campaign import element_points
from services.campaign.commit import commit_version
from services.campaign.elements import remove_elements
from services.campaign.records import (
    GENERATION,
    CampaignRecord,
    ElementRecord,
    IssueCampaignsRecord,
    IssueRecord,
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
from tests.unit.campaign.campaign_service import (
    DIMENSION,
    ELEMENTS,
    MODEL_ID,
    ONCE,
    PROJECT,
    CampaignService,
    make_embedding,
)
from tests.unit.campaign.faults import failing


@dataclass(frozen=True, slots=True)
class Scenario:
    """A campaign of two versions, whose issue has one element more than the newest version."""

    service: CampaignService
    issue: IssueName
    campaign: CampaignName

    async def read(self, key: str, kind: type[RecordT]) -> RecordT:
        """A record."""
        entries = await self.service.stores.ledger.get(PROJECT.project, [key])
        return decode(kind, entries[key])

    async def change(self, *deletes: str, adds: int = 0) -> None:
        """Delete records, or change the generation."""
        changes = {GENERATION: Add(adds)} if adds else {}
        transaction = Transaction(PROJECT.project, deletes=deletes, adds=changes)
        await self.service.stores.ledger.commit(transaction)

    async def put(self, key: str, value: bytes) -> None:
        """Put a record."""
        await self.service.stores.ledger.commit(Transaction(PROJECT.project, puts={key: value}))

    async def read_campaign(self) -> CampaignRecord:
        """The campaign."""
        return await self.read(campaign_key(self.campaign.campaign), CampaignRecord)

    async def read_element(self, frame_id: str) -> ElementRecord:
        """An element of the issue."""
        return await self.read(element_key(self.issue.issue, frame_id, ""), ElementRecord)

    async def read_snapshot_point(self, frame_id: str) -> tuple[str, Points]:
        """The tenant of the newest snapshot, and the point that an element has in it."""
        digest = (await self.read_campaign()).version.snapshot_digest
        tenant = element_points.snapshot_tenant(self.campaign, digest)
        point = element_points.snapshot_point(
            self.campaign, digest, await self.read_element(frame_id)
        )
        return tenant, await self.service.stores.vectors.retrieve(ELEMENTS, tenant, [point])


async def create_scenario(service: CampaignService) -> Scenario:
    """A campaign with a background from version 2 on."""
    issue = await service.create_issue("a", "b", "c")
    campaign, _ = await service.create_campaign(issue)
    await service.set_background()
    await service.add_frames(issue, "d")
    await service.commit_version(campaign)
    await service.add_frames(issue, "e")
    return Scenario(service, issue, campaign)


async def miscount_elements(scenario: Scenario) -> None:
    """The issue counts one element too few."""
    key = issue_key(scenario.issue.issue)
    issue = await scenario.read(key, IssueRecord)
    await scenario.put(key, encode(structs.replace(issue, element_count=4)))


async def delete_element_point(scenario: Scenario) -> None:
    """The point of an element is missing; a snapshot has a copy."""
    ids = [UUID(bytes=(await scenario.read_element("a")).point)]
    await scenario.service.stores.vectors.delete(
        ELEMENTS, element_points.issue_tenant(scenario.issue), ids
    )


async def add_orphan_point(scenario: Scenario) -> None:
    """The issue has a point without an element."""
    orphan = Points([uuid4()], make_embedding("x")[None], [{"frame_id": "a", "label_id": ""}])
    await scenario.service.stores.vectors.write(
        ELEMENTS, element_points.issue_tenant(scenario.issue), orphan
    )


async def delete_issue_record(scenario: Scenario) -> None:
    """An issue is deleted, but not its elements."""
    other = await scenario.service.create_issue("x")
    await scenario.change(issue_key(other.issue), issue_campaigns_key(other.issue))
    ids = [
        UUID(bytes=(await scenario.read(element_key(other.issue, "x", ""), ElementRecord)).point)
    ]
    await scenario.service.stores.vectors.delete(ELEMENTS, element_points.issue_tenant(other), ids)


async def add_points_of_deleted_issue(scenario: Scenario) -> None:
    """Points are left of an unknown issue."""
    orphan = Points([uuid4()], make_embedding("x")[None], [{"frame_id": "a", "label_id": ""}])
    tenant = element_points.issue_tenant(IssueName(PROJECT.project, "gone"))
    await scenario.service.stores.vectors.write(ELEMENTS, tenant, orphan)


async def clear_issue_campaigns(scenario: Scenario) -> None:
    """The issue does not list its campaign."""
    await scenario.put(issue_campaigns_key(scenario.issue.issue), encode(IssueCampaignsRecord()))


async def delete_space(scenario: Scenario) -> None:
    """The space has no record."""
    await scenario.change(space_key(MODEL_ID, DIMENSION))


async def activate_old_version(scenario: Scenario) -> None:
    """The campaign has the version before its newest."""
    key = campaign_key(scenario.campaign.campaign)
    campaign = await scenario.read_campaign()
    first = await scenario.read(version_key(scenario.campaign.campaign, 1), type(campaign.version))
    await scenario.put(key, encode(structs.replace(campaign, version=first)))


async def delete_newest_version(scenario: Scenario) -> None:
    """The record of the newest version is missing."""
    await scenario.change(version_key(scenario.campaign.campaign, 2))


async def reset_generation(scenario: Scenario) -> None:
    """The generation is reset."""
    await scenario.change(adds=-2)


async def delete_snapshot_point(scenario: Scenario) -> None:
    """A point of the newest snapshot is missing."""
    tenant, stored = await scenario.read_snapshot_point("b")
    await scenario.service.stores.vectors.delete(ELEMENTS, tenant, stored.ids)


async def change_snapshot_vector(scenario: Scenario) -> None:
    """A point of the newest snapshot has another vector."""
    tenant, stored = await scenario.read_snapshot_point("b")
    other = np.roll(stored.vectors, 1)
    await scenario.service.stores.vectors.write(
        ELEMENTS, tenant, Points(stored.ids, other, stored.payloads)
    )


async def add_snapshot_point(scenario: Scenario) -> None:
    """The newest snapshot has one point too many."""
    tenant, stored = await scenario.read_snapshot_point("b")
    await scenario.service.stores.vectors.write(
        ELEMENTS, tenant, Points([uuid4()], stored.vectors, stored.payloads)
    )


async def crash_commit(scenario: Scenario) -> None:
    """A commit has crashed before it bound its version, and its manifest is missing."""
    blobs = failing(scenario.service.stores.blobs, "put", at=2)
    try:
        await commit_version(
            scenario.service.with_stores(blobs=blobs).stores, ONCE, scenario.campaign, ""
        )
    except Unavailable:
        digest = (await scenario.service.stores.ledger.scan(PROJECT.project, "making/", limit=1))[
            0
        ].key
        await scenario.service.stores.blobs.delete(digest.rpartition("/")[2])


async def add_unbound_snapshot(scenario: Scenario) -> None:
    """A snapshot exists in the vector store alone."""
    tenant = element_points.snapshot_tenant(scenario.campaign, "0" * 64)
    orphan = Points([uuid4()], make_embedding("x")[None], [{"frame_id": "a", "label_id": ""}])
    await scenario.service.stores.vectors.write(ELEMENTS, tenant, orphan)


async def delete_manifest(scenario: Scenario) -> None:
    """The manifest of a version that equals its issue is missing."""
    await scenario.service.commit_version(scenario.campaign)
    digest = (await scenario.read_campaign()).version.snapshot_digest
    await scenario.service.stores.blobs.delete(digest)


async def delete_model(scenario: Scenario) -> None:
    """The newest scoring model is missing."""
    await scenario.service.stores.blobs.delete(
        (await scenario.read_campaign()).version.model_digest
    )


async def put_unreferenced_manifest(scenario: Scenario) -> None:
    """The blob store has a manifest that nothing references."""
    await scenario.service.stores.blobs.put(b'[["x","","00"]]')


Tampering = Callable[[Scenario], Awaitable[None]]
"""Damages the stores at one place."""

REPAIRABLE: Final[list[tuple[Tampering, FindingKind]]] = [
    (miscount_elements, FindingKind.ELEMENT_COUNT),
    (delete_element_point, FindingKind.ELEMENT_VECTOR),
    (add_orphan_point, FindingKind.ELEMENT_ORPHAN),
    (delete_issue_record, FindingKind.ISSUE_LEFTOVER),
    (add_points_of_deleted_issue, FindingKind.ISSUE_LEFTOVER),
    (clear_issue_campaigns, FindingKind.ISSUE_CAMPAIGNS),
    (delete_space, FindingKind.SPACE_MISSING),
    (activate_old_version, FindingKind.ACTIVE_VERSION),
    (delete_newest_version, FindingKind.VERSION_MISSING),
    (reset_generation, FindingKind.GENERATION),
    (delete_snapshot_point, FindingKind.SNAPSHOT_POINTS),
    (change_snapshot_vector, FindingKind.SNAPSHOT_POINTS),
    (add_snapshot_point, FindingKind.SNAPSHOT_POINTS),
    (crash_commit, FindingKind.SNAPSHOT_UNBOUND),
    (add_unbound_snapshot, FindingKind.SNAPSHOT_UNBOUND),
    (delete_manifest, FindingKind.BLOB_DAMAGED),
    (delete_model, FindingKind.BLOB_DAMAGED),
    (put_unreferenced_manifest, FindingKind.BLOB_UNNAMED),
]
"""Damage that can be repaired, each with its finding."""


async def delete_only_element_point(scenario: Scenario) -> None:
    """The point of an element is missing, and no snapshot has a copy."""
    ids = [UUID(bytes=(await scenario.read_element("e")).point)]
    await scenario.service.stores.vectors.delete(
        ELEMENTS, element_points.issue_tenant(scenario.issue), ids
    )


async def delete_first_version(scenario: Scenario) -> None:
    """The record of an earlier version is missing; its snapshot and files are not."""
    await scenario.change(version_key(scenario.campaign.campaign, 1))


async def delete_only_snapshot_point(scenario: Scenario) -> None:
    """A point of a snapshot is missing, and its element was removed."""
    tenant, stored = await scenario.read_snapshot_point("d")
    await scenario.service.stores.vectors.delete(ELEMENTS, tenant, stored.ids)
    await remove_elements(scenario.service.stores, scenario.issue, [("d", "")])


async def delete_basis(scenario: Scenario) -> None:
    """The background is missing."""
    await scenario.service.stores.blobs.delete(
        (await scenario.read_campaign()).version.basis_digest
    )


LOST: Final[list[tuple[Tampering, FindingKind]]] = [
    (delete_only_element_point, FindingKind.ELEMENT_VECTOR),
    (delete_first_version, FindingKind.VERSION_MISSING),
    (delete_only_snapshot_point, FindingKind.SNAPSHOT_POINTS),
    (delete_basis, FindingKind.BLOB_DAMAGED),
]
"""Damage that cannot be repaired, each with its finding."""
