"""Curation in a process of its own; any number of them share the stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.curation import wiring
from services.peers.campaign import follow_campaigns
from services.peers.curation_peers import connect_curation_peers
from services.peers.models import Models
from services.records.guarded_stores import guard_stores
from services.records.stores import Stores
from services.server.cluster_settings import CurationSettings
from services.server.process import ClusterServer, open_service_host
from services.server.qdrant import open_qdrant


@asynccontextmanager
async def serve(settings: CurationSettings) -> AsyncIterator[ClusterServer]:
    """Serve until left.

    Health does not depend on Qdrant or ingest: status, tags and counts need neither.
    """
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(open_service_host(settings))
        vectors = await stack.enter_async_context(open_qdrant(settings))
        stores = guard_stores(Stores(host.ledger, vectors, host.blobs))
        peers = await stack.enter_async_context(
            connect_curation_peers(
                settings.campaign_target, settings.ingest_target, host.internal_key
            )
        )
        active = await stack.enter_async_context(
            follow_campaigns(settings.campaign_target, host.internal_key)
        )
        models = Models(host.blobs, bytes_max=settings.models_bytes_max)
        servicers = wiring.servicers(stores, peers, active, models, host.draining)
        checks = {"campaign service": peers.datasets.check}
        yield await stack.enter_async_context(host.serve("curation", servicers, checks))
