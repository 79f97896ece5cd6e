"""The calls of a team: create a project, an issue and a background, and start a campaign."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
import numpy as np
from numpy.typing import NDArray

from demo.classifier import MODEL_ID
from demo.scan import Batch
from sluice.channel import connect
from sluice.tensors import pack
from sluice.v1 import (
    campaign_pb2,
    campaign_pb2_grpc,
    dataset_pb2,
    dataset_pb2_grpc,
    frame_pb2,
    issue_pb2,
    issue_pb2_grpc,
    project_pb2,
    project_pb2_grpc,
)

PROJECT_ID, DATASET_ID = "demo", "digits"
CLASSES = 10


@dataclass(frozen=True, slots=True)
class Project:
    """The demo's project, with a connection for each scope of key."""

    name: str
    dataset: str
    admin: grpc.aio.Channel
    """Starts campaigns and commits versions."""
    review: grpc.aio.Channel
    """Edits issues and reviews samples."""
    log: grpc.aio.Channel
    """Scores and submits, as an edge device does."""


@asynccontextmanager
async def open_project(address: str, admin_key: str) -> AsyncIterator[Project]:
    """Create the project, its three keys and its dataset."""
    async with AsyncExitStack() as stack:
        root = await stack.enter_async_context(connect(address, admin_key))
        projects = project_pb2_grpc.ProjectServiceStub(root)
        project = await projects.CreateProject(
            project_pb2.CreateProjectRequest(project_id=PROJECT_ID)
        )
        channels = {}
        for scope in ("ADMIN", "REVIEW", "LOG"):
            key = project_pb2.ApiKey(
                display_name=f"demo {scope.lower()}",
                scopes=[f"SCOPE_{scope}"],
            )
            created = await projects.CreateApiKey(
                project_pb2.CreateApiKeyRequest(parent=project.name, api_key=key)
            )
            channels[scope.lower()] = await stack.enter_async_context(
                connect(address, created.secret)
            )
        dataset = await _create_dataset(channels["admin"], project.name)
        yield Project(name=project.name, dataset=dataset.name, **channels)


async def _create_dataset(channel: grpc.aio.Channel, project: str) -> dataset_pb2.Dataset:
    classes = [dataset_pb2.LabelClass(id=number, name=str(number)) for number in range(CLASSES)]
    return await dataset_pb2_grpc.DatasetServiceStub(channel).CreateDataset(
        dataset_pb2.CreateDatasetRequest(
            parent=project,
            dataset_id=DATASET_ID,
            dataset=dataset_pb2.Dataset(
                display_name="Handwritten digits",
                task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D,
                classes=classes,
            ),
        )
    )


async def create_issue(project: Project, title: str, elements: Batch) -> issue_pb2.Issue:
    """Create an issue with these frames as elements."""
    issue = await issue_pb2_grpc.IssueServiceStub(project.review).CreateIssue(
        issue_pb2.CreateIssueRequest(
            parent=project.name,
            issue=issue_pb2.Issue(display_name=title, dataset=project.dataset),
        )
    )
    return await add_elements(project, issue.name, elements)


async def add_elements(project: Project, issue: str, elements: Batch) -> issue_pb2.Issue:
    """Add frames to an issue; returns the updated issue."""
    response = await issue_pb2_grpc.IssueServiceStub(project.review).AddElements(
        issue_pb2.AddElementsRequest(
            issue=issue,
            elements=[
                issue_pb2.Element(frame=frame.to_proto(), dataset=project.dataset)
                for frame in elements.frames
            ],
            model_id=MODEL_ID,
            embeddings=pack(elements.vectors),
        )
    )
    return response.issue


async def set_background(project: Project, embeddings: NDArray[np.float32]) -> campaign_pb2.Space:
    """Set the background: a random sample `(rows, dim)` of the frames to scan."""
    request = campaign_pb2.SetBackgroundRequest(
        parent=project.name, model_id=MODEL_ID, embeddings=pack(embeddings)
    )
    return await campaign_pb2_grpc.CampaignServiceStub(project.log).SetBackground(iter([request]))


async def start_campaign(project: Project, issue: str) -> campaign_pb2.Campaign:
    """Start a campaign for an issue."""
    return await campaign_pb2_grpc.CampaignServiceStub(project.admin).CreateCampaign(
        campaign_pb2.CreateCampaignRequest(
            parent=project.name, campaign=campaign_pb2.Campaign(issue=issue)
        )
    )
