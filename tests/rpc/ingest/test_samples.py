"""Reading samples: order, pages and explanations."""

from __future__ import annotations

import numpy as np
import pytest

from sluice import errors
from sluice.names import SampleName
from sluice.scoring import Basis, Scorer, ScoringModel, normalise
from sluice.v1 import campaign_pb2, ingest_pb2, scorer_pb2
from tests.rpc.ingest.conftest import FRAMES
from tests.rpc.ingest.logger import Logger, error_of, frame_ids, matrix, vectors_of

UNSORTED = ingest_pb2.Sample.STATE_UNSORTED


async def test_order_by_score_and_by_version(collected: Logger) -> None:
    """Samples are listed by descending score, or by descending version and then score."""
    by_score = await collected.samples()
    scores = [sample.score for sample in by_score.samples]
    assert sorted(scores, reverse=True) == scores
    assert set(FRAMES) == set(frame_ids(by_score))
    by_version = await collected.samples(order=ingest_pb2.SAMPLE_ORDER_VERSION)
    keys = [(sample.version, sample.score) for sample in by_version.samples]
    assert sorted(keys, reverse=True) == keys
    assert [2, 2, 1, 1, 1, 1, 1] == [version for version, _ in keys]
    first_version = await collected.samples(version=1)
    assert [i for i in frame_ids(by_score) if i in FRAMES[:5]] == frame_ids(first_version)


async def test_pages_list_each_sample_once(collected: Logger) -> None:
    """Pages list every sample once, in order; a token is valid for its own listing only."""
    whole = frame_ids(await collected.samples())
    pages, token = [], ""
    while True:
        page = await collected.samples(page_size=3, page_token=token)
        pages.append(frame_ids(page))
        token = page.next_page_token
        if not token:
            break
    assert [whole[:3], whole[3:6], whole[6:]] == pages
    token = (await collected.samples(page_size=3)).next_page_token
    other = collected.samples(page_token=token, order=ingest_pb2.SAMPLE_ORDER_VERSION)
    assert "page_token" == (await error_of(other)).fields[0].field


async def test_a_sample_has_its_explanation(collected: Logger) -> None:
    """A sample's explanation is the one that the scorer gave for the frame."""
    name = f"{collected.campaign}/samples/{FRAMES[6]}"
    sample = await collected.ingest.GetSample(ingest_pb2.GetSampleRequest(name=name))
    scored = await collected.score([FRAMES[6]])
    assert (name, 2, UNSORTED) == (sample.name, sample.version, sample.state)
    expected = scored.explanations[0].explanation
    assert [n.frame_id for n in expected.neighbours] == [
        n.frame_id for n in sample.explanation.neighbours
    ]
    for figure in ("cluster", "cluster_size", "distance", "radius", "margin_to_threshold"):
        assert getattr(expected, figure) == pytest.approx(
            getattr(sample.explanation, figure), abs=1e-5
        )
    assert 3 == len(sample.explanation.neighbours)
    assert all("hard" in n.frame_id for n in sample.explanation.neighbours)
    assert "test" == sample.logger
    assert sample.HasField("receive_time")


@pytest.mark.parametrize("frame_id", ["nobody", "a/b é"])
async def test_a_frame_that_was_not_collected_is_not_found(
    collected: Logger, frame_id: str
) -> None:
    """A sample of a frame that was not collected is NOT_FOUND, whatever its id."""
    name = str(SampleName("p", collected.campaign.rsplit("/", 1)[1], frame_id))
    error = await error_of(collected.ingest.GetSample(ingest_pb2.GetSampleRequest(name=name)))
    assert isinstance(error, errors.NotFound)


async def test_a_campaign_that_does_not_exist(logger: Logger) -> None:
    """Funnel and samples of an unknown campaign are NOT_FOUND, naming it."""
    logger.campaign = "projects/p/campaigns/nothing"
    for call in (logger.funnel(), logger.samples()):
        error = await error_of(call)
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
    scores = dict(zip(FRAMES, kernel.scores[:, 0], strict=True))
    for sample in (await collected.samples(version=2)).samples:
        assert scores[sample.frame.id] == pytest.approx(sample.score, abs=1e-5)
