"""Opens the vector store; apart, so that processes without one do not load its client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.server.cluster_settings import VectorSettings
from services.vectors.qdrant.collections import CollectionLayout
from services.vectors.qdrant.server import RetryPolicy
from services.vectors.qdrant.vectors import QdrantVectors


@asynccontextmanager
async def open_qdrant(settings: VectorSettings) -> AsyncIterator[QdrantVectors]:
    """Open the vector store, which need not be up yet."""
    api_key = settings.qdrant_api_key
    vectors = await QdrantVectors.open(
        settings.qdrant_url,
        api_key=api_key.get_secret_value() if api_key else None,
        layout=CollectionLayout(
            shard_number=settings.qdrant_shards,
            replication_factor=settings.qdrant_replicas,
            write_consistency_factor=settings.qdrant_write_consistency,
        ),
        retry_policy=RetryPolicy(timeout_s=settings.qdrant_timeout_s),
    )
    try:
        yield vectors
    finally:
        await vectors.close()
