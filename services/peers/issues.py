"""Elements of issues, added through the campaign service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.peers.channel import PeerChannel
from sluice.frames import Frame
from sluice.names import DatasetName, IssueName
from sluice.tensors import pack
from sluice.v1 import issue_pb2 as pb
from sluice.v1.issue_pb2_grpc import IssueServiceStub

ADD_TIMEOUT_S: Final = 60.0
"""Deadline of one request: it writes vectors, and waits until they are durable."""


@dataclass(frozen=True, slots=True, eq=False)
class NewElements:
    """Frames or crops to add, with one vector each, `(frames, dimension) float32`.

    `label_ids` names the crop of each frame, "" for the whole frame.
    """

    dataset: DatasetName
    model_id: str
    frames: Sequence[Frame]
    label_ids: Sequence[str]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ElementCounts:
    """Elements added, replaced and unchanged by a request, and the issue's total afterwards."""

    added_count: int
    replaced_count: int
    unchanged_count: int
    element_count: int


class IssueElements(Protocol):
    """Adds elements to issues."""

    async def add(self, issue: IssueName, elements: NewElements) -> ElementCounts:
        """Add elements to an issue, all or none.

        Raises the errors of IssueService.AddElements, and errors.Unavailable while the campaign
        service is away.
        """


class CampaignIssueElements:
    """`IssueElements` over gRPC."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = IssueServiceStub(peer.channel)

    async def add(self, issue: IssueName, elements: NewElements) -> ElementCounts:
        """See `IssueElements.add`."""
        request = pb.AddElementsRequest(
            issue=str(issue),
            model_id=elements.model_id,
            embeddings=pack(elements.vectors),
            elements=[
                pb.Element(frame=frame.to_proto(), label_id=id, dataset=str(elements.dataset))
                for frame, id in zip(elements.frames, elements.label_ids, strict=True)
            ],
        )
        response = await self._peer.call(
            self._stub.AddElements, request, timeout_s=ADD_TIMEOUT_S, wait_for_ready=False
        )
        return ElementCounts(
            response.added_count,
            response.replaced_count,
            response.unchanged_count,
            response.issue.element_count,
        )
