"""Ingest in a process of its own; any number of them share one ledger."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

from services.ingest import wiring
from services.peers.campaign import follow_campaigns
from services.peers.models import Models
from services.records.guarded_stores import guard_stores
from services.records.stores import Stores
from services.server.cluster_settings import IngestSettings
from services.server.process import ClusterServer, open_service_host
from services.server.qdrant import open_qdrant


@asynccontextmanager
async def serve(settings: IngestSettings) -> AsyncIterator[ClusterServer]:
    """Serve until left.

    Health does not depend on Qdrant: batches are acknowledged without it, up to the limit of the
    outbox.
    """
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(open_service_host(settings))
        vectors = await stack.enter_async_context(open_qdrant(settings))
        stores = guard_stores(Stores(host.ledger, vectors, host.blobs))
        active = await stack.enter_async_context(
            follow_campaigns(settings.campaign_target, host.internal_key)
        )
        models = Models(host.blobs, bytes_max=settings.models_bytes_max)
        owner = f"{socket.gethostname()}/{uuid4()}"
        servicers = await stack.enter_async_context(
            wiring.servicers(stores, active, models, host.draining, settings, owner=owner)
        )
        checks = {"campaign service": active.check}
        yield await stack.enter_async_context(host.serve("ingest", servicers, checks))
