"""Removing the samples of deleted campaigns from ingest."""

from __future__ import annotations

from typing import Final, Protocol

from services.peers.channel import PeerChannel
from services.peers.deletion_messages import read_counts
from services.records.tombstones import DeletionCounts
from sluice.names import CampaignName
from sluice.v1 import ingest_pb2 as pb
from sluice.v1.ingest_pb2_grpc import IngestServiceStub

PURGE_TIMEOUT_S: Final = 300.0
"""Deadline of one purge: it reads all rows of the campaign."""


class CampaignPurges(Protocol):
    """Removes samples of campaigns."""

    async def purge_campaign(self, name: CampaignName, *, validate_only: bool) -> DeletionCounts:
        """Remove all matches of a campaign, or count them.

        Raises errors.Unavailable while ingest is away.
        """


class IngestCampaignPurges:
    """`CampaignPurges` over gRPC."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = IngestServiceStub(peer.channel)

    async def purge_campaign(self, name: CampaignName, *, validate_only: bool) -> DeletionCounts:
        """See `CampaignPurges.purge_campaign`."""
        request = pb.PurgeCampaignRequest(name=str(name), validate_only=validate_only)
        response = await self._peer.call(
            self._stub.PurgeCampaign, request, timeout_s=PURGE_TIMEOUT_S, wait_for_ready=False
        )
        return read_counts(response)
