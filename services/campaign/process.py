"""Projects, datasets, issues and campaigns in a process of their own; any number of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.campaign import wiring
from services.platform.admin import admit
from services.platform.cluster_settings import CampaignSettings
from services.platform.foundation import Serving, foundation
from services.platform.ingest_reviews import reading_reviews
from services.platform.stores import Stores
from services.platform.vectors import server_vectors


@asynccontextmanager
async def running(settings: CampaignSettings) -> AsyncIterator[Serving]:
    """Serve until left.

    Neither Qdrant nor ingest is among its needs: without them elements and commits wait, but
    scorers and ingest learn from here what is active.
    """
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(foundation(settings))
        await admit(base.ledger, base.keys, settings.admin_key)
        vectors = await stack.enter_async_context(server_vectors(settings))
        stores = Stores(base.ledger, vectors, base.blobs)
        reviews = await stack.enter_async_context(
            reading_reviews(settings.ingest_target, base.internal_key)
        )
        servicers = wiring.servicers(stores, base.keys, base.draining, reviews)
        yield await stack.enter_async_context(base.serving("campaign", servicers, {}))
