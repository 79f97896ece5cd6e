"""Projects, datasets, issues and campaigns in a process of their own; any number of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.campaign import wiring
from services.peers.ingest import connect_reviews
from services.records.stores import Stores
from services.server.admin import admit
from services.server.cluster_settings import CampaignSettings
from services.server.process import ServingProcess, open_foundation
from services.server.qdrant import open_qdrant


@asynccontextmanager
async def serve(settings: CampaignSettings) -> AsyncIterator[ServingProcess]:
    """Serve until left.

    Neither Qdrant nor ingest is among its needs: without them elements and commits wait, but
    scorers and ingest learn from here what is active.
    """
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(open_foundation(settings))
        await admit(base.ledger, base.keys, settings.admin_key)
        vectors = await stack.enter_async_context(open_qdrant(settings))
        stores = Stores(base.ledger, vectors, base.blobs)
        reviews = await stack.enter_async_context(
            connect_reviews(settings.ingest_target, base.internal_key)
        )
        servicers = wiring.servicers(stores, base.keys, base.draining, reviews)
        yield await stack.enter_async_context(base.serving("campaign", servicers, {}))
