"""What is found among the frames of a dataset: similar ones, elements, and campaigns' matches."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest

from services.curation.datasets import search
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import ingest_pb2
from tests.rpc.curation.api import CARS, DATASET, TRAMS, Api, frame


async def funnel(api: Api, campaign: str) -> ingest_pb2.Funnel:
    """A campaign's funnel, once nothing in it is pending."""
    request = ingest_pb2.GetFunnelRequest(campaign=campaign)
    while (result := await api.ingest.GetFunnel(request)).pending:
        pass
    return result


async def test_a_dataset_is_searched_as_a_stream_is(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every frame is seen, matches are collected, and what goes on behind counts nothing twice."""
    monkeypatch.setattr(search, "BATCH_ROWS_MAX", 5)
    await api.append(*CARS, *TRAMS)
    campaign = await api.campaign(*CARS[:4])
    search_id = str(uuid4())
    first = [progress async for progress in api.search(search_id)]
    counted = await funnel(api, campaign)
    again = [progress async for progress in api.search(search_id)]

    assert [False] * 5 + [True] == [progress.done for progress in first]
    assert (16, 16) == (first[-1].frames, first[-1].frames_total)
    assert (16, 16) == (counted.seen, counted.distinct_seen)
    assert first[-1].passing == counted.matches == counted.collected + counted.near_duplicate
    assert 4 <= first[-1].passing <= 8
    assert (16, 0, []) == (again[-1].frames, again[-1].passing, list(again[-1].verdicts))
    assert counted == await funnel(api, campaign)


async def test_a_search_goes_on_where_it_was_cut_off(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that was cancelled half way is finished under the same id, in the same batches."""
    monkeypatch.setattr(search, "BATCH_ROWS_MAX", 2)
    await api.append(*CARS, *TRAMS)
    campaign = await api.campaign(*CARS[:4])
    search_id = str(uuid4())
    async for progress in api.search(search_id):
        if progress.frames >= 6:
            break
    await api.append("late")
    monkeypatch.setattr(search, "BATCH_ROWS_MAX", 3)
    rest = [progress async for progress in api.search(search_id)]

    assert (16, 16) == (rest[-1].frames, rest[-1].frames_total)
    assert 16 == (await funnel(api, campaign)).seen


async def test_frames_without_embeddings_are_passed_over(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stretch of frames that cannot be scored has its batch, and counts nothing, ever."""
    monkeypatch.setattr(search, "BATCH_ROWS_MAX", 4)
    bare = [frame(f"x{number}") for number in range(5)]
    await api.append(*CARS[:4])
    await api.frames.AppendFrames(pb.AppendFramesRequest(dataset=DATASET, frames=bare))
    await api.append(*TRAMS)
    campaign = await api.campaign(*CARS[:4])
    search_id = str(uuid4())
    for _ in range(2):
        done = [progress async for progress in api.search(search_id)][-1]
        assert (17, 17, True) == (done.frames, done.frames_total, done.done)
        assert 12 == (await funnel(api, campaign)).seen


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"search_id": "x"}, "search_id: 'x' is not a UUID"),
        ({"threshold_override": 1.5}, "threshold_override: 1.5 is not in 0…1"),
        ({"campaigns": ["projects/p/campaigns/none"]}, "projects/p/campaigns/none is not active"),
        (
            {"campaigns": ["projects/q/campaigns/c"]},
            "'projects/q/campaigns/c' is not in",
        ),
    ],
)
async def test_a_search_that_cannot_be_is_refused(
    api: Api, request_: dict[str, object], message: str
) -> None:
    """What is wrong with a search is named before anything is submitted."""
    await api.append(*CARS)
    await api.campaign(*CARS[:4])
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ = [progress async for progress in api.search(**request_)]  # type: ignore[arg-type]
    assert message in str(raised.value.details())


async def test_without_campaigns_there_is_nothing_to_search_for(api: Api) -> None:
    """Without an active campaign of the dataset's space a search is FAILED_PRECONDITION."""
    await api.append(*CARS)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ = [progress async for progress in api.search()]
    assert grpc.StatusCode.FAILED_PRECONDITION is raised.value.code()
