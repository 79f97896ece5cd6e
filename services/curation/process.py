"""Curation in a process of its own; any number of them share the stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.curation import wiring
from services.peers.campaign import follow_campaigns
from services.peers.curation_peers import connect_curation_peers
from services.peers.models import Models
from services.records.stores import Stores
from services.server.cluster_settings import CurationSettings
from services.server.process import ServingProcess, open_foundation
from services.server.qdrant import open_qdrant


@asynccontextmanager
async def serve(settings: CurationSettings) -> AsyncIterator[ServingProcess]:
    """Serve until left.

    Neither Qdrant nor ingest is among its needs: status, tags and counts need neither.
    """
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(open_foundation(settings))
        vectors = await stack.enter_async_context(open_qdrant(settings))
        stores = Stores(base.ledger, vectors, base.blobs)
        others = await stack.enter_async_context(
            connect_curation_peers(
                settings.campaign_target, settings.ingest_target, base.internal_key
            )
        )
        active = await stack.enter_async_context(
            follow_campaigns(settings.campaign_target, base.internal_key)
        )
        models = Models(base.blobs, bytes_max=settings.models_bytes_max)
        servicers = wiring.servicers(stores, others, active, models, base.draining)
        needs = {"campaign service": others.datasets.check}
        yield await stack.enter_async_context(base.serving("curation", servicers, needs))
