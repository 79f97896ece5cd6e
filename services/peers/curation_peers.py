"""The other services, as curation asks them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc

from services.peers.campaign import CHANNEL_OPTIONS
from services.peers.datasets import CampaignDatasets, DatasetReader
from services.peers.issues import CampaignIssueElements, IssueElements
from sluice.channel import connect_sync
from sluice.limits import MESSAGE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class CurationPeers:
    """What curation asks of campaign and ingest; the channel to ingest is a blocking one."""

    datasets: DatasetReader
    issues: IssueElements
    ingest: grpc.Channel


@asynccontextmanager
async def connect_curation_peers(
    campaign: str, ingest: str, internal_key: str
) -> AsyncIterator[CurationPeers]:
    """Ask the services at those gRPC targets until left; they need not be there yet."""
    options = [*CHANNEL_OPTIONS, ("grpc.max_send_message_length", MESSAGE_BYTES_MAX)]
    metadata = (("authorization", f"Bearer {internal_key}"),)
    async with AsyncExitStack() as stack:
        blocking = stack.enter_context(connect_sync(ingest, internal_key))
        channel = await stack.enter_async_context(
            grpc.aio.insecure_channel(campaign, options=options)
        )
        yield CurationPeers(
            CampaignDatasets(channel, metadata),
            CampaignIssueElements(channel, metadata),
            blocking,
        )
