"""Read a campaign's funnel and samples, review them, and commit the next version."""

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

Response = TypeVar("Response")


async def get_funnel(project: Project, campaign: str) -> ingest_pb2.Funnel:
    """Read the funnel of a campaign."""
    return await ingest_pb2_grpc.IngestServiceStub(project.review).GetFunnel(
        ingest_pb2.GetFunnelRequest(campaign=campaign)
    )


async def wait_for_funnel(project: Project, campaign: str) -> ingest_pb2.Funnel:
    """Read the funnel once no match is pending."""
    return await _poll(lambda: get_funnel(project, campaign), lambda funnel: funnel.pending == 0)


async def list_samples(project: Project, campaign: str) -> list[ingest_pb2.Sample]:
    """Read all samples of a campaign, best first."""
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
    """Accept and discard samples, by frame id."""
    stub = ingest_pb2_grpc.IngestServiceStub(project.review)
    await stub.AcceptSamples(ingest_pb2.AcceptSamplesRequest(parent=campaign, frame_ids=accepted))
    await stub.DiscardSamples(
        ingest_pb2.DiscardSamplesRequest(parent=campaign, frame_ids=discarded)
    )


async def commit_version(
    project: Project, campaign: str, probe: NDArray[np.float32]
) -> campaign_pb2.CampaignVersion:
    """Commit the current issue, and wait until the scorer uses the new version.

    `probe` is one frame's vector, `(1, dim)`. An open stream would switch to the version by itself;
    waiting ensures that the next scan uses only the new version.
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
        lambda response: response.versions[0].version == version.number,
    )
    return version


async def _poll(
    call: Callable[[], Awaitable[Response]], is_done: Callable[[Response], bool]
) -> Response:
    """Repeat a call until `is_done` accepts its response; TimeoutError after `TIMEOUT_S`."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_done(response := await call()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"condition not met after {TIMEOUT_S} s: {response}")
        await asyncio.sleep(POLL_S)
    return response
