"""What comes back from a campaign: its funnel and samples, their review, the next version."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from demo.classifier import MODEL_ID
from demo.team import Project
from sluice.tensors import Embeddings
from sluice.v1 import (
    campaign_pb2,
    campaign_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    scorer_pb2,
    scorer_pb2_grpc,
)

PAGE_SIZE = 1_000
TIMEOUT_S = 30
POLL_S = 0.05

Answer = TypeVar("Answer")


async def get_funnel(project: Project, campaign: str) -> ingest_pb2.Funnel:
    """What became of the frames seen so far."""
    return await ingest_pb2_grpc.IngestServiceStub(project.review).GetFunnel(
        ingest_pb2.GetFunnelRequest(campaign=campaign)
    )


async def settled_funnel(project: Project, campaign: str) -> ingest_pb2.Funnel:
    """The funnel once every match has been compared with the samples."""
    return await _poll(lambda: get_funnel(project, campaign), lambda funnel: funnel.pending == 0)


async def list_samples(project: Project, campaign: str) -> list[ingest_pb2.Sample]:
    """All samples of a campaign, best first."""
    stub = ingest_pb2_grpc.IngestServiceStub(project.review)
    samples: list[ingest_pb2.Sample] = []
    request = ingest_pb2.ListSamplesRequest(
        parent=campaign, page_size=PAGE_SIZE, order=ingest_pb2.SAMPLE_ORDER_SCORE
    )
    while True:
        page = await stub.ListSamples(request)
        samples.extend(page.samples)
        if not page.next_page_token:
            return samples
        request.page_token = page.next_page_token


async def review(
    project: Project, campaign: str, accepted: Sequence[str], discarded: Sequence[str]
) -> None:
    """Say of samples, by frame id, whether they are what the campaign looks for."""
    stub = ingest_pb2_grpc.IngestServiceStub(project.review)
    await stub.AcceptSamples(ingest_pb2.AcceptSamplesRequest(parent=campaign, frame_ids=accepted))
    await stub.DiscardSamples(
        ingest_pb2.DiscardSamplesRequest(parent=campaign, frame_ids=discarded)
    )


async def commit_version(
    project: Project, campaign: str, probe: NDArray[np.float32]
) -> campaign_pb2.CampaignVersion:
    """Commit the issue as it is now, and wait until the scorer scores with that version.

    `probe` is one frame's vector, `(1, dim)`. An open stream would learn of the version by itself;
    waiting makes sure that the next scan has nothing of the version before.
    """
    version = await campaign_pb2_grpc.CampaignServiceStub(project.admin).CommitVersion(
        campaign_pb2.CommitVersionRequest(parent=campaign)
    )
    stub = scorer_pb2_grpc.ScorerServiceStub(project.log)
    request = scorer_pb2.ScoreFramesRequest(
        parent=project.name,
        embeddings=Embeddings.of_frames(MODEL_ID, probe).to_proto(),
        campaigns=[campaign],
    )
    await _poll(
        lambda: stub.ScoreFrames(request),
        lambda scored: scored.versions[0].version == version.number,
    )
    return version


async def _poll(call: Callable[[], Awaitable[Answer]], done: Callable[[Answer], bool]) -> Answer:
    """Call until the answer is as wanted; TimeoutError when that takes too long."""
    give_up_at = time.monotonic() + TIMEOUT_S
    while not done(answer := await call()):
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"still not so after {TIMEOUT_S} s: {answer}")
        await asyncio.sleep(POLL_S)
    return answer
