"""A client of the campaign service's APIs, with shorthands for common calls."""

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


class ApiClient:
    """Stubs of the four services, with shorthands for the first steps of many tests."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.projects = ProjectServiceStub(channel)
        self.datasets = DatasetServiceStub(channel)
        self.issues = IssueServiceStub(channel)
        self.campaigns = CampaignServiceStub(channel)

    async def create_dataset(self) -> dataset_pb2.Dataset:
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

    async def create_issue(self, *frame_ids: str) -> str:
        """The name of a new issue with whole frames as its elements."""
        issue = issue_pb2.Issue(display_name="night", dataset=DATASET)
        created = await self.issues.CreateIssue(
            issue_pb2.CreateIssueRequest(parent=PROJECT, issue=issue)
        )
        if frame_ids:
            await self.add_frames(created.name, *frame_ids)
        return created.name

    async def add_frames(self, issue: str, *frame_ids: str) -> issue_pb2.AddElementsResponse:
        """Add whole frames to an issue."""
        return await self.issues.AddElements(
            make_request(issue, [make_element(id) for id in frame_ids])
        )

    async def create_campaign(self, issue: str) -> campaign_pb2.Campaign:
        """A new campaign of an issue."""
        campaign = campaign_pb2.Campaign(issue=issue)
        return await self.campaigns.CreateCampaign(
            campaign_pb2.CreateCampaignRequest(parent=PROJECT, campaign=campaign)
        )

    async def commit_version(self, campaign: str) -> campaign_pb2.CampaignVersion:
        """The next version of a campaign."""
        return await self.campaigns.CommitVersion(
            campaign_pb2.CommitVersionRequest(parent=campaign)
        )


def make_element(frame_id: str, label_id: str = "", **frame: Any) -> issue_pb2.Element:
    """An element of the dataset."""
    return issue_pb2.Element(
        frame=frame_pb2.Frame(id=frame_id, **frame), label_id=label_id, dataset=DATASET
    )


def make_box(id: str, class_name: str = "car") -> frame_pb2.Label:
    """A label of the dataset."""
    shape = frame_pb2.Box2D(left=1, top=2, width=3, height=4)
    return frame_pb2.Label(id=id, class_name=class_name, box_2d=shape)


def make_embeddings(ids: Iterable[str]) -> NDArray[np.float32]:
    """A vector for each id, always the same."""
    rows = [np.random.default_rng([*id.encode()]).normal(size=DIMENSION) for id in ids]
    return np.array(rows, np.float32)


def make_request(
    issue: str, elements: list[issue_pb2.Element], rows: NDArray[Any] | None = None
) -> issue_pb2.AddElementsRequest:
    """A request that adds elements, with the given embeddings or ones made from their ids."""
    if rows is None:
        rows = make_embeddings(element.frame.id for element in elements)
    return issue_pb2.AddElementsRequest(
        issue=issue, elements=elements, model_id="m", embeddings=pack(rows)
    )


async def catch_error(call: Awaitable[Any]) -> SluiceError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return from_rpc_error(raised.value)
