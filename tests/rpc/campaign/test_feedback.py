"""Commits with feedback over gRPC, on the whole server: from reviews to the next version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import grpc
import pytest

from sluice.scoring import ScoringModel
from sluice.v1 import campaign_pb2 as pb
from sluice.v1 import finding_pb2, ingest_pb2
from tests.rpc.ingest.logger import PROJECT, Logger

FRAMES = [f"h{index}" for index in range(6)]


ISSUE = ["hard0", "hard1", "hard2"]


Counts = tuple[int, int, int]


@pytest.fixture
async def logger(admin: grpc.aio.Channel, project: str) -> Logger:
    """A logger whose campaign has six samples."""
    logger = Logger(admin)
    await logger.start_campaign()
    await logger.submit(*FRAMES)
    assert 6 == (await logger.settled()).collected
    return logger


async def review(logger: Logger, decision: str, *frame_ids: str) -> None:
    """Accept, discard or restore samples."""
    message = getattr(ingest_pb2, f"{decision}SamplesRequest")
    call: Any = getattr(logger.ingest, f"{decision}Samples")
    await call(message(parent=logger.campaign, frame_ids=frame_ids))


async def commit_version(
    logger: Logger, *, with_feedback: bool = True, **options: Any
) -> pb.CampaignVersion:
    """The campaign's next version."""
    request = pb.CommitVersionRequest(
        parent=logger.campaign, with_feedback=with_feedback, **options
    )
    return await logger.campaigns.CommitVersion(request)


def member_counts(version: pb.CampaignVersion) -> Counts:
    """How many elements, accepted samples and negatives it has."""
    return version.element_count, version.accepted_count, version.negative_count


async def read_element_ids(logger: Logger, version: pb.CampaignVersion) -> Sequence[str]:
    """The elements that a version's model can name."""
    chunks = logger.campaigns.GetScoringModel(pb.GetScoringModelRequest(name=version.name))
    model = ScoringModel.from_bytes(b"".join([chunk.data async for chunk in chunks]))
    assert model.digest == version.model_digest
    return [id.frame_id for id in model.element_ids]


async def diagnose(logger: Logger) -> list[finding_pb2.DiagnoseProjectResponse]:
    """The findings of the doctors of both services, which repair them."""
    request = finding_pb2.DiagnoseProjectRequest(name=PROJECT, repair=True)
    return [
        event
        for service in (logger.campaigns, logger.ingest)
        async for event in service.DiagnoseProject(request)
        if event.HasField("finding")
    ]


async def test_reviews_make_the_next_version(logger: Logger) -> None:
    """Accepted samples are elements of it, discarded ones negatives; the doctor finds nothing."""
    await review(logger, "Accept", "h0", "h1")
    await review(logger, "Discard", "h2", "h3", "h4")

    version = await commit_version(logger)

    assert (2, (5, 2, 3)) == (version.number, member_counts(version))
    assert ["h0", "h1", *ISSUE] == await read_element_ids(logger, version)
    read = await logger.campaigns.GetVersion(pb.GetVersionRequest(name=version.name))
    campaign = await logger.campaigns.GetCampaign(pb.GetCampaignRequest(name=logger.campaign))
    assert [version, version] == [read, campaign.version]
    assert (0, 0) == (campaign.elements_added, campaign.elements_removed)
    assert [] == await diagnose(logger)


async def test_an_accepted_sample_explains_scores(logger: Logger) -> None:
    """The explanation of a frame names the accepted sample nearest to it, from that version on."""
    await review(logger, "Accept", "h0")
    await commit_version(logger)
    while (scored := await logger.score(["h0"])).versions[0].version != 2:
        pass

    [explained] = scored.explanations
    assert "h0" == explained.explanation.neighbours[0].frame_id


async def test_the_last_review_counts(logger: Logger) -> None:
    """What was restored, or is accepted after all, is not what it was in the version before."""
    await review(logger, "Accept", "h0", "h1")
    await review(logger, "Discard", "h2", "h3")
    first = await commit_version(logger)
    await review(logger, "Restore", "h0", "h2")
    await review(logger, "Accept", "h3")

    second = await commit_version(logger)

    assert (5, 2, 2) == member_counts(first)
    assert (5, 2, 0) == member_counts(second)
    assert ["h1", "h3", *ISSUE] == await read_element_ids(logger, second)
    assert 2 == len({first.snapshot_digest, second.snapshot_digest})
    assert [] == await diagnose(logger)


async def test_samples_of_all_versions_count(logger: Logger) -> None:
    """A sample is reviewed for its campaign, whichever version it was collected under."""
    await review(logger, "Accept", "h0")
    await commit_version(logger)
    while (await logger.score(["h9"])).versions[0].version != 2:
        pass
    await logger.submit("h9")
    await logger.settled()
    await review(logger, "Discard", "h9", "h1")

    assert (4, 1, 2) == member_counts(await commit_version(logger))


async def test_negatives_alone_make_another_version(logger: Logger) -> None:
    """The snapshot's digest covers negatives, and is the same for the same reviews."""
    await review(logger, "Discard", "h0")
    one, again = await commit_version(logger), await commit_version(logger)
    await review(logger, "Discard", "h1")
    two = await commit_version(logger)

    assert [(3, 0, 1), (3, 0, 1), (3, 0, 2)] == list(map(member_counts, (one, again, two)))
    assert (one.snapshot_digest, one.model_digest) == (again.snapshot_digest, again.model_digest)
    assert one.snapshot_digest != two.snapshot_digest


async def test_without_feedback_the_issue_alone_counts(logger: Logger) -> None:
    """A plain commit is what it was before, also after one with feedback."""
    await review(logger, "Accept", "h0")
    await review(logger, "Discard", "h1")
    plain = await commit_version(logger, with_feedback=False)
    await commit_version(logger)
    again = await commit_version(logger, with_feedback=False)

    assert ((3, 0, 0), (3, 0, 0)) == (member_counts(plain), member_counts(again))
    assert (plain.snapshot_digest, plain.model_digest) == (
        again.snapshot_digest,
        again.model_digest,
    )


async def test_an_accepted_sample_of_the_issue_counts_once(logger: Logger) -> None:
    """A sample that was put into the issue too is the issue's."""
    await review(logger, "Accept", "h0", "h1")
    await logger.add("h0")

    version = await commit_version(logger)

    assert (5, 1, 0) == member_counts(version)
    assert ["h0", "h1", *ISSUE] == await read_element_ids(logger, version)


async def test_a_commit_sent_again_is_the_first(logger: Logger) -> None:
    """Under one request id there is one version, also when reviews have changed meanwhile."""
    await review(logger, "Accept", "h0")
    request_id = str(uuid4())
    first = await commit_version(logger, request_id=request_id)
    await review(logger, "Discard", "h1")

    assert first == await commit_version(logger, request_id=request_id)
    with pytest.raises(grpc.aio.AioRpcError, match="request_id"):
        await commit_version(logger, request_id=request_id, with_feedback=False)
