"""The campaign service's APIs over one channel, and shorter ways to call them."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from sluice.errors import SluiceError
from sluice.rpc_errors import from_rpc_error
from sluice.tensors import pack
from sluice.v1 import campaign_pb2, dataset_pb2, frame_pb2, issue_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.issue_pb2_grpc import IssueServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub

PROJECT = "projects/p"
DATASET = "projects/p/datasets/d"
DIMENSION = 8


class Api:
    """The four services, and what many tests do first."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.projects = ProjectServiceStub(channel)
        self.datasets = DatasetServiceStub(channel)
        self.issues = IssueServiceStub(channel)
        self.campaigns = CampaignServiceStub(channel)

    async def dataset(self) -> dataset_pb2.Dataset:
        """The dataset `d`: boxes around cars and trams."""
        classes = [
            dataset_pb2.LabelClass(id=0, name="car"),
            dataset_pb2.LabelClass(id=1, name="tram"),
        ]
        return await self.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(
                parent=PROJECT,
                dataset_id="d",
                dataset=dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_BOX_2D, classes=classes),
            )
        )

    async def issue(self, *frame_ids: str) -> str:
        """The name of a new issue with those frames."""
        wanted = issue_pb2.Issue(display_name="night", dataset=DATASET)
        made = await self.issues.CreateIssue(
            issue_pb2.CreateIssueRequest(parent=PROJECT, issue=wanted)
        )
        if frame_ids:
            await self.add(made.name, *frame_ids)
        return made.name

    async def add(self, issue: str, *frame_ids: str) -> issue_pb2.AddElementsResponse:
        """Add whole frames to an issue."""
        return await self.issues.AddElements(adding(issue, [element(id) for id in frame_ids]))

    async def campaign(self, issue: str) -> campaign_pb2.Campaign:
        """A new campaign of an issue."""
        wanted = campaign_pb2.Campaign(issue=issue)
        return await self.campaigns.CreateCampaign(
            campaign_pb2.CreateCampaignRequest(parent=PROJECT, campaign=wanted)
        )

    async def commit(self, campaign: str) -> campaign_pb2.CampaignVersion:
        """The next version of a campaign."""
        return await self.campaigns.CommitVersion(
            campaign_pb2.CommitVersionRequest(parent=campaign)
        )


def element(frame_id: str, label_id: str = "", **frame: Any) -> issue_pb2.Element:
    """An element of the dataset."""
    return issue_pb2.Element(
        frame=frame_pb2.Frame(id=frame_id, **frame), label_id=label_id, dataset=DATASET
    )


def box(id: str, class_name: str = "car") -> frame_pb2.Label:
    """A label of the dataset."""
    shape = frame_pb2.Box2D(left=1, top=2, width=3, height=4)
    return frame_pb2.Label(id=id, class_name=class_name, box_2d=shape)


def embeddings(ids: Iterable[str]) -> NDArray[np.float32]:
    """A vector for each id, always the same."""
    rows = [np.random.default_rng([*id.encode()]).normal(size=DIMENSION) for id in ids]
    return np.array(rows, np.float32)


def adding(
    issue: str, elements: list[issue_pb2.Element], rows: NDArray[Any] | None = None
) -> issue_pb2.AddElementsRequest:
    """A request that adds elements, with those embeddings or ones of their own."""
    if rows is None:
        rows = embeddings(each.frame.id for each in elements)
    return issue_pb2.AddElementsRequest(
        issue=issue, elements=elements, model_id="m", embeddings=pack(rows)
    )


async def refusal(call: Awaitable[Any]) -> SluiceError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)
