"""The scorer in a process of its own: stateless, and as many of them as wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.peers.campaign import follow_campaigns
from services.peers.models import Models
from services.scorer import wiring
from services.server.cluster_settings import ScorerSettings
from services.server.process import ServingProcess, open_foundation


@asynccontextmanager
async def serve(settings: ScorerSettings) -> AsyncIterator[ServingProcess]:
    """Serve until left."""
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(open_foundation(settings))
        active = await stack.enter_async_context(
            follow_campaigns(settings.campaign_target, base.internal_key)
        )
        models = Models(base.blobs, bytes_max=settings.models_bytes_max)
        servicers = await stack.enter_async_context(
            wiring.servicers(active, models, base.draining, settings)
        )
        needs = {"campaign service": active.check}
        yield await stack.enter_async_context(base.serving("scorer", servicers, needs))
