"""ScoreFrames: the campaigns, scores and explanations of a batch."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numpy.typing import NDArray

from services.embedded.process import EmbeddedServer
from services.scorer import score, servicer
from sluice import errors, rpc_errors
from sluice.scoring import normalise
from sluice.tensors import Embeddings
from sluice.v1 import campaign_pb2, project_pb2
from sluice.v1 import scorer_pb2 as pb
from sluice.v1.project_pb2_grpc import ProjectServiceStub
from tests.rpc.scorer.conftest import MODEL_ID, ScoringClient, anywhere, matrix, near


async def error_of(call: Any) -> errors.SluiceError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return rpc_errors.from_rpc_error(failed.value)


@pytest.mark.parametrize("background", [True, False], ids=["with basis", "without basis"])
async def test_scores_are_the_kernels(client: ScoringClient, background: bool) -> None:
    """The scores are those that a logger computes with the files that it downloads."""
    if background:
        await client.set_background()
    campaigns = [await client.start_campaign(near(axis, 20)) for axis in range(3)]
    frames = anywhere(500)
    response = await client.score(frames)

    assert 500 == response.frame_count
    assert {c.name for c in campaigns} == {v.campaign for v in response.versions}
    by_name = {campaign.name: campaign.version for campaign in campaigns}
    for column, version in enumerate(response.versions):
        scorer = await client.download_scorer(by_name[version.campaign])
        expected = scorer.score(normalise(frames)).scores[:, 0]
        np.testing.assert_allclose(expected, matrix(response)[:, column], rtol=0, atol=1e-5)


async def test_a_column_names_its_version(client: ScoringClient) -> None:
    """A column names campaign, version, model and threshold: the campaign's, else 0.5."""
    first = await client.start_campaign(near(0, 5))
    second = await client.start_campaign(near(1, 5), threshold=0.25)
    response = await client.score(anywhere(1), second.name, first.name)

    expected = [
        pb.ScoredVersion(
            campaign=campaign.name,
            version=1,
            model_digest=campaign.version.model_digest,
            threshold=threshold,
        )
        for campaign, threshold in ((second, 0.25), (first, 0.5))
    ]
    assert expected == list(response.versions)


async def test_a_frame_takes_its_best_row(client: ScoringClient) -> None:
    """A frame with crops has the score of its best row, which is named."""
    campaign = await client.start_campaign(near(0, 20))
    rows = np.concatenate([near(1, 1), near(0, 1), near(2, 1), near(0, 1, seed=5), near(3, 1)])
    frames = Embeddings(MODEL_ID, rows, np.array([0, 0, 0, 1, 1]), ["", "a", "b", "c", "d"])
    response = await client.score(frames, explain=pb.EXPLAIN_MODE_ALL)
    single = matrix(await client.score(rows, campaign.name))[:, 0]

    assert 2 == response.frame_count
    np.testing.assert_allclose(single[[1, 3]], matrix(response)[:, 0], atol=1e-9)
    assert [1, 3] == np.frombuffer(response.scored_rows, "<u4").tolist()
    assert ["a", "c"] == [e.explanation.label_id for e in response.explanations]


async def test_rows_are_omitted_for_frames_of_one_row(client: ScoringClient) -> None:
    """If row i belongs to frame i, the response has no rows."""
    await client.start_campaign(near(0, 5))

    assert b"" == (await client.score(anywhere(3))).scored_rows


async def test_a_space_without_campaigns_has_no_columns(client: ScoringClient) -> None:
    """Frames of a space without active campaigns get no scores, and no error."""
    campaign = await client.start_campaign(near(0, 5))
    other = Embeddings.of_frames("another model", anywhere(3))
    assert (3, 0, b"") == _shape(await client.score(other))
    assert (3, 0, b"") == _shape(await client.score(near(0, 3, dimension=4)))

    await client.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=campaign.name)
    )
    async with asyncio.timeout(10):
        while (await client.score(anywhere(3))).versions:
            pass


def _shape(response: pb.ScoreFramesResponse) -> tuple[int, int, bytes]:
    return response.frame_count, len(response.versions), response.scores


async def test_an_empty_batch_is_scored(client: ScoringClient) -> None:
    """A batch without frames has no scores."""
    await client.start_campaign(near(0, 5))

    assert (0, 1, b"") == _shape(await client.score(anywhere(0)))


async def test_a_subset_is_scored(client: ScoringClient) -> None:
    """Requested campaigns are scored in their order, with the same scores as among all."""
    campaigns = [(await client.start_campaign(near(axis, 10))).name for axis in range(3)]
    requested = [campaigns[2], campaigns[0]]
    frames = anywhere(50)
    response = await client.score(frames, *requested)
    everything = await client.score(frames)

    assert requested == [version.campaign for version in response.versions]
    columns = [[v.campaign for v in everything.versions].index(name) for name in requested]
    np.testing.assert_allclose(matrix(everything)[:, columns], matrix(response), atol=1e-6)


