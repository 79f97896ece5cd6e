"""What can be set of a process of its own, which shares its stores with others."""

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
    """What all processes of a cluster have.

    It comes before other bases: pydantic takes a field from the first that has it.
    """

    pepper: Secret
    """The servers' part of the hash of API keys: the same for all, and never another."""

    internal_key: Secret
    """What services send each other: the same for all."""

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379")
    """The ledger's server; may hold a user and password, `rediss://` is TLS."""

    blobs: str = "sluice-blobs"
    """Where models lie: a folder that all processes share, or an fsspec URL, `s3://bucket/path`."""

    start_patience_s: Annotated[float, Field(ge=0)] = 60
    """How long to wait at the start for a store that cannot be reached, seconds."""


class FollowerSettings(ClusterSettings):
    """What follows the campaign service."""

    campaign_target: str = "127.0.0.1:50051"
    """Where the campaign service listens, as gRPC names targets."""


class VectorSettings(ClusterSettings):
    """What reads and writes vectors."""

    qdrant_url: str = "http://127.0.0.1:6334"
    """Qdrant's gRPC port; `https://` is TLS."""

    qdrant_api_key: SecretStr | None = None
    """The key that Qdrant asks for, if it does."""

    qdrant_shards: Annotated[int, Field(ge=1)] = 2
    """Shards of a collection that is made from now on; it cannot be changed afterwards."""

    qdrant_replicas: Annotated[int, Field(ge=1)] = 1
    """Copies of each shard of a collection that is made from now on."""

    qdrant_write_consistency: Annotated[int, Field(ge=1)] = 1
    """Copies that must have a write before it is acknowledged."""

    qdrant_timeout_s: Annotated[float, Field(gt=0)] = 10
    """How long one call may take."""


class CampaignSettings(VectorSettings):
    """`python -m services.campaign`."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 50_051
    admin_key: SecretStr | None = None
    """The key that opens every project. Another one replaces it at the next start."""

    ingest_target: str = "127.0.0.1:50053"
    """Where ingest listens, as gRPC names targets: commits with feedback read reviews there."""


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
    """Where ingest listens, as gRPC names targets: searches of datasets submit there."""
