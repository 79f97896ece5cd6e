"""Removing deleted campaigns and projects from the other services."""

from __future__ import annotations

from typing import Final, Protocol

from services.peers.channel import PeerChannel
from services.peers.deletion_messages import read_counts
from services.records.tombstones import DeletionCounts
from sluice.names import CampaignName, ProjectName
from sluice.v1 import deletion_pb2
from sluice.v1 import ingest_pb2 as pb
from sluice.v1.dataset_frame_pb2_grpc import FrameServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub

PURGE_TIMEOUT_S: Final = 300.0
"""Deadline of one purge: it reads all rows of the campaign or project."""


class ResourcePurges(Protocol):
    """Removes campaigns and projects from the other services, or counts what would be removed.

    Raises errors.Unavailable while a service is away.
    """

    async def purge_campaign(self, name: CampaignName, *, validate_only: bool) -> DeletionCounts:
        """Remove all matches of a campaign from ingest."""

    async def purge_project(self, name: ProjectName, *, validate_only: bool) -> DeletionCounts:
        """Remove a marked project from ingest and curation."""


class PeerResourcePurges:
    """`ResourcePurges` over gRPC."""

    def __init__(self, ingest: PeerChannel, curation: PeerChannel) -> None:
        self._ingest = ingest
        self._curation = curation
        self._ingest_stub = IngestServiceStub(ingest.channel)
        self._curation_stub = FrameServiceStub(curation.channel)

    async def purge_campaign(self, name: CampaignName, *, validate_only: bool) -> DeletionCounts:
        """See `ResourcePurges.purge_campaign`."""
        request = pb.PurgeCampaignRequest(name=str(name), validate_only=validate_only)
        method = self._ingest_stub.PurgeCampaign
        response = await self._ingest.call(
            method, request, timeout_s=PURGE_TIMEOUT_S, wait_for_ready=False
        )
        return read_counts(response)

    async def purge_project(self, name: ProjectName, *, validate_only: bool) -> DeletionCounts:
        """See `ResourcePurges.purge_project`."""
        request = deletion_pb2.PurgeProjectRequest(name=str(name), validate_only=validate_only)
        total = DeletionCounts()
        for peer, method in (
            (self._ingest, self._ingest_stub.PurgeProject),
            (self._curation, self._curation_stub.PurgeProject),
        ):
            response: deletion_pb2.DeletionSummary = await peer.call(
                method, request, timeout_s=PURGE_TIMEOUT_S, wait_for_ready=False
            )
            total += read_counts(response)
        return total