async def test_an_unknown_campaign_is_not_found(client: ScoringClient) -> None:
    """A campaign that does not exist is named."""
    name = "projects/p/campaigns/3c5e86f4-0a3e-4d0c-8d1c-000000000000"
    error = await error_of(client.score(anywhere(1), name))

    assert errors.NotFound is type(error)
    assert name in error.message


async def test_an_inactive_campaign_is_rejected(client: ScoringClient) -> None:
    """A requested campaign that is not active is named."""
    campaign = await client.start_campaign(near(0, 5))
    await client.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=campaign.name)
    )
    async with asyncio.timeout(10):
        while (await client.score(anywhere(3))).versions:
            pass
    error = await error_of(client.score(anywhere(1), campaign.name))

    assert (errors.FailedPrecondition, "WRONG_STATE") == (type(error), error.reason)
    assert campaign.name in error.message


async def test_a_campaign_of_another_space_is_refused(client: ScoringClient) -> None:
    """A campaign that scores other vectors is named, with both spaces."""
    name = (await client.start_campaign(near(0, 5))).name
    error = await error_of(client.score(near(0, 1, dimension=4), name))

    assert (errors.InvalidArgument, "SPACE_MISMATCH") == (type(error), error.reason)
    assert "campaigns[0]" == error.fields[0].field
    for part in (name, "8 dimensions", "with 4"):
        assert part in error.message


async def test_a_duplicate_campaign_is_rejected(client: ScoringClient) -> None:
    """A campaign that is requested twice is named by its index."""
    name = (await client.start_campaign(near(0, 5))).name
    error = await error_of(client.score(anywhere(1), name, name))

    assert (errors.InvalidArgument, "campaigns[1]") == (type(error), error.fields[0].field)


async def test_a_campaign_of_another_project_is_refused(client: ScoringClient, admin: Any) -> None:
    """Frames of one project are never scored against a campaign of another."""
    await ProjectServiceStub(admin).CreateProject(project_pb2.CreateProjectRequest(project_id="q"))
    name = (await client.start_campaign(near(0, 5))).name
    request = client.batch(anywhere(1), name)
    request.parent = "projects/q"
    error = await error_of(client.scorer.ScoreFrames(request))

    assert (errors.PermissionDenied, "FOREIGN_PROJECT") == (type(error), error.reason)


async def test_a_project_must_exist(client: ScoringClient) -> None:
    """A project that does not exist is named."""
    request = client.batch(anywhere(1))
    request.parent = "projects/none"
    error = await error_of(client.scorer.ScoreFrames(request))

    assert errors.NotFound is type(error)
    assert "projects/none" in error.message


@pytest.mark.parametrize("value", [np.nan, np.inf, 0])
async def test_vectors_without_direction_are_refused(client: ScoringClient, value: float) -> None:
    """NaN, infinity and zero vectors are INVALID_ARGUMENT with their row numbers."""
    await client.start_campaign(near(0, 5))
    frames = anywhere(6)
    frames[[2, 4]] = value
    error = await error_of(client.score(frames))

    assert (errors.InvalidArgument, "INVALID_EMBEDDING") == (type(error), error.reason)
    assert {"rows": "2, 4"} == error.metadata


async def test_vectors_are_checked_without_campaigns(client: ScoringClient) -> None:
    """Invalid vectors are rejected, even if no campaign scores them."""
    assert (
        "INVALID_EMBEDDING" == (await error_of(client.score(np.zeros((1, 8), np.float32)))).reason
    )


async def test_an_unknown_explain_mode_is_refused(client: ScoringClient) -> None:
    """A mode that the server does not support is rejected by its field."""
    error = await error_of(client.score(anywhere(1), explain=9))  # type: ignore[arg-type]

    assert (errors.InvalidArgument, "explain") == (type(error), error.fields[0].field)


async def test_matches_are_explained(client: ScoringClient) -> None:
    """By default the scores of matches are explained, by frame, then by version."""
    for axis, threshold in ((0, 0.5), (1, 0.9), (0, 0.1)):
        await client.start_campaign(near(axis, 10, seed=axis), threshold=threshold)
    response = await client.score(np.concatenate([anywhere(50), near(0, 10), near(1, 10)]))

    thresholds = np.array([version.threshold for version in response.versions])
    expected = np.argwhere(matrix(response) >= thresholds).tolist()
    explained = [[e.frame_index, e.version_index] for e in response.explanations]
    assert expected == explained
    assert 10 < len(explained) < 200


async def test_the_threshold_itself_makes_a_match(client: ScoringClient) -> None:
    """A score that equals the threshold is a match, and is explained with a margin of 0."""
    campaign = await client.start_campaign(near(0, 10))
    frame = near(0, 1, seed=7)
    score = float(matrix(await client.score(frame))[0, 0])
    await client.start_campaign(near(0, 10), threshold=score)
    async with asyncio.timeout(10):
        while len((response := await client.score(frame)).versions) < 2:
            pass

    [column] = [n for n, v in enumerate(response.versions) if v.campaign != campaign.name]
    [match] = [e for e in response.explanations if e.version_index == column]
    assert 0 == match.explanation.margin_to_threshold


