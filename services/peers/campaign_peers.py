"""The clients of ingest and curation that the campaign service needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from services.peers.channel import connect_peer
from services.peers.ingest import IngestReviews
from services.peers.resource_purges import PeerResourcePurges, ResourcePurges
from services.peers.reviews import Reviews


@dataclass(frozen=True, slots=True)
class CampaignPeers:
    """Reviews of samples, and what removes deleted campaigns and projects."""

    reviews: Reviews
    purges: ResourcePurges


@asynccontextmanager
async def connect_campaign_peers(
    ingest_target: str, curation_target: str, internal_key: str
) -> AsyncIterator[CampaignPeers]:
    """Connect to the services at those gRPC targets, which need not be up yet."""
    async with AsyncExitStack() as stack:
        ingest = await stack.enter_async_context(
            connect_peer("ingest", ingest_target, internal_key)
        )
        curation = await stack.enter_async_context(
            connect_peer("curation", curation_target, internal_key)
        )
        yield CampaignPeers(IngestReviews(ingest), PeerResourcePurges(ingest, curation))
