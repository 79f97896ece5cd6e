"""Samples as people meet them: listed, explained, reviewed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import grpc
import numpy as np
import pytest

from sluice import errors, rpc_errors
from sluice.names import SampleName
from sluice.scoring import Basis, Scorer, ScoringModel, normalise
from sluice.v1 import campaign_pb2, ingest_pb2, scorer_pb2
from tests.rpc.ingest.logger import Logger, matrix, vectors_of

UNSORTED, ACCEPTED, DISCARDED = (
    ingest_pb2.Sample.STATE_UNSORTED,
    ingest_pb2.Sample.STATE_ACCEPTED,
    ingest_pb2.Sample.STATE_DISCARDED,
)
FRAMES = [f"h{index}" for index in range(7)]


@pytest.fixture
async def collected(logger: Logger) -> Logger:
    """The logger, with seven samples, the last two of version 2."""
    await logger.submit(*FRAMES[:5])
    await logger.add("hard3")
    await logger.campaigns.CommitVersion(campaign_pb2.CommitVersionRequest(parent=logger.campaign))
    await until_version(logger, 2)
    await logger.submit(*FRAMES[5:])
    await logger.settled()
    return logger


async def until_version(logger: Logger, number: int) -> None:
    """Wait until the scorer scores with a version."""
    while (await logger.score(["x"])).versions[0].version != number:
        pass


def ids(response: ingest_pb2.ListSamplesResponse) -> list[str]:
    """The frames of a page."""
    return [sample.frame.id for sample in response.samples]


async def review(logger: Logger, what: str, *frame_ids: str, request_id: str = "") -> int:
    """Accept, discard or restore samples; how many changed."""
    request = getattr(ingest_pb2, f"{what}SamplesRequest")(
        parent=logger.campaign, frame_ids=frame_ids, request_id=request_id
    )
    response: Any = await getattr(logger.ingest, f"{what}Samples")(request)
    return int(response.changed_count)


async def refused(awaitable: Any) -> errors.SluiceError:
    """The error of a call."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await awaitable
    return rpc_errors.from_rpc_error(raised.value)


async def test_order_by_score_and_by_version(collected: Logger) -> None:
    """Samples come best first, or newest version first and best first within it."""
    by_score = await collected.samples()
    scores = [sample.score for sample in by_score.samples]
    assert sorted(scores, reverse=True) == scores
    assert set(FRAMES) == set(ids(by_score))
    by_version = await collected.samples(order=ingest_pb2.SAMPLE_ORDER_VERSION)
    found = [(sample.version, sample.score) for sample in by_version.samples]
    assert sorted(found, reverse=True) == found
    assert [2, 2, 1, 1, 1, 1, 1] == [version for version, _ in found]
    of_first = await collected.samples(version=1)
    assert [i for i in ids(by_score) if i in FRAMES[:5]] == ids(of_first)


async def test_pages_make_the_whole(collected: Logger) -> None:
    """Page by page every sample comes once, in order; a token is of its own listing only."""
    whole = ids(await collected.samples())
    pages, token = [], ""
    while True:
        page = await collected.samples(page_size=3, page_token=token)
        pages.append(ids(page))
        token = page.next_page_token
        if not token:
            break
    assert [whole[:3], whole[3:6], whole[6:]] == pages
    token = (await collected.samples(page_size=3)).next_page_token
    other = collected.samples(page_token=token, order=ingest_pb2.SAMPLE_ORDER_VERSION)
    assert "page_token" == (await refused(other)).fields[0].field


async def test_review_changes_states_and_counters(collected: Logger) -> None:
    """Accepted and discarded samples are counted, filtered by, and can be taken back."""
    assert 3 == await review(collected, "Accept", *FRAMES[:3])
    assert 2 == await review(collected, "Discard", *FRAMES[2:4])
    assert 0 == await review(collected, "Accept", FRAMES[0])
    funnel = await collected.funnel()
    assert (2, 2) == (funnel.accepted, funnel.discarded)
    accepted = await collected.samples(states=[ACCEPTED])
    assert set(FRAMES[:2]) == set(ids(accepted))
    unsorted = await collected.samples(states=[UNSORTED], page_size=2)
    rest = await collected.samples(
        states=[UNSORTED], page_size=2, page_token=unsorted.next_page_token
    )
    assert set(FRAMES[4:]) == {*ids(unsorted), *ids(rest)}
    assert 2 == await review(collected, "Restore", FRAMES[0], FRAMES[2], FRAMES[4])
    funnel = await collected.funnel()
    assert (1, 1) == (funnel.accepted, funnel.discarded)


