"""FindSimilar over gRPC."""

from __future__ import annotations

import pytest

from sluice import errors
from sluice.v1 import dataset_frame_pb2 as pb
from tests.rpc.curation.api import CARS, DATASET, TRAMS, Api, frame, refusal


async def similar(api: Api, *frame_ids: str, **request: object) -> list[str]:
    """The ids of the frames most similar to given ones."""
    message = pb.FindSimilarRequest(dataset=DATASET, frame_ids=frame_ids)
    message.MergeFrom(pb.FindSimilarRequest(**request))  # type: ignore[arg-type]
    result = await api.frames.FindSimilar(message)
    assert sorted((h.similarity for h in result.hits), reverse=True) == [
        h.similarity for h in result.hits
    ]
    return [hit.frame.frame.id for hit in result.hits]


async def test_the_nearest_are_found_first(api: Api) -> None:
    """Frames like the given ones come first; the given ones and their groups do not come."""
    own = [frame("c8", group="g", slice_="left"), frame("c9", group="g", slice_="right")]
    await api.append(*CARS, *TRAMS, *own)
    result = await similar(api, "c8", limit=16)

    assert set(CARS) == set(result[:8])
    assert set(TRAMS) == set(result[8:])
    assert [*CARS, "c8", "c9"] == sorted(await similar(api, "t0", "t1", limit=16))[:10]


async def test_only_what_passes_is_found(api: Api) -> None:
    """A filter leaves as many as are asked for, however far down they are."""
    await api.append(*CARS, *TRAMS)
    await api.frames.TagFrames(pb.TagFramesRequest(dataset=DATASET, frame_ids=TRAMS, add=["x"]))

    assert 2 == len(result := await similar(api, "c0", limit=2, filter=pb.FrameFilter(tags=["x"])))
    assert set(result) < set(TRAMS)


async def test_a_search_examines_a_bounded_number_of_frames(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames beyond the nearest ones that are examined are not found, though they pass."""
    await api.append(*CARS, *TRAMS)
    await api.frames.TagFrames(pb.TagFramesRequest(dataset=DATASET, frame_ids=TRAMS, add=["x"]))
    passing = pb.FrameFilter(tags=["x"])

    monkeypatch.setattr("services.curation.datasets.similar.HITS_MAX", len(CARS) + 1)
    assert 1 == len(await similar(api, "c0", limit=2, filter=passing))
    monkeypatch.setattr("services.curation.datasets.similar.HITS_MAX", len(CARS) + 2)
    assert 2 == len(await similar(api, "c0", limit=2, filter=passing))


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
    result = await api.frames.FindSimilar(request)

    assert ["c1", "t0"] == [hit.frame.frame.id for hit in result.hits]


async def test_a_frame_without_embedding_is_named(api: Api) -> None:
    """Nothing is like a frame that has no vector, and nothing can be picked of it."""
    await api.frames.AppendFrames(pb.AppendFramesRequest(dataset=DATASET, frames=[frame("x")]))
    await api.append("c0")
    error = await refusal(similar(api, "x"))
    other = await refusal(api.pick(await api.issue(), "x"))

    assert (errors.FailedPrecondition, errors.FailedPrecondition) == (type(error), type(other))
    assert f"frame 'x' of {DATASET} has no embedding" == error.message
