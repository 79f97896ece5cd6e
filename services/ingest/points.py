"""Where the samples of a campaign lie in the vector store, and what is kept of each."""

from __future__ import annotations

from uuid import UUID

from services.ingest.records import Row
from services.vectors.interface import Collection, Kind, Payload, Space
from services.vectors.naming import point_id


def collection_of(project: str, model_id: str, dimension: int) -> Collection:
    """The collection of all samples of a space."""
    return Collection(Kind.SAMPLES, Space(project, model_id, dimension))


def tenant_of(project: str, campaign: str) -> str:
    """Whose points the samples of a campaign are."""
    return tenants_of(project) + campaign


def tenants_of(project: str) -> str:
    """What the tenants of all campaigns of a project start with."""
    return f"{project}/campaigns/"


def sample_point(project: str, campaign: str, frame_id: str) -> UUID:
    """The point of a sample."""
    return point_id("sample", project, campaign, frame_id)


def payload_of(frame_id: str, row: Row) -> Payload:
    """What is kept of a sample beside its vector."""
    return {"frame_id": frame_id, "version": row.version, "score": row.score}
