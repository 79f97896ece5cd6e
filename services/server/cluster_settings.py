"""Settings of the processes of a cluster, which share their stores."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from services.server.settings import (
    IntakeSettings,
    ModelSettings,
    ScoringSettings,
    Secret,
    ServerSettings,
)


class ClusterSettings(ServerSettings):
    """Settings of all processes of a cluster.

    It precedes other bases: pydantic takes a field from the first class that has it.
    """

    pepper: Secret
    """The servers' part of the hash of API keys: the same for all processes, never changed."""

    internal_key: Secret
    """The key that services send each other: the same for all processes."""

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379")
    """Redis server of the ledger; may contain a user and password, `rediss://` is TLS."""

    blobs: str = "sluice-blobs"
    """Store of models: a folder that all processes share, or an fsspec URL, `s3://bucket/path`."""

    start_patience_s: Annotated[float, Field(ge=0)] = 60
    """Seconds to retry at the start while a store cannot be reached; 0: no retry."""


class FollowerSettings(ClusterSettings):
    """Settings of processes that follow the campaign service."""

    campaign_target: str = "127.0.0.1:50051"
    """gRPC target of the campaign service."""


class VectorSettings(ClusterSettings):
    """Settings of processes that use the vector store."""

    qdrant_url: str = "http://127.0.0.1:6334"
    """Qdrant's gRPC port; `https://` is TLS."""

    qdrant_api_key: SecretStr | None = None
    """API key of Qdrant, if it requires one."""

    qdrant_shards: Annotated[int, Field(ge=1)] = 2
    """Shards of new collections; an existing collection keeps its number."""

    qdrant_replicas: Annotated[int, Field(ge=1)] = 1
    """Replicas of each shard of new collections."""

    qdrant_write_consistency: Annotated[int, Field(ge=1)] = 1
    """Replicas that must confirm a write before it is acknowledged."""

    qdrant_timeout_s: Annotated[float, Field(gt=0)] = 10
    """Deadline of one call to Qdrant."""


class CampaignSettings(VectorSettings):
    """`python -m services.campaign`."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 50_051
    admin_key: SecretStr | None = None
    """The admin's key, valid for every project. A new value replaces it at the next start."""

    ingest_target: str = "127.0.0.1:50053"
    """gRPC target of ingest: commits with feedback read reviews there."""

    curation_target: str = "127.0.0.1:50054"
    """gRPC target of curation: deletions of projects remove their datasets there."""


class ScorerSettings(FollowerSettings, ScoringSettings):
    """`python -m services.scorer`."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 50_052


class IngestSettings(VectorSettings, FollowerSettings, IntakeSettings):
    """`python -m services.ingest`."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 50_053


class CurationSettings(VectorSettings, FollowerSettings, ModelSettings):
    """`python -m services.curation`."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 50_054
    ingest_target: str = "127.0.0.1:50053"
    """gRPC target of ingest: dataset searches submit there."""
