"""ScoreFrames: what a batch is scored against, its scores, and why."""

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
from tests.rpc.scorer.conftest import MODEL_ID, World, anywhere, matrix, near


async def refusal(call: Any) -> errors.SluiceError:
    """The error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return rpc_errors.from_rpc_error(failed.value)


@pytest.mark.parametrize("background", [True, False], ids=["with basis", "without basis"])
async def test_scores_are_the_kernels(world: World, background: bool) -> None:
    """The scores are those that a logger computes with the files that it downloads."""
    if background:
        await world.set_background()
    campaigns = [await world.campaign(near(axis, 20)) for axis in range(3)]
    frames = anywhere(500)
    response = await world.score(frames)

    assert 500 == response.frame_count
    assert {c.name for c in campaigns} == {v.campaign for v in response.versions}
    by_name = {campaign.name: campaign.version for campaign in campaigns}
    for column, version in enumerate(response.versions):
        scorer = await world.downloaded(by_name[version.campaign])
        expected = scorer.score(normalise(frames)).scores[:, 0]
        np.testing.assert_allclose(expected, matrix(response)[:, column], rtol=0, atol=1e-5)


async def test_a_column_says_what_scored(world: World) -> None:
    """A column names campaign, version, model and threshold: the campaign's, else 0.5."""
    first = await world.campaign(near(0, 5))
    second = await world.campaign(near(1, 5), threshold=0.25)
    response = await world.score(anywhere(1), second.name, first.name)

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


async def test_a_frame_takes_its_best_row(world: World) -> None:
    """A frame with crops has the score of its best row, which is named."""
    campaign = await world.campaign(near(0, 20))
    rows = np.concatenate([near(1, 1), near(0, 1), near(2, 1), near(0, 1, seed=5), near(3, 1)])
    frames = Embeddings(MODEL_ID, rows, np.array([0, 0, 0, 1, 1]), ["", "a", "b", "c", "d"])
    response = await world.score(frames, explain=pb.EXPLAIN_MODE_ALL)
    single = matrix(await world.score(rows, campaign.name))[:, 0]

    assert 2 == response.frame_count
    np.testing.assert_allclose(single[[1, 3]], matrix(response)[:, 0], atol=1e-9)
    assert [1, 3] == np.frombuffer(response.scored_rows, "<u4").tolist()
    assert ["a", "c"] == [e.explanation.label_id for e in response.explanations]


async def test_rows_are_left_out_where_they_say_nothing(world: World) -> None:
    """When row i belongs to frame i, no rows are sent."""
    await world.campaign(near(0, 5))

    assert b"" == (await world.score(anywhere(3))).scored_rows


async def test_a_space_without_campaigns_has_no_columns(world: World) -> None:
    """Frames of a space that no active campaign scores get no scores, and that is no error."""
    campaign = await world.campaign(near(0, 5))
    other = Embeddings.of_frames("another model", anywhere(3))
    assert (3, 0, b"") == _shape(await world.score(other))
    assert (3, 0, b"") == _shape(await world.score(near(0, 3, dimension=4)))

    await world.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=campaign.name)
    )
    async with asyncio.timeout(10):
        while (await world.score(anywhere(3))).versions:
            pass


def _shape(response: pb.ScoreFramesResponse) -> tuple[int, int, bytes]:
    return response.frame_count, len(response.versions), response.scores


async def test_an_empty_batch_is_scored(world: World) -> None:
    """A batch without frames has no scores."""
    await world.campaign(near(0, 5))

    assert (0, 1, b"") == _shape(await world.score(anywhere(0)))


async def test_a_subset_is_scored(world: World) -> None:
    """Only the campaigns asked for are scored, in that order, as they are among all."""
    campaigns = [(await world.campaign(near(axis, 10))).name for axis in range(3)]
    asked = [campaigns[2], campaigns[0]]
    frames = anywhere(50)
    response = await world.score(frames, *asked)
    everything = await world.score(frames)

    assert asked == [version.campaign for version in response.versions]
    columns = [[v.campaign for v in everything.versions].index(name) for name in asked]
    np.testing.assert_allclose(matrix(everything)[:, columns], matrix(response), atol=1e-6)


async def test_an_unknown_campaign_is_not_found(world: World) -> None:
    """A campaign that does not exist is named."""
    name = "projects/p/campaigns/3c5e86f4-0a3e-4d0c-8d1c-000000000000"
    error = await refusal(world.score(anywhere(1), name))

    assert errors.NotFound is type(error)
    assert name in error.message


