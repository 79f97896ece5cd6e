"""Curation in a process of its own; any number of them share the stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services.curation import wiring
from services.platform.cluster_settings import CurationSettings
from services.platform.follower import following
from services.platform.foundation import Serving, foundation
from services.platform.models import Models
from services.platform.neighbours import neighbours
from services.platform.stores import Stores
from services.platform.vectors import server_vectors


@asynccontextmanager
async def running(settings: CurationSettings) -> AsyncIterator[Serving]:
    """Serve until left.

    Neither Qdrant nor ingest is among its needs: status, tags and counts need neither.
    """
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(foundation(settings))
        vectors = await stack.enter_async_context(server_vectors(settings))
        stores = Stores(base.ledger, vectors, base.blobs)
        others = await stack.enter_async_context(
            neighbours(settings.campaign_target, settings.ingest_target, base.internal_key)
        )
        active = await stack.enter_async_context(
            following(settings.campaign_target, base.internal_key)
        )
        models = Models(base.blobs, bytes_max=settings.models_bytes_max)
        servicers = wiring.servicers(stores, others, active, models, base.draining)
        needs = {"campaign service": others.datasets.check}
        yield await stack.enter_async_context(base.serving("curation", servicers, needs))
