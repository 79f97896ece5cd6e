"""A project to start campaigns in, and a client of the scorer."""

from __future__ import annotations

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from sluice.scoring import Basis, Scorer, ScoringModel
from sluice.tensors import Embeddings, pack
from sluice.v1 import campaign_pb2, dataset_pb2, frame_pb2, issue_pb2
from sluice.v1 import scorer_pb2 as pb
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.issue_pb2_grpc import IssueServiceStub
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub

DATASET = "projects/p/datasets/d"
DIMENSION = 8
MODEL_ID = "m"


def near(
    axis: int, count: int, *, seed: int = 0, dimension: int = DIMENSION
) -> NDArray[np.float32]:
    """Vectors around an axis of the space."""
    rows = np.random.default_rng(seed).normal(scale=0.2, size=(count, dimension))
    rows[:, axis] += 1
    return rows.astype(np.float32)


def anywhere(count: int, *, seed: int = 0) -> NDArray[np.float32]:
    """Vectors in all directions."""
    return np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)


class ScoringClient:
    """A client of the services that scoring needs, with short ways to use them."""

    def __init__(self, channel: grpc.aio.Channel, project: str) -> None:
        self.project = project
        self.datasets = DatasetServiceStub(channel)
        self.issues = IssueServiceStub(channel)
        self.campaigns = CampaignServiceStub(channel)
        self.scorer = ScorerServiceStub(channel)

    async def make_dataset(self) -> None:
        """Create the dataset of all frames."""
        await self.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(
                parent=self.project,
                dataset_id="d",
                dataset=dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D),
            )
        )

    async def set_background(self) -> None:
        """Set the background of the space, so that versions have a basis."""
        rows = pack(anywhere(400, seed=1))
        request = campaign_pb2.SetBackgroundRequest(
            parent=self.project, model_id=MODEL_ID, embeddings=rows
        )
        await self.campaigns.SetBackground(iter([request]))

    async def start_campaign(
        self,
        vectors: NDArray[np.float32],
        *,
        model_id: str = MODEL_ID,
        threshold: float | None = None,
    ) -> campaign_pb2.Campaign:
        """Start a campaign from a new issue with these elements."""
        issue = await self.issues.CreateIssue(
            issue_pb2.CreateIssueRequest(
                parent=self.project, issue=issue_pb2.Issue(display_name="i", dataset=DATASET)
            )
        )
        await self.add(issue.name, vectors, model_id=model_id)
        campaign = campaign_pb2.Campaign(issue=issue.name, threshold=threshold)
        return await self.campaigns.CreateCampaign(
            campaign_pb2.CreateCampaignRequest(parent=self.project, campaign=campaign)
        )

    async def add(
        self, issue: str, vectors: NDArray[np.float32], *, model_id: str = MODEL_ID, at: int = 0
    ) -> None:
        """Add elements to an issue, named `e0`, `e1`… from `at` on."""
        elements = [
            issue_pb2.Element(frame=frame_pb2.Frame(id=f"e{at + n}"), dataset=DATASET)
            for n in range(len(vectors))
        ]
        await self.issues.AddElements(
            issue_pb2.AddElementsRequest(
                issue=issue, elements=elements, model_id=model_id, embeddings=pack(vectors)
            )
        )

    async def commit(self, campaign: str) -> campaign_pb2.CampaignVersion:
        """Commit the next version of a campaign."""
        return await self.campaigns.CommitVersion(
            campaign_pb2.CommitVersionRequest(parent=campaign)
        )

    def batch(
        self,
        embeddings: Embeddings | NDArray[np.float32],
        *campaigns: str,
        explain: pb.ExplainMode = pb.EXPLAIN_MODE_UNSPECIFIED,
    ) -> pb.ScoreFramesRequest:
        """A batch of frames, one row each where it is an array."""
        if not isinstance(embeddings, Embeddings):
            embeddings = Embeddings.of_frames(MODEL_ID, embeddings)
        return pb.ScoreFramesRequest(
            parent=self.project,
            embeddings=embeddings.to_proto(),
            campaigns=campaigns,
            explain=explain,
        )

    async def score(
        self,
        embeddings: Embeddings | NDArray[np.float32],
        *campaigns: str,
        explain: pb.ExplainMode = pb.EXPLAIN_MODE_UNSPECIFIED,
    ) -> pb.ScoreFramesResponse:
        """The scores of a batch."""
        return await self.scorer.ScoreFrames(self.batch(embeddings, *campaigns, explain=explain))

    async def download_scorer(self, version: campaign_pb2.CampaignVersion) -> Scorer:
        """A scorer of a version, made from downloaded files as a logger does."""
        model = ScoringModel.from_bytes(
            await self._download(version.name, campaign_pb2.GetScoringModelRequest.FILE_MODEL)
        )
        bases = {}
        if version.basis_digest:
            data = await self._download(
                version.name, campaign_pb2.GetScoringModelRequest.FILE_BASIS
            )
            bases[version.basis_digest] = Basis.from_bytes(data)
        return Scorer([model], bases)

    async def _download(self, name: str, file: campaign_pb2.GetScoringModelRequest.File) -> bytes:
        request = campaign_pb2.GetScoringModelRequest(name=name, file=file)
        return b"".join([part.data async for part in self.campaigns.GetScoringModel(request)])


def matrix(response: pb.ScoreFramesResponse) -> NDArray[np.float64]:
    """The scores of a response, `(frames, versions)`."""
    shape = response.frame_count, len(response.versions)
    return np.frombuffer(response.scores, "<f8").reshape(shape)


@pytest.fixture
async def client(admin: grpc.aio.Channel, project: str) -> ScoringClient:
    """A project with a dataset."""
    client = ScoringClient(admin, project)
    await client.make_dataset()
    return client