@pytest.mark.parametrize(("mode", "count"), [(pb.EXPLAIN_MODE_NONE, 0), (pb.EXPLAIN_MODE_ALL, 40)])
async def test_all_scores_or_none_are_explained(
    client: ScoringClient, mode: pb.ExplainMode, count: int
) -> None:
    """Explanations can be omitted, or requested for every frame and campaign."""
    for axis in range(2):
        await client.start_campaign(near(axis, 5))
    response = await client.score(anywhere(20), explain=mode)

    assert count == len(response.explanations)
    assert 20 == response.frame_count


async def test_an_explanation_has_clusters_elements_and_margins(client: ScoringClient) -> None:
    """An explanation has the nearest cluster and elements, and both margins."""
    one, other = [await client.start_campaign(near(axis, 10)) for axis in range(2)]
    frame = near(0, 10)[3:4]  # the element `e3` of the first campaign
    response = await client.score(frame, one.name, other.name)
    explanation = response.explanations[0].explanation
    scores = matrix(response)[0]

    assert (0, 0) == (response.explanations[0].frame_index, response.explanations[0].version_index)
    assert ("e3", "", 3) == (
        explanation.neighbours[0].frame_id,
        explanation.neighbours[0].label_id,
        len(explanation.neighbours),
    )
    assert explanation.neighbours[0].similarity == pytest.approx(1, abs=1e-5)
    similarities = [neighbour.similarity for neighbour in explanation.neighbours]
    assert sorted(similarities, reverse=True) == similarities
    assert scores[0] - 0.5 == pytest.approx(explanation.margin_to_threshold)
    assert other.name == explanation.runner_up
    assert scores[0] - scores[1] == pytest.approx(explanation.margin_to_runner_up)
    assert explanation.cluster < one.version.cluster_count
    assert 0 < explanation.cluster_size <= 10
    assert explanation.radius > 0
    assert explanation.distance >= 0


async def test_a_lone_campaign_has_no_runner_up(client: ScoringClient) -> None:
    """If only one campaign is scored, the runner-up is empty."""
    await client.start_campaign(near(0, 5))
    response = await client.score(near(0, 1))

    assert ("", 0) == (
        response.explanations[0].explanation.runner_up,
        response.explanations[0].explanation.margin_to_runner_up,
    )


async def test_explanations_have_a_limit(
    client: ScoringClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch with more explanations than the limit is rejected by its field."""
    monkeypatch.setattr(score, "EXPLANATIONS_MAX", 9)
    await client.start_campaign(near(0, 5))

    assert 9 == len((await client.score(anywhere(9), explain=pb.EXPLAIN_MODE_ALL)).explanations)
    error = await error_of(client.score(anywhere(10), explain=pb.EXPLAIN_MODE_ALL))
    assert ("TOO_LARGE", "explain") == (error.reason, error.fields[0].field)


async def test_responses_have_a_limit(
    client: ScoringClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch with a response over the size limit is rejected, with the next step."""
    monkeypatch.setattr(servicer, "RESPONSE_BYTES_MAX", 1_000)
    await client.start_campaign(near(0, 5))

    assert 50 == (await client.score(anywhere(50), explain=pb.EXPLAIN_MODE_NONE)).frame_count
    error = await error_of(client.score(anywhere(200), explain=pb.EXPLAIN_MODE_NONE))
    assert (errors.InvalidArgument, "TOO_LARGE") == (type(error), error.reason)
    assert "fewer" in error.message


async def test_the_server_responds_while_it_scores(
    client: ScoringClient, sluiced: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow batch does not block other calls: scoring has threads of its own."""
    await client.start_campaign(near(0, 5))
    started, go = threading.Event(), threading.Event()

    def slow(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        started.set()
        assert go.wait(10), "the other calls were blocked"
        return normalise(rows)

    monkeypatch.setattr(score, "normalise", slow)
    scoring = asyncio.ensure_future(client.score(anywhere(3)))
    await asyncio.to_thread(started.wait)
    async with grpc.aio.insecure_channel(sluiced.target) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for _ in range(3):
            await health.Check(health_pb2.HealthCheckRequest())
    assert not scoring.done()

    go.set()
    assert 3 == (await scoring).frame_count


@pytest.mark.parametrize("damage", ["missing", "changed"])
async def test_a_damaged_model_is_named(
    client: ScoringClient, sluiced: EmbeddedServer, damage: str
) -> None:
    """A missing or changed model is DATA_LOSS with its digest, and is never used."""
    campaign = await client.start_campaign(near(0, 5))
    digest = campaign.version.model_digest
    [path] = (sluiced.data_dir / "blobs").glob(f"*/{digest}")
    _damage(path, damage)
    error = await error_of(client.score(anywhere(1)))

    assert errors.DataLoss is type(error)
    assert {"digest": digest} == error.metadata


def _damage(path: Path, damage: str) -> None:
    if damage == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