async def test_review_is_all_or_none(collected: Logger) -> None:
    """When one frame is no sample, none is reviewed, and it is named."""
    error = await refused(review(collected, "Accept", FRAMES[0], "nobody"))
    assert isinstance(error, errors.NotFound)
    assert "'nobody'" in error.message
    assert 0 == (await collected.funnel()).accepted
    twice = await refused(review(collected, "Accept", FRAMES[0], FRAMES[0]))
    none = await refused(review(collected, "Accept"))
    assert ["frame_ids"] * 2 == [e.fields[0].field for e in (twice, none)]


async def test_a_review_sent_again_answers_as_the_first_time(collected: Logger) -> None:
    """With its request id a repeated review changes nothing, whatever came in between."""
    request_id = str(uuid4())
    first = await review(collected, "Accept", FRAMES[0], request_id=request_id)
    await review(collected, "Restore", FRAMES[0])
    again = await review(collected, "Accept", FRAMES[0], request_id=request_id)
    assert (1, 1) == (first, again)
    assert 0 == (await collected.funnel()).accepted


async def test_a_sample_says_why(collected: Logger) -> None:
    """A sample's explanation is the one that the scorer gave for the frame."""
    name = f"{collected.campaign}/samples/{FRAMES[6]}"
    sample = await collected.ingest.GetSample(ingest_pb2.GetSampleRequest(name=name))
    scored = await collected.score([FRAMES[6]])
    assert (name, 2, UNSORTED) == (sample.name, sample.version, sample.state)
    given = scored.explanations[0].explanation
    assert [n.frame_id for n in given.neighbours] == [
        n.frame_id for n in sample.explanation.neighbours
    ]
    for figure in ("cluster", "cluster_size", "distance", "radius", "margin_to_threshold"):
        assert getattr(given, figure) == pytest.approx(
            getattr(sample.explanation, figure), abs=1e-5
        )
    assert 3 == len(sample.explanation.neighbours)
    assert all("hard" in n.frame_id for n in sample.explanation.neighbours)
    assert "test" == sample.logger
    assert sample.HasField("receive_time")


@pytest.mark.parametrize("frame_id", ["nobody", "a/b é"])
async def test_a_sample_that_is_not_there(collected: Logger, frame_id: str) -> None:
    """A frame that was not collected is not found, by any id."""
    name = str(SampleName("p", collected.campaign.rsplit("/", 1)[1], frame_id))
    error = await refused(collected.ingest.GetSample(ingest_pb2.GetSampleRequest(name=name)))
    assert isinstance(error, errors.NotFound)


async def test_samples_of_an_inactive_campaign_stay_readable(collected: Logger) -> None:
    """Deactivating a campaign takes nothing away; frames sent late are counted as inactive."""
    late = await collected.batch(1, "h99")
    await collected.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=collected.campaign)
    )
    while (await collected.score(["x"])).versions:
        pass
    async with collected.session() as session:
        await session.send(late)
        result = await session.result()
    assert [ingest_pb2.VERDICT_INACTIVE] == result.verdicts.verdicts
    assert len(FRAMES) == len(ids(await collected.samples()))
    assert 1 == await review(collected, "Accept", FRAMES[0])


async def test_a_campaign_that_does_not_exist(logger: Logger) -> None:
    """Funnel and samples of an unknown campaign are not found, and it is named."""
    logger.campaign = "projects/p/campaigns/nothing"
    for call in (logger.funnel(), logger.samples()):
        error = await refused(call)
        assert isinstance(error, errors.NotFound)
        assert "nothing" in error.message


async def test_a_score_is_one_number_everywhere(collected: Logger) -> None:
    """The kernel with the downloaded model, the scorer and ingest agree to 1e-5."""
    version = f"{collected.campaign}/versions/2"

    async def download(file: campaign_pb2.GetScoringModelRequest.File) -> bytes:
        request = campaign_pb2.GetScoringModelRequest(name=version, file=file)
        chunks = collected.campaigns.GetScoringModel(request)
        return b"".join([chunk.data async for chunk in chunks])

    model = ScoringModel.from_bytes(await download(campaign_pb2.GetScoringModelRequest.FILE_MODEL))
    basis = Basis.from_bytes(await download(campaign_pb2.GetScoringModelRequest.FILE_BASIS))
    kernel = Scorer([model], {basis.digest: basis}).score(normalise(vectors_of(FRAMES)))
    scored = await collected.score(FRAMES, explain=scorer_pb2.EXPLAIN_MODE_NONE)
    np.testing.assert_allclose(kernel.scores, matrix(scored), atol=1e-5)
    of_frame = dict(zip(FRAMES, kernel.scores[:, 0], strict=True))
    for sample in (await collected.samples(version=2)).samples:
        assert of_frame[sample.frame.id] == pytest.approx(sample.score, abs=1e-5)
