"""What is found among the frames of a dataset: similar ones, elements, and campaigns' matches."""

from __future__ import annotations

from uuid import uuid4

import grpc
import pytest

from services.curation.datasets import search
from sluice import errors
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import ingest_pb2, issue_pb2
from tests.rpc.curation.api import DATASET, Api, frame, refusal

CARS = [f"c{number}" for number in range(8)]
TRAMS = [f"t{number}" for number in range(8)]


async def similar(api: Api, *frame_ids: str, **request: object) -> list[str]:
    """The ids of the frames most similar to given ones."""
    wanted = pb.FindSimilarRequest(dataset=DATASET, frame_ids=frame_ids)
    wanted.MergeFrom(pb.FindSimilarRequest(**request))  # type: ignore[arg-type]
    found = await api.frames.FindSimilar(wanted)
    assert sorted((h.similarity for h in found.hits), reverse=True) == [
        h.similarity for h in found.hits
    ]
    return [hit.frame.frame.id for hit in found.hits]


async def test_the_nearest_are_found_first(api: Api) -> None:
    """Frames like the given ones come first; the given ones and their groups do not come."""
    own = [frame("c8", group="g", slice_="left"), frame("c9", group="g", slice_="right")]
    await api.append(*CARS, *TRAMS, *own)
    found = await similar(api, "c8", limit=16)

    assert set(CARS) == set(found[:8])
    assert set(TRAMS) == set(found[8:])
    assert [*CARS, "c8", "c9"] == sorted(await similar(api, "t0", "t1", limit=16))[:10]


async def test_only_what_passes_is_found(api: Api) -> None:
    """A filter leaves as many as are asked for, however far down they are."""
    await api.append(*CARS, *TRAMS)
    await api.frames.TagFrames(pb.TagFramesRequest(dataset=DATASET, frame_ids=TRAMS, add=["x"]))

    assert 2 == len(found := await similar(api, "c0", limit=2, filter=pb.FrameFilter(tags=["x"])))
    assert set(found) < set(TRAMS)


async def test_frames_of_another_dataset_may_be_given(api: Api) -> None:
    """What is like the failures of one dataset is found in another, of one space."""
    pool = await api.dataset("failures")
    await api.append(*CARS, *TRAMS)
    await api.append("c99", dataset=pool)

    assert set(CARS) == set(await similar(api, "c99", query_dataset="failures", limit=8))


async def test_replaced_embeddings_are_found_no_more(api: Api) -> None:
    """A frame is found by the embedding that it has now."""
    await api.append("c0", "c1", "t0")
    await api.append("c1", seed=5)
    request = pb.FindSimilarRequest(dataset=DATASET, frame_ids=["c0"])
    found = await api.frames.FindSimilar(request)

    assert ["c1", "t0"] == [hit.frame.frame.id for hit in found.hits]


async def test_a_frame_without_embedding_is_named(api: Api) -> None:
    """Nothing is like a frame that has no vector, and nothing can be picked of it."""
    await api.frames.AppendFrames(pb.AppendFramesRequest(dataset=DATASET, frames=[frame("x")]))
    await api.append("c0")
    error = await refusal(similar(api, "x"))
    other = await refusal(api.pick(await api.issue(), "x"))

    assert (errors.FailedPrecondition, errors.FailedPrecondition) == (type(error), type(other))
    assert f"frame 'x' of {DATASET} has no embedding" == error.message


async def test_what_is_found_is_picked_into_an_issue(api: Api) -> None:
    """Elements have the frames and vectors of the dataset, each once."""
    await api.append(*CARS, *TRAMS)
    issue = await api.issue()
    first = await api.pick(issue, "c0", "c1")
    again = await api.pick(issue, "c1", "c2")
    listed = await api.issues.ListElements(issue_pb2.ListElementsRequest(parent=issue))

    assert (2, 2) == (first.added_count, first.element_count)
    assert (1, 1, 3) == (again.added_count, again.unchanged_count, again.element_count)
    assert ["c0", "c1", "c2"] == [element.frame.id for element in listed.elements]


async def funnel(api: Api, campaign: str) -> ingest_pb2.Funnel:
    """A campaign's funnel, once nothing in it is pending."""
    request = ingest_pb2.GetFunnelRequest(campaign=campaign)
    while (found := await api.ingest.GetFunnel(request)).pending:
        pass
    return found


async def test_a_dataset_is_searched_as_a_stream_is(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every frame is seen, matches are collected, and what goes on behind counts nothing twice."""
    monkeypatch.setattr(search, "BATCH_ROWS_MAX", 5)
    await api.append(*CARS, *TRAMS)
    campaign = await api.campaign(*CARS[:4])
    search_id = str(uuid4())
    first = [each async for each in api.search(search_id)]
    counted = await funnel(api, campaign)
    again = [each async for each in api.search(search_id)]

    assert [False] * 5 + [True] == [each.done for each in first]
    assert (16, 16) == (first[-1].frames, first[-1].frames_total)
    assert (16, 16) == (counted.seen, counted.distinct_seen)
    assert first[-1].passing == counted.matches == counted.collected + counted.near_duplicate
    assert 4 <= first[-1].passing <= 8
    assert (16, 0, []) == (again[-1].frames, again[-1].passing, list(again[-1].verdicts))
    assert counted == await funnel(api, campaign)


async def test_a_search_goes_on_where_it_was_cut_off(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search whose caller left half way is finished by the same id, also as campaigns change."""
    monkeypatch.setattr(search, "BATCH_ROWS_MAX", 2)
    await api.append(*CARS, *TRAMS)
    campaign = await api.campaign(*CARS[:4])
    search_id = str(uuid4())
    async for each in api.search(search_id):
        if each.frames >= 6:
            break
    await api.append("late")
    monkeypatch.setattr(search, "BATCH_ROWS_MAX", 3)
    rest = [each async for each in api.search(search_id)]

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
        done = [each async for each in api.search(search_id)][-1]
        assert (17, True) == (done.frames, done.done)
        assert 12 == (await funnel(api, campaign)).seen


@pytest.mark.parametrize(
    ("request_", "said"),
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
    api: Api, request_: dict[str, object], said: str
) -> None:
    """What is wrong with a search is named before anything is submitted."""
    await api.append(*CARS)
    await api.campaign(*CARS[:4])
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ = [each async for each in api.search(**request_)]  # type: ignore[arg-type]
    assert said in str(raised.value.details())


async def test_without_campaigns_there_is_nothing_to_search_for(api: Api) -> None:
    """Without an active campaign of the dataset's space a search is FAILED_PRECONDITION."""
    await api.append(*CARS)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ = [each async for each in api.search()]
    assert grpc.StatusCode.FAILED_PRECONDITION is raised.value.code()