async def test_an_inactive_campaign_is_no_column(world: World) -> None:
    """A campaign that is not active is refused when it is asked for, by name."""
    campaign = await world.campaign(near(0, 5))
    await world.campaigns.DeactivateCampaign(
        campaign_pb2.DeactivateCampaignRequest(name=campaign.name)
    )
    async with asyncio.timeout(10):
        while (await world.score(anywhere(3))).versions:
            pass
    error = await refusal(world.score(anywhere(1), campaign.name))

    assert (errors.FailedPrecondition, "WRONG_STATE") == (type(error), error.reason)
    assert campaign.name in error.message


async def test_a_campaign_of_another_space_is_refused(world: World) -> None:
    """A campaign that scores other vectors is named, with both spaces."""
    name = (await world.campaign(near(0, 5))).name
    error = await refusal(world.score(near(0, 1, dimension=4), name))

    assert (errors.InvalidArgument, "SPACE_MISMATCH") == (type(error), error.reason)
    assert "campaigns[0]" == error.fields[0].field
    for part in (name, "8 dimensions", "with 4"):
        assert part in error.message


async def test_a_campaign_is_one_column(world: World) -> None:
    """A campaign that is asked for twice is refused, naming where."""
    name = (await world.campaign(near(0, 5))).name
    error = await refusal(world.score(anywhere(1), name, name))

    assert (errors.InvalidArgument, "campaigns[1]") == (type(error), error.fields[0].field)


async def test_a_campaign_of_another_project_is_refused(world: World, admin: Any) -> None:
    """Frames of one project are never scored against a campaign of another."""
    await ProjectServiceStub(admin).CreateProject(project_pb2.CreateProjectRequest(project_id="q"))
    name = (await world.campaign(near(0, 5))).name
    request = world.batch(anywhere(1), name)
    request.parent = "projects/q"
    error = await refusal(world.scorer.ScoreFrames(request))

    assert (errors.PermissionDenied, "FOREIGN_PROJECT") == (type(error), error.reason)


async def test_a_project_must_exist(world: World) -> None:
    """Frames of a project that does not exist are refused, naming it."""
    request = world.batch(anywhere(1))
    request.parent = "projects/none"
    error = await refusal(world.scorer.ScoreFrames(request))

    assert errors.NotFound is type(error)
    assert "projects/none" in error.message


@pytest.mark.parametrize("value", [np.nan, np.inf, 0])
async def test_vectors_without_direction_are_refused(world: World, value: float) -> None:
    """NaN, infinity and zero vectors are INVALID_ARGUMENT with their row numbers."""
    await world.campaign(near(0, 5))
    frames = anywhere(6)
    frames[[2, 4]] = value
    error = await refusal(world.score(frames))

    assert (errors.InvalidArgument, "INVALID_EMBEDDING") == (type(error), error.reason)
    assert {"rows": "2, 4"} == error.metadata


async def test_vectors_are_checked_also_when_nothing_scores(world: World) -> None:
    """Wrong vectors are refused though no campaign is there to score them."""
    assert "INVALID_EMBEDDING" == (await refusal(world.score(np.zeros((1, 8), np.float32)))).reason


async def test_an_unknown_explain_mode_is_refused(world: World) -> None:
    """A mode that this server does not know is named, not taken for another."""
    error = await refusal(world.score(anywhere(1), explain=9))  # type: ignore[arg-type]

    assert (errors.InvalidArgument, "explain") == (type(error), error.fields[0].field)


async def test_matches_are_explained(world: World) -> None:
    """By default those scores are explained that make matches, by frame, then by version."""
    for axis, threshold in ((0, 0.5), (1, 0.9), (0, 0.1)):
        await world.campaign(near(axis, 10, seed=axis), threshold=threshold)
    response = await world.score(np.concatenate([anywhere(50), near(0, 10), near(1, 10)]))

    thresholds = np.array([version.threshold for version in response.versions])
    expected = np.argwhere(matrix(response) >= thresholds).tolist()
    explained = [[e.frame_index, e.version_index] for e in response.explanations]
    assert expected == explained
    assert 10 < len(explained) < 200


async def test_the_threshold_itself_makes_a_match(world: World) -> None:
    """A score that equals the threshold is a match, and is explained with a margin of 0."""
    campaign = await world.campaign(near(0, 10))
    frame = near(0, 1, seed=7)
    score = float(matrix(await world.score(frame))[0, 0])
    await world.campaign(near(0, 10), threshold=score)
    async with asyncio.timeout(10):
        while len((response := await world.score(frame)).versions) < 2:
            pass

    [column] = [n for n, v in enumerate(response.versions) if v.campaign != campaign.name]
    [match] = [e for e in response.explanations if e.version_index == column]
    assert 0 == match.explanation.margin_to_threshold


