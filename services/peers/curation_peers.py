"""The clients of campaign and ingest that curation needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc

from services.peers.channel import connect_peer
from services.peers.dataset_removals import CampaignDatasetRemovals, DatasetRemovals
from services.peers.datasets import CampaignDatasets, DatasetReader
from services.peers.issues import CampaignIssueElements, IssueElements
from services.peers.projects import CampaignProjects, ProjectList
from services.peers.purges import FramePurges, PeerFramePurges
from sluice.channel import connect_sync


@dataclass(frozen=True, slots=True)
class CurationPeers:
    """Datasets and issues of the campaign service, a blocking channel to ingest, and more."""

    datasets: DatasetReader
    issues: IssueElements
    ingest: grpc.Channel
    purges: FramePurges
    projects: ProjectList
    removals: DatasetRemovals


@asynccontextmanager
async def connect_curation_peers(
    campaign_target: str, ingest_target: str, internal_key: str
) -> AsyncIterator[CurationPeers]:
    """Connect to the services at those gRPC targets, which need not be up yet."""
    async with AsyncExitStack() as stack:
        ingest = stack.enter_context(connect_sync(ingest_target, internal_key, may_use_proxy=False))
        campaign = await stack.enter_async_context(
            connect_peer("campaign", campaign_target, internal_key)
        )
        ingest_peer = await stack.enter_async_context(
            connect_peer("ingest", ingest_target, internal_key)
        )
        yield CurationPeers(
            CampaignDatasets(campaign),
            CampaignIssueElements(campaign),
            ingest,
            PeerFramePurges(ingest_peer, campaign),
            CampaignProjects(campaign),
            CampaignDatasetRemovals(campaign),
        )
