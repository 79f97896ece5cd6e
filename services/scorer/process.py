"""The scorer in a process of its own: stateless, in any number."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.peers.campaign import follow_campaigns
from services.peers.models import Models
from services.scorer import wiring
from services.server.cluster_settings import ScorerSettings
from services.server.process import ClusterServer, open_service_host


@asynccontextmanager
async def serve(settings: ScorerSettings) -> AsyncIterator[ClusterServer]:
    """Serve until left."""
    async with AsyncExitStack() as stack:
        host = await stack.enter_async_context(open_service_host(settings))
        active = await stack.enter_async_context(
            follow_campaigns(settings.campaign_target, host.internal_key)
        )
        models = Models(host.blobs, bytes_max=settings.models_bytes_max)
        servicers = await stack.enter_async_context(
            wiring.servicers(active, models, host.draining, settings)
        )
        checks = {"campaign service": active.check}
        yield await stack.enter_async_context(host.serve("scorer", servicers, checks))
