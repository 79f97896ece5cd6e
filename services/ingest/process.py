"""Ingest in a process of its own; any number of them share one ledger."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from services.ingest import wiring
from services.peers.campaign import follow_campaigns
from services.peers.models import Models
from services.records.stores import Stores
from services.server.cluster_settings import IngestSettings
from services.server.process import ServingProcess, open_foundation
from services.server.qdrant import open_qdrant


@asynccontextmanager
async def serve(settings: IngestSettings) -> AsyncIterator[ServingProcess]:
    """Serve until left.

    Qdrant is not among its needs: batches are acknowledged without it, up to the outbox's bound.
    """
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(open_foundation(settings))
        vectors = await stack.enter_async_context(open_qdrant(settings))
        stores = Stores(base.ledger, vectors, base.blobs)
        active = await stack.enter_async_context(
            follow_campaigns(settings.campaign_target, base.internal_key)
        )
        models = Models(base.blobs, bytes_max=settings.models_bytes_max)
        owner = f"{socket.gethostname()}/{uuid4()}"
        servicers = await stack.enter_async_context(
            wiring.servicers(stores, active, models, base.draining, settings, owner=owner)
        )
        needs = {"campaign service": active.check}
        yield await stack.enter_async_context(base.serving("ingest", servicers, needs))
