"""A logger that a test drives: it has the server score frames, and submits their batches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from sluice import errors, rpc_errors
from sluice.frames import Frame
from sluice.hashes import frame_hashes
from sluice.tally import ScoredBy, tally_scores
from sluice.tensors import Embeddings, pack
from sluice.v1 import campaign_pb2, dataset_pb2, frame_pb2, ingest_pb2, issue_pb2, scorer_pb2
from sluice.v1.campaign_pb2_grpc import CampaignServiceStub
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.ingest_pb2_grpc import IngestServiceStub
from sluice.v1.issue_pb2_grpc import IssueServiceStub
from sluice.v1.scorer_pb2_grpc import ScorerServiceStub

PROJECT, MODEL, DIMENSION = "projects/p", "m", 64
PATIENCE_S = 10


@dataclass(frozen=True, slots=True)
class Submission:
    """An open Submit stream."""

    call: Any

    async def send(self, batch: ingest_pb2.SubmitBatch) -> None:
        """Send a batch."""
        await self.call.write(ingest_pb2.SubmitRequest(batch=batch))

    async def result(self) -> ingest_pb2.BatchResult:
        """Receive the next result."""
        response = await asyncio.wait_for(self.call.read(), PATIENCE_S)
        assert isinstance(response, ingest_pb2.SubmitResponse), "the stream has ended"
        return response.result


class Logger:
    """A client of the services that a logger and its team call."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.campaigns = CampaignServiceStub(channel)
        self.issues = IssueServiceStub(channel)
        self.datasets = DatasetServiceStub(channel)
        self.scorer = ScorerServiceStub(channel)
        self.ingest = IngestServiceStub(channel)
        self.issue = self.campaign = ""

    async def start_campaign(self) -> None:
        """Start a campaign, from an issue of three frames and with a background."""
        dataset = await self.datasets.CreateDataset(
            dataset_pb2.CreateDatasetRequest(
                parent=PROJECT,
                dataset_id="d",
                dataset=dataset_pb2.Dataset(task_type=frame_pb2.TASK_TYPE_CLASSIFICATION_2D),
            )
        )
        issue = issue_pb2.Issue(display_name="hard", dataset=dataset.name)
        request = issue_pb2.CreateIssueRequest(parent=PROJECT, issue=issue)
        self.issue = (await self.issues.CreateIssue(request)).name
        await self.add("hard0", "hard1", "hard2")
        sample = np.random.default_rng(1).normal(size=(300, DIMENSION))
        background = campaign_pb2.SetBackgroundRequest(
            parent=PROJECT, model_id=MODEL, embeddings=pack(sample)
        )
        await self.campaigns.SetBackground(iter([background]))
        campaign = await self.campaigns.CreateCampaign(
            campaign_pb2.CreateCampaignRequest(
                parent=PROJECT, campaign=campaign_pb2.Campaign(issue=self.issue)
            )
        )
        self.campaign = campaign.name

    async def add(self, *frame_ids: str) -> None:
        """Put frames into the issue."""
        await self.issues.AddElements(
            issue_pb2.AddElementsRequest(
                issue=self.issue,
                elements=[
                    issue_pb2.Element(frame=frame_pb2.Frame(id=i), dataset=f"{PROJECT}/datasets/d")
                    for i in frame_ids
                ],
                model_id=MODEL,
                embeddings=pack(vectors_of(frame_ids)),
            )
        )

    async def score(
        self, frame_ids: Sequence[str], **options: Any
    ) -> scorer_pb2.ScoreFramesResponse:
        """Score frames on the server."""
        embeddings = Embeddings.of_frames(MODEL, vectors_of(frame_ids)).to_proto()
        return await self.scorer.ScoreFrames(
            scorer_pb2.ScoreFramesRequest(parent=PROJECT, embeddings=embeddings, **options)
        )

    async def batch(self, seq: int, *frame_ids: str) -> ingest_pb2.SubmitBatch:
        """The batch that a logger makes of these frames."""
        scored = await self.score(frame_ids)
        scores = matrix(scored)
        matching = scores >= [version.threshold for version in scored.versions]
        rows = np.flatnonzero(matching.any(axis=1)).tolist()
        scored_by = [ScoredBy(v.campaign, v.version, v.model_digest) for v in scored.versions]
        vectors = vectors_of([frame_ids[row] for row in rows])
        return ingest_pb2.SubmitBatch(
            seq=seq,
            seen_hashes=frame_hashes(frame_ids).tobytes(),
            tallies=[tally.to_proto() for tally in tally_scores(scores, scored_by)],
            matches=[
                ingest_pb2.Match(
                    frame=Frame(id=frame_ids[row], device="car").to_proto(),
                    scores=[
                        {"tally_index": column, "score": scores[row, column]}
                        for column in np.flatnonzero(matching[row]).tolist()
                    ],
                )
                for row in rows
            ],
            embeddings=Embeddings.of_frames(MODEL, vectors).to_proto() if rows else None,
        )

    @asynccontextmanager
    async def session(self, session_id: str = "", next_seq: int = 1) -> AsyncIterator[Submission]:
        """A Submit stream that has been started."""
        call = self.ingest.Submit()
        start = ingest_pb2.SubmitStart(
            parent=PROJECT, session_id=session_id or str(uuid4()), logger="test"
        )
        await call.write(ingest_pb2.SubmitRequest(start=start))
        response = await asyncio.wait_for(call.read(), PATIENCE_S)
        assert isinstance(response, ingest_pb2.SubmitResponse)
        assert next_seq == response.started.next_seq
        try:
            yield Submission(call)
        finally:
            call.cancel()

    async def submit(self, *frame_ids: str) -> ingest_pb2.BatchResult:
        """Submit frames as a session of their own."""
        async with self.session() as session:
            await session.send(await self.batch(1, *frame_ids))
            return await session.result()

    async def funnel(self) -> ingest_pb2.Funnel:
        """The campaign's funnel."""
        return await self.ingest.GetFunnel(ingest_pb2.GetFunnelRequest(campaign=self.campaign))

    async def settled(self) -> ingest_pb2.Funnel:
        """The campaign's funnel, once nothing in it is pending."""
        async with asyncio.timeout(PATIENCE_S):
            funnel = await self.funnel()
            while funnel.pending:
                funnel = await self.funnel()
        return funnel

    async def samples(self, **options: Any) -> ingest_pb2.ListSamplesResponse:
        """A page of the campaign's samples."""
        request = ingest_pb2.ListSamplesRequest(parent=self.campaign, **options)
        return await self.ingest.ListSamples(request)


def vectors_of(frame_ids: Sequence[str]) -> NDArray[np.float32]:
    """A vector for each frame, always the same: ids with an h are near the first axis."""
    rows = []
    for frame_id in frame_ids:
        draw = np.random.default_rng([*frame_id.encode()])
        centre = np.eye(DIMENSION)[0] * 3 if "h" in frame_id else draw.normal(size=DIMENSION)
        rows.append(centre + draw.normal(size=DIMENSION) * 0.12)
    return np.array(rows, np.float32).reshape(-1, DIMENSION)


def matrix(scored: scorer_pb2.ScoreFramesResponse) -> NDArray[np.float64]:
    """The scores of a response, `(frames, versions)`."""
    return np.frombuffer(scored.scores, "<f8").reshape(scored.frame_count, len(scored.versions))


def frame_ids(response: ingest_pb2.ListSamplesResponse) -> list[str]:
    """The frames of a page of samples."""
    return [sample.frame.id for sample in response.samples]


async def error_of(call: Awaitable[Any]) -> errors.SluiceError:
    """The error that a call must raise."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return rpc_errors.from_rpc_error(raised.value)
