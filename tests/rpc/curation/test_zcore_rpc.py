"""ComputeZcore over gRPC: progress, what it stores, and what becomes of it when its caller goes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from services.curation.zcore import score_process
from sluice import errors
from sluice.rpc_errors import from_rpc_error
from sluice.v1 import dataset_frame_pb2 as pb
from tests.rpc.curation.api import DATASET, Api, frame
from tests.unit.curation.zcore.children import begun_since, children, ended

Stage = pb.ComputeZcoreResponse
IDS = [f"{kind}{number}" for kind in "abcd" for number in range(10)]


async def zcore(api: Api, **request: Any) -> AsyncIterator[pb.ComputeZcoreResponse]:
    """Compute the scores of the dataset, by few draws."""
    settings: dict[str, Any] = {"dataset": DATASET, "draws": 500, "neighbours": 5}
    wanted = pb.ComputeZcoreRequest(**settings | request)
    async for response in api.frames.ComputeZcore(wanted):
        yield response


async def refused(api: Api, **request: Any) -> errors.SluiceError:
    """The error that a computation ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        _ = [each async for each in zcore(api, **request)]
    return from_rpc_error(raised.value)


async def scores(api: Api, field: str = "zcore") -> dict[str, float]:
    """What frames have in a field, by their ids."""
    found = [await api.get(id) for id in IDS]
    return {f.frame.id: f.fields[field].number for f in found if field in f.fields}


async def test_progress_comes_in_stages(api: Api) -> None:
    """Each stage says how far it is, and the last response what has come of all."""
    await api.append(*IDS)
    said = [each async for each in zcore(api)]

    assert [
        (Stage.STAGE_WAITING, 0, 0),
        (Stage.STAGE_LISTING, 40, 40),
        (Stage.STAGE_READING, 40, 40),
        (Stage.STAGE_SCORING, 0, 0),
        (Stage.STAGE_STORING, 40, 40),
        (Stage.STAGE_DONE, 40, 40),
    ] == [(each.stage, each.done, each.total) for each in said]
    assert (40, 40, []) == (said[-1].scored_count, said[-1].changed_count, list(said[-1].notes))
    found = await scores(api)
    assert (40, 0.0, 1.0) == (len(found), min(found.values()), max(found.values()))


async def test_scores_follow_from_the_settings(api: Api) -> None:
    """By the same settings frames have the same scores, by another setting not."""
    await api.append(*IDS)
    found = []
    for name, settings in {
        "zcore": {},
        "same": {},
        "seed": {"seed": 1},
        "draws": {"draws": 400},
        "neighbours": {"neighbours": 7},
    }.items():
        done = [each async for each in zcore(api, field=name, **settings)][-1]
        assert 40 == done.changed_count
        found.append(await scores(api, name))

    assert found[0] == found[1]
    assert all(found[0] != other for other in found[2:])
    assert 0 == [each async for each in zcore(api)][-1].changed_count


async def test_a_view_says_whose_scores(api: Api) -> None:
    """Only frames that a view shows have scores, and a filter beside it is refused."""
    await api.append(*IDS)
    await api.frames.TagFrames(
        pb.TagFramesRequest(dataset=DATASET, frame_ids=IDS[:5], add=["night"])
    )
    view = pb.View(filter=pb.FrameFilter(tags=["night"]))
    await api.frames.CreateView(pb.CreateViewRequest(parent=DATASET, view_id="night", view=view))
    done = [each async for each in zcore(api, view="night")][-1]

    assert (5, ["A basis needs 32 embeddings and there are 5: cosines are plain."]) == (
        done.scored_count,
        list(done.notes),
    )
    assert set(IDS[:5]) == set(await scores(api))
    error = await refused(api, view="night", filter=pb.FrameFilter(tags=["night"]))
    assert "view: 'night' is given beside a filter" == error.message


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"draws": 1_000_001}, "draws: 1000001 is not in 1…1,000,000"),
        ({"neighbours": 10_001}, "neighbours: 10001 is not in 1…10,000"),
        ({"field": "x" * 257}, "field: "),
        ({"dataset": "d"}, "dataset: "),
        ({"filter": pb.FrameFilter(tags=[""])}, "filter.tags[0]: "),
    ],
    ids=lambda case: "" if isinstance(case, str) else "-".join(case),
)
async def test_what_is_wrong_is_named(api: Api, request_: dict[str, Any], said: str) -> None:
    """A request that is not right is refused by the name of its field."""
    await api.append(*IDS)
    error = await refused(api, **request_)

    assert errors.InvalidArgument is type(error)
    assert error.message.startswith(said)


async def test_nothing_to_score_is_said(api: Api) -> None:
    """A dataset without embeddings has nothing to score."""
    await api.frames.AppendFrames(pb.AppendFramesRequest(dataset=DATASET, frames=[frame("x")]))
    error = await refused(api)

    assert errors.FailedPrecondition is type(error)
    assert f"{DATASET}: none of the selected frames has an embedding" == error.message


async def test_a_caller_that_leaves_ends_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a caller leaves, no process computes on, and the next computation begins at once."""
    monkeypatch.setattr(score_process, "IN_PROCESS_MAX", 0)
    await api.append(*IDS)
    before = children()
    call = api.frames.ComputeZcore(pb.ComputeZcoreRequest(dataset=DATASET))
    async for each in call:
        if each.stage == Stage.STAGE_SCORING:
            break
    [begun] = await begun_since(before)
    call.cancel()
    await ended(begun)

    assert {} == await scores(api)
    assert 40 == [each async for each in zcore(api)][-1].changed_count
