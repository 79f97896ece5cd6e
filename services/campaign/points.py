"""Where the vectors of elements lie: those of an issue, and those of a version's snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray

from services.campaign.records import (
    Element,
    ElementEntry,
    Issue,
)
from services.records.stores import Stores
from services.vectors.interface import Collection, Kind, Payload, Points, Space
from services.vectors.naming import point_id
from sluice.errors import SluiceError
from sluice.names import CampaignName, IssueName

ACCEPTED: Final = "accepted"
DISCARDED: Final = "discarded"
"""What was said of the samples that a snapshot takes in."""

log = structlog.get_logger()


def elements_of(project: str, model_id: str, dimension: int) -> Collection:
    """The collection of all elements of a space."""
    return Collection(Kind.ELEMENTS, Space(project, model_id, dimension))


def issue_tenant(issue: IssueName) -> str:
    """Whose points the elements of an issue are."""
    return issues_of(issue.project) + issue.issue


def snapshots_of(project: str) -> str:
    """What the tenants of all snapshots of a project start with."""
    return f"{project}/snapshots/"


def issues_of(project: str) -> str:
    """What the tenants of all issues of a project start with."""
    return f"{project}/issues/"


def snapshot_tenant(campaign: CampaignName, digest: str) -> str:
    """Whose points the elements of a snapshot are, and its negatives."""
    return f"{snapshots_of(campaign.project)}{campaign.campaign}/{digest}"


def snapshot_point(campaign: CampaignName, digest: str, element: ElementEntry) -> UUID:
    """The point of an element, or of a negative, in a snapshot."""
    return point_id(campaign.project, campaign.campaign, digest, element.frame_id, element.label_id)


async def write(
    stores: Stores,
    name: IssueName,
    issue: Issue,
    elements: Sequence[Element],
    vectors: NDArray[np.float32],
) -> None:
    """Write the points of elements of an issue, one row of `vectors` each."""
    ids = [UUID(bytes=element.point) for element in elements]
    collection = elements_of(name.project, issue.model_id, issue.dimension)
    await stores.vectors.write(collection, issue_tenant(name), points_of(ids, elements, vectors))


async def forget(
    stores: Stores, name: IssueName, issue: Issue, elements: Sequence[Element]
) -> None:
    """Delete the points of what are elements of an issue no more.

    They only take up space, so a store that fails here fails nobody: what the caller asked for
    is done, and `doctor` removes what is left.
    """
    if not elements:
        return
    ids = [UUID(bytes=element.point) for element in elements]
    collection = elements_of(name.project, issue.model_id, issue.dimension)
    try:
        await stores.vectors.delete(collection, issue_tenant(name), ids)
    except SluiceError as error:
        log.warning("points.left_behind", issue=str(name), points=len(ids), error=str(error))


def points_of(
    ids: Sequence[UUID],
    elements: Iterable[ElementEntry],
    vectors: NDArray[np.float32],
    review: str = "",
) -> Points:
    """Points of elements, one row of `vectors` each, that say which element they are.

    Those of samples also say what their `review` was.
    """
    return Points(ids, vectors, [payload_of(element, review) for element in elements])


def payload_of(element: ElementEntry, review: str = "") -> Payload:
    """What is kept of an element or a sample beside its vector."""
    known = {"frame_id": element.frame_id, "label_id": element.label_id}
    return {**known, "review": review} if review else known
