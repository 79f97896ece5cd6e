"""Opens the vector store; apart, so that processes without one do not load its client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.server.cluster_settings import VectorSettings
from services.vectors.qdrant.calls import Patience
from services.vectors.qdrant.collections import Layout
from services.vectors.qdrant.vectors import ServerVectors


@asynccontextmanager
async def open_qdrant(settings: VectorSettings) -> AsyncIterator[ServerVectors]:
    """Open the vector store, which need not be up yet."""
    api_key = settings.qdrant_api_key
    vectors = await ServerVectors.open(
        settings.qdrant_url,
        api_key=api_key.get_secret_value() if api_key else None,
        layout=Layout(
            shard_number=settings.qdrant_shards,
            replication_factor=settings.qdrant_replicas,
            write_consistency_factor=settings.qdrant_write_consistency,
        ),
        patience=Patience(timeout_s=settings.qdrant_timeout_s),
    )
    try:
        yield vectors
    finally:
        await vectors.close()
