"""The services as each other's peers, called without gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from services.campaign.active_campaigns import read_active_campaigns
from services.campaign.dataset_deletion import remove_dataset
from services.campaign.frame_deletion import purge_frames as purge_campaign
from services.campaign.records import ProjectRecord, VersionRecord
from services.campaign.versions import get_version
from services.curation.context import Curation
from services.curation.datasets.delete_dataset import ExistingDatasets
from services.curation.project_purge import purge_project as purge_project_of_curation
from services.ingest.campaign_purge import purge_campaign as purge_campaign_of_ingest
from services.ingest.context import Ingest
from services.ingest.deletion import purge_frames as purge_ingest
from services.ingest.project_purge import purge_project as purge_project_of_ingest
from services.ingest.read_reviews import read_reviews
from services.ledger.interface import Ledger
from services.peers.active import ActiveCampaign, ActiveSet, Version
from services.peers.curation_peers import CurationPeers
from services.peers.datasets import Dataset
from services.peers.issues import IssueElements
from services.peers.reviews import ReviewsPage
from services.records.records import decode, prefix
from services.records.scanning import scan_pages
from services.records.stores import Stores
from services.records.tombstones import DeletionCounts
from services.server.keys import PARTITION
from sluice.labels import TaskType
from sluice.names import CampaignName, DatasetName, ProjectName, VersionName


class OneDataset:
    """`DatasetReader` of any dataset: boxes around cars."""

    async def get(self, name: DatasetName) -> Dataset:
        """See `DatasetReader.get`."""
        return Dataset(name, TaskType.BOX_2D, frozenset({"car"}))

    async def check(self) -> None:
        """It is always there."""


class StoredVersions:
    """`ActiveVersions`, read from the stores of the campaign service each time."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def current(self, project: str) -> ActiveSet:
        """See `ActiveVersions.current`."""
        active = await read_active_campaigns(self._stores.ledger, project)
        campaigns = [
            ActiveCampaign(c.id, _version(c.version), c.threshold) for c in active.campaigns
        ]
        return ActiveSet(active.generation, {c.campaign: c for c in campaigns})

    async def version(
        self, project: str, campaign: str, number: int, *, fresh: bool = False
    ) -> Version:
        """See `ActiveVersions.version`."""
        name = VersionName(project, campaign, str(number))
        return _version(await get_version(self._stores, name))


def _version(record: VersionRecord) -> Version:
    return Version(
        record.number,
        record.model_digest,
        record.basis_digest,
        record.model_id,
        record.dimension,
        record.former_digests,
    )


@dataclass(frozen=True, slots=True)
class StoredReviews:
    """`Reviews`, read from ingest."""

    ingest: Ingest

    async def read(self, campaign: CampaignName) -> AsyncGenerator[ReviewsPage]:
        """See `Reviews.read`."""
        async for page in read_reviews(self.ingest, campaign):
            yield page


@dataclass(frozen=True, slots=True)
class DirectFramePurges:
    """`FramePurges` of ingest and campaign."""

    stores: Stores
    ingest: Ingest

    async def purge_ingest(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """See `FramePurges.purge_ingest`."""
        return await purge_ingest(self.ingest, name, frame_ids, validate_only=validate_only)

    async def purge_campaign(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """See `FramePurges.purge_campaign`."""
        return await purge_campaign(self.stores, name, frame_ids, validate_only=validate_only)


@dataclass(frozen=True, slots=True)
class DirectResourcePurges:
    """`ResourcePurges` of ingest and curation."""

    ingest: Ingest
    curation: Curation

    async def purge_campaign(self, name: CampaignName, *, validate_only: bool) -> DeletionCounts:
        """See `ResourcePurges.purge_campaign`."""
        return await purge_campaign_of_ingest(self.ingest, name, validate_only=validate_only)

    async def purge_project(self, name: ProjectName, *, validate_only: bool) -> DeletionCounts:
        """See `ResourcePurges.purge_project`."""
        counts = await purge_project_of_ingest(self.ingest, name, validate_only=validate_only)
        return counts + await purge_project_of_curation(
            self.curation, name, validate_only=validate_only
        )


@dataclass(frozen=True, slots=True)
class DirectRemovals:
    """`DatasetRemovals` of campaign."""

    stores: Stores

    async def remove(self, name: DatasetName, *, validate_only: bool) -> None:
        """See `DatasetRemovals.remove`."""
        await remove_dataset(self.stores, name, validate_only=validate_only)


@dataclass(frozen=True, slots=True)
class StoredProjects:
    """`ProjectList`, read from the ledger."""

    ledger: Ledger

    async def list(self) -> list[str]:
        """See `ProjectList.list`."""
        pages = scan_pages(self.ledger, PARTITION, prefix("project"))
        projects = [decode(ProjectRecord, entry) async for page in pages for entry in page]
        return [project.id for project in projects if not project.deleted_us]


def connect_curation(stores: Stores, ingest: Ingest) -> CurationPeers:
    """The peers of curation; nothing here picks elements or searches."""
    return CurationPeers(
        ExistingDatasets(stores.ledger, OneDataset()),
        cast(IssueElements, None),
        cast(Any, None),
        DirectFramePurges(stores, ingest),
        StoredProjects(stores.ledger),
        DirectRemovals(stores),
    )
