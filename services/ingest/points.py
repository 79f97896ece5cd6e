"""The collection, tenant, point and payload of a sample in the vector store."""

from __future__ import annotations

from uuid import UUID

from services.ingest.records import Row
from services.vectors.interface import Collection, Kind, Payload, Space
from services.vectors.naming import point_id


def collection_of(project: str, model_id: str, dimension: int) -> Collection:
    """The collection of all samples of a space."""
    return Collection(Kind.SAMPLES, Space(project, model_id, dimension))


def tenant_of(project: str, campaign: str) -> str:
    """The tenant of a campaign's samples."""
    return tenant_prefix(project) + campaign


def tenant_prefix(project: str) -> str:
    """The prefix of the tenants of all campaigns of a project."""
    return f"{project}/campaigns/"


def sample_point(project: str, campaign: str, frame_id: str) -> UUID:
    """The id of a sample's point."""
    return point_id("sample", project, campaign, frame_id)


def payload_of(frame_id: str, row: Row) -> Payload:
    """The payload stored with a sample's vector."""
    return {"frame_id": frame_id, "version": row.version, "score": row.score}