@pytest.mark.parametrize(("mode", "count"), [(pb.EXPLAIN_MODE_NONE, 0), (pb.EXPLAIN_MODE_ALL, 40)])
async def test_all_or_nothing_may_be_explained(
    world: World, mode: pb.ExplainMode, count: int
) -> None:
    """Explanations can be left out, or wanted for every frame and campaign."""
    for axis in range(2):
        await world.campaign(near(axis, 5))
    response = await world.score(anywhere(20), explain=mode)

    assert count == len(response.explanations)
    assert 20 == response.frame_count


async def test_an_explanation_says_why(world: World) -> None:
    """An explanation has the nearest cluster and elements, and both margins."""
    one, other = [await world.campaign(near(axis, 10)) for axis in range(2)]
    frame = near(0, 10)[3:4]  # the element `e3` of the first campaign
    response = await world.score(frame, one.name, other.name)
    found = response.explanations[0].explanation
    scores = matrix(response)[0]

    assert (0, 0) == (response.explanations[0].frame_index, response.explanations[0].version_index)
    assert ("e3", "", 3) == (
        found.neighbours[0].frame_id,
        found.neighbours[0].label_id,
        len(found.neighbours),
    )
    assert found.neighbours[0].similarity == pytest.approx(1, abs=1e-5)
    similarities = [neighbour.similarity for neighbour in found.neighbours]
    assert sorted(similarities, reverse=True) == similarities
    assert scores[0] - 0.5 == pytest.approx(found.margin_to_threshold)
    assert other.name == found.runner_up
    assert scores[0] - scores[1] == pytest.approx(found.margin_to_runner_up)
    assert found.cluster < one.version.cluster_count
    assert 0 < found.cluster_size <= 10
    assert found.radius > 0
    assert found.distance >= 0


async def test_a_lone_campaign_has_no_runner_up(world: World) -> None:
    """Where nothing else is scored, there is no runner-up."""
    await world.campaign(near(0, 5))
    response = await world.score(near(0, 1))

    assert ("", 0) == (
        response.explanations[0].explanation.runner_up,
        response.explanations[0].explanation.margin_to_runner_up,
    )


async def test_explanations_have_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More explanations than the limit are refused before any is made, naming what to do."""
    monkeypatch.setattr(score, "EXPLANATIONS_MAX", 9)
    await world.campaign(near(0, 5))

    assert 9 == len((await world.score(anywhere(9), explain=pb.EXPLAIN_MODE_ALL)).explanations)
    error = await refusal(world.score(anywhere(10), explain=pb.EXPLAIN_MODE_ALL))
    assert ("TOO_LARGE", "explain") == (error.reason, error.fields[0].field)


async def test_answers_have_a_limit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that would be too large to be received is refused, naming what to do."""
    monkeypatch.setattr(servicer, "RESPONSE_BYTES_MAX", 1_000)
    await world.campaign(near(0, 5))

    assert 50 == (await world.score(anywhere(50), explain=pb.EXPLAIN_MODE_NONE)).frame_count
    error = await refusal(world.score(anywhere(200), explain=pb.EXPLAIN_MODE_NONE))
    assert (errors.InvalidArgument, "TOO_LARGE") == (type(error), error.reason)
    assert "fewer" in error.message


async def test_the_server_answers_while_it_scores(
    world: World, sluiced: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch that takes long keeps nobody waiting: scoring has threads of its own."""
    await world.campaign(near(0, 5))
    started, go = threading.Event(), threading.Event()

    def slow(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        started.set()
        assert go.wait(10), "nothing else was done meanwhile"
        return normalise(rows)

    monkeypatch.setattr(score, "normalise", slow)
    scoring = asyncio.ensure_future(world.score(anywhere(3)))
    await asyncio.to_thread(started.wait)
    async with grpc.aio.insecure_channel(sluiced.target) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for _ in range(3):
            await health.Check(health_pb2.HealthCheckRequest())
    assert not scoring.done()

    go.set()
    assert 3 == (await scoring).frame_count


@pytest.mark.parametrize("damage", ["missing", "changed"])
async def test_a_damaged_model_is_named(world: World, sluiced: EmbeddedServer, damage: str) -> None:
    """A model that is not what its version names is DATA_LOSS with its digest, never used."""
    campaign = await world.campaign(near(0, 5))
    digest = campaign.version.model_digest
    [path] = (sluiced.data_dir / "blobs").glob(f"*/{digest}")
    _damage(path, damage)
    error = await refusal(world.score(anywhere(1)))

    assert errors.DataLoss is type(error)
    assert {"digest": digest} == error.metadata


def _damage(path: Path, damage: str) -> None:
    if damage == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
