"""Putting elements into issues, which the campaign service keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import grpc
import numpy as np
from numpy.typing import NDArray

from services.peers.datasets import translated
from sluice.frames import Frame
from sluice.names import DatasetName, IssueName
from sluice.tensors import pack
from sluice.v1 import issue_pb2 as pb
from sluice.v1.issue_pb2_grpc import IssueServiceStub

PATIENCE_S: Final = 60.0
"""How long a call may take: it writes vectors, and waits for them to be durable."""


@dataclass(frozen=True, slots=True, eq=False)
class NewElements:
    """Frames, or their crops of those label ids, and one vector each, `(frames, dimension)`."""

    dataset: DatasetName
    model_id: str
    frames: Sequence[Frame]
    label_ids: Sequence[str]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ElementCounts:
    """What became of the elements, and how many the issue has now."""

    added_count: int
    replaced_count: int
    unchanged_count: int
    element_count: int


class IssueElements(Protocol):
    """Where elements are put into issues."""

    async def add(self, issue: IssueName, elements: NewElements) -> ElementCounts:
        """Add elements to an issue, all or none.

        Raises what the campaign service refuses them with, and errors.Unavailable while it is
        away.
        """


class CampaignIssueElements:
    """`IssueElements` over gRPC."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._stub = IssueServiceStub(channel)
        self._metadata = metadata

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
        try:
            made = await self._stub.AddElements(
                request, metadata=self._metadata, timeout=PATIENCE_S
            )
        except grpc.aio.AioRpcError as error:
            raise translated(error) from error
        return ElementCounts(
            made.added_count, made.replaced_count, made.unchanged_count, made.issue.element_count
        )
