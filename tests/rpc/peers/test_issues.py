"""Elements of issues, added over gRPC."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.peers.issues import CampaignIssueElements, ElementCounts, NewElements
from sluice import errors
from sluice.frames import Frame
from sluice.names import DatasetName, IssueName
from sluice.tensors import unpack
from sluice.v1 import issue_pb2 as pb
from sluice.v1.issue_pb2_grpc import IssueServiceServicer, add_IssueServiceServicer_to_server
from tests.rpc.peers.fake_services import check_key, connect_fake

ISSUE = IssueName("p", "i")
VECTORS = np.eye(2, 4, dtype=np.float32)
ELEMENTS = NewElements(
    DatasetName("p", "d"), "clip", [Frame(id="a"), Frame(id="b")], ["", "car-1"], VECTORS
)


class FakeIssueService(IssueServiceServicer):
    """An issue service that keeps its last request, and knows one issue."""

    def __init__(self) -> None:
        self.request = pb.AddElementsRequest()

    async def AddElements(  # noqa: D102, N802
        self, request: pb.AddElementsRequest, context: Any
    ) -> pb.AddElementsResponse:
        check_key(context)
        if request.issue != str(ISSUE):
            raise errors.NotFound(f"issue: {request.issue} does not exist")
        self.request = request
        return pb.AddElementsResponse(
            added_count=1, replaced_count=2, unchanged_count=3, issue=pb.Issue(element_count=9)
        )


async def test_elements_are_sent_with_their_vectors() -> None:
    """Each frame goes with its crop, dataset and vector; the counts of the response come back."""
    service = FakeIssueService()  # type: ignore[abstract]  # methods that no test calls
    async with connect_fake((add_IssueServiceServicer_to_server, service)) as peer:
        counts = await CampaignIssueElements(peer).add(ISSUE, ELEMENTS)

    assert ElementCounts(1, 2, 3, 9) == counts
    sent = [(e.frame.id, e.label_id, e.dataset) for e in service.request.elements]
    dataset = "projects/p/datasets/d"
    assert [("a", "", dataset), ("b", "car-1", dataset)] == sent
    assert "clip" == service.request.model_id
    np.testing.assert_array_equal(VECTORS, unpack(service.request.embeddings, "embeddings"))


async def test_an_error_of_the_service_keeps_its_class() -> None:
    """NotFound of the issue service is NotFound for the caller."""
    service = FakeIssueService()  # type: ignore[abstract]  # methods that no test calls
    async with connect_fake((add_IssueServiceServicer_to_server, service)) as peer:
        with pytest.raises(errors.NotFound, match="issues/other"):
            await CampaignIssueElements(peer).add(IssueName("p", "other"), ELEMENTS)
