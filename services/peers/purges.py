"""Removing deleted frames from the other services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from services.peers.channel import PeerChannel
from services.peers.deletion_messages import read_counts
from services.records.tombstones import DeletionCounts
from sluice.names import ProjectName
from sluice.v1 import deletion_pb2 as pb
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub

PURGE_TIMEOUT_S: Final = 300.0
"""Deadline of one purge: it builds the models of all versions that had the frames again."""


class FramePurges(Protocol):
    """Removes frames from the other services, or counts what would be removed.

    Raises errors.Unavailable while the service is away.
    """

    async def purge_ingest(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """Remove frames from the samples of all campaigns."""

    async def purge_campaign(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """Remove frames from issues, snapshots and models."""


class PeerFramePurges:
    """`FramePurges` over gRPC."""

    def __init__(self, ingest: PeerChannel, campaign: PeerChannel) -> None:
        self._ingest = ingest
        self._campaign = campaign
        self._ingest_stub = IngestServiceStub(ingest.channel)
        self._campaign_stub = CampaignServiceStub(campaign.channel)

    async def purge_ingest(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """See `FramePurges.purge_ingest`."""
        request = _request(name, frame_ids, validate_only)
        return await _purge(self._ingest, self._ingest_stub.PurgeFrames, request)

    async def purge_campaign(
        self, name: ProjectName, frame_ids: Sequence[str], *, validate_only: bool
    ) -> DeletionCounts:
        """See `FramePurges.purge_campaign`."""
        request = _request(name, frame_ids, validate_only)
        return await _purge(self._campaign, self._campaign_stub.PurgeFrames, request)


def _request(
    name: ProjectName, frame_ids: Sequence[str], validate_only: bool
) -> pb.PurgeFramesRequest:
    return pb.PurgeFramesRequest(parent=str(name), frame_ids=frame_ids, validate_only=validate_only)


async def _purge(peer: PeerChannel, method: Any, request: pb.PurgeFramesRequest) -> DeletionCounts:
    response: pb.DeletionSummary = await peer.call(
        method, request, timeout_s=PURGE_TIMEOUT_S, wait_for_ready=False
    )
    return read_counts(response)
