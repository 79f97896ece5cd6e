"""Points of elements in the vector store: those of issues, and those of snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from services.campaign.records import ElementEntry, ElementRecord, IssueRecord, VersionRecord
from services.records.stores import Stores
from services.vectors.interface import Collection, Kind, Payload, Points, Space
from services.vectors.naming import point_id
from sluice.errors import SluiceError
from sluice.names import CampaignName, IssueName

ACCEPTED: Final = "accepted"
DISCARDED: Final = "discarded"
"""Review of a sample in a snapshot, as its payload has it."""

log = structlog.get_logger()


def elements_collection(project: str, model_id: str, dimension: int) -> Collection:
    """The collection of all elements of a space."""
    return Collection(Kind.ELEMENTS, Space(project, model_id, dimension))


def collection_for(project: str, record: IssueRecord | VersionRecord) -> Collection:
    """The collection of the elements of an issue or version."""
    return elements_collection(project, record.model_id, record.dimension)


def issue_tenant(issue: IssueName) -> str:
    """The tenant of an issue's points."""
    return issue_tenant_prefix(issue.project) + issue.issue


def issue_tenant_prefix(project: str) -> str:
    """Prefix of the tenants of a project's issues."""
    return f"{project}/issues/"


def snapshot_tenant(campaign: CampaignName, digest: str) -> str:
    """The tenant of a snapshot's points: elements, accepted samples and negatives."""
    return f"{snapshot_tenant_prefix(campaign.project)}{campaign.campaign}/{digest}"


def snapshot_tenant_prefix(project: str) -> str:
    """Prefix of the tenants of a project's snapshots."""
    return f"{project}/snapshots/"


def snapshot_point(campaign: CampaignName, digest: str, entry: ElementEntry) -> UUID:
    """The point id of an element or sample in a snapshot."""
    return point_id(campaign.project, campaign.campaign, digest, entry.frame_id, entry.label_id)


async def write(
    stores: Stores,
    name: IssueName,
    issue: IssueRecord,
    elements: Sequence[ElementRecord],
    vectors: NDArray[np.float32],
) -> None:
    """Write the points of an issue's elements; `vectors` has one row per element."""
    ids = [UUID(bytes=element.point) for element in elements]
    collection = collection_for(name.project, issue)
    await stores.vectors.write(collection, issue_tenant(name), to_points(ids, elements, vectors))


async def delete(
    stores: Stores, name: IssueName, issue: IssueRecord, elements: Sequence[ElementRecord]
) -> None:
    """Delete the points of removed elements, at best effort.

    No record references them, so an error of the vector store is logged and not raised; `doctor`
    removes the points later.
    """
    if not elements:
        return
    ids = [UUID(bytes=element.point) for element in elements]
    collection = collection_for(name.project, issue)
    try:
        await stores.vectors.delete(collection, issue_tenant(name), ids)
    except SluiceError as error:
        log.warning("points.left_behind", issue=str(name), points=len(ids), error=str(error))


def to_points(
    ids: Sequence[UUID],
    entries: Iterable[ElementEntry],
    vectors: NDArray[np.float32],
    review: str = "",
) -> Points:
    """Points of elements, or of samples with the same review; one row of `vectors` each."""
    return Points(ids, vectors, [to_payload(entry, review) for entry in entries])


def to_payload(entry: ElementEntry, review: str = "") -> Payload:
    """The payload of an element, or of a sample with its review."""
    ids = {"frame_id": entry.frame_id, "label_id": entry.label_id}
    return {**ids, "review": review} if review else ids
