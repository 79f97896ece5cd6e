"""Projects, datasets, issues and campaigns in a process of their own; any number of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.campaign import wiring
from services.peers.campaign_peers import connect_campaign_peers
from services.records.guarded_stores import guard_stores
from services.records.stores import Stores
from services.server.admin import ensure_admin_key
from services.server.cluster_settings import CampaignSettings
from services.server.process import ClusterServer, open_service_host
from services.server.qdrant import open_qdrant


@asynccontextmanager
async def serve(settings: CampaignSettings) -> AsyncIterator[ClusterServer]:
    """Serve until left.

    Health does not depend on Qdrant or other services: without them elements and commits wait, but
    scorer and ingest still get the active versions.
    """
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(open_service_host(settings))
        await ensure_admin_key(host.ledger, host.keys, settings.admin_key)
        vectors = await stack.enter_async_context(open_qdrant(settings))
        stores = guard_stores(Stores(host.ledger, vectors, host.blobs))
        peers = await stack.enter_async_context(
            connect_campaign_peers(
                settings.ingest_target, settings.curation_target, host.internal_key
            )
        )
        servicers = wiring.servicers(stores, host.keys, host.draining, peers)
        yield await stack.enter_async_context(host.serve("campaign", servicers, {}))
