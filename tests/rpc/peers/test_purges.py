"""Purges are sent to ingest and to campaign, and their counts come back."""

from __future__ import annotations

from typing import Any

import pytest

from services.peers import deletion_messages
from services.peers.purges import PeerFramePurges
from services.records.tombstones import DeletionCounts
from sluice.errors import NotFound
from sluice.names import ProjectName
from sluice.v1 import deletion_pb2 as pb
from sluice.v1.campaign_pb2_grpc import (
    CampaignServiceServicer,
    add_CampaignServiceServicer_to_server,
)
from sluice.v1.ingest_pb2_grpc import IngestServiceServicer, add_IngestServiceServicer_to_server
from tests.rpc.peers.fake_services import check_key, connect_fake

COUNTS = DeletionCounts(
    frames=1, samples=2, elements=3, members=4, predictions=5, picks=6, checks=7
)


class FakeService(CampaignServiceServicer, IngestServiceServicer):  # type: ignore[misc]
    """Both services; the project `gone` does not exist."""

    def __init__(self) -> None:
        self.requests: list[pb.PurgeFramesRequest] = []

    async def PurgeFrames(self, request: pb.PurgeFramesRequest, context: Any) -> pb.DeletionSummary:  # noqa: D102, N802
        check_key(context)
        self.requests.append(request)
        if request.parent == "projects/gone":
            raise NotFound("projects/gone does not exist")
        return deletion_messages.summary(COUNTS, validate_only=request.validate_only)


async def test_purges_are_sent_and_counted() -> None:
    """Every field of a request arrives, and every count of the response."""
    service = FakeService()  # type: ignore[abstract]  # methods that no test calls
    servicers = (
        (add_CampaignServiceServicer_to_server, service),
        (add_IngestServiceServicer_to_server, service),
    )
    async with connect_fake(*servicers) as peer:
        purges = PeerFramePurges(peer, peer)
        for purge in (purges.purge_ingest, purges.purge_campaign):
            assert COUNTS == await purge(ProjectName("p"), ["a", "b"], validate_only=True)
        with pytest.raises(NotFound, match="projects/gone"):
            await purges.purge_campaign(ProjectName("gone"), ["a"], validate_only=False)

    sent = pb.PurgeFramesRequest(parent="projects/p", frame_ids=["a", "b"], validate_only=True)
    assert [sent, sent] == service.requests[:2]
