"""BatchService over gRPC: what is picked, marked and kept, and what may never be picked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from sluice import errors
from sluice.v1 import batch_pb2 as pb
from sluice.v1 import dataset_frame_pb2 as frame_pb
from tests.rpc.curation.api import DATASET, Api, box, frame, prediction, refusal

ANNOTATED, REVIEWED = frame_pb.ANNOTATION_STATUS_ANNOTATED, frame_pb.ANNOTATION_STATUS_REVIEWED
SELECTED = frame_pb.ANNOTATION_STATUS_SELECTED
TRAIN, VALIDATION = frame_pb.SPLIT_TRAIN, frame_pb.SPLIT_VALIDATION
COVERAGE, TARGETED = pb.Pick.SOURCE_COVERAGE, pb.Pick.SOURCE_TARGETED


async def create(api: Api, id: str = "b1", **batch: Any) -> pb.Batch:
    """Create a batch."""
    request = pb.CreateBatchRequest(parent=DATASET, batch_id=id, batch=pb.Batch(**batch))
    return await api.batches.CreateBatch(request)


async def picks(api: Api, id: str = "b1", page_size: int = 0) -> list[pb.Pick]:
    """All picks of a batch, page by page."""
    result: list[pb.Pick] = []
    request = pb.ListPicksRequest(parent=f"{DATASET}/batches/{id}", page_size=page_size)
    while True:
        page = await api.batches.ListPicks(request)
        result += page.picks
        if not page.next_page_token:
            return result
        request.page_token = page.next_page_token


async def groups(api: Api, id: str = "b1") -> list[str]:
    """The groups of a batch, by rank."""
    return [pick.group for pick in await picks(api, id)]


async def scenes(api: Api, count: int = 40) -> None:
    """So many groups of two slices each, in four clusters."""
    sides = ("left", "right")
    await api.append(
        *(
            frame(f"{'abcd'[number % 4]}{number}-{side}", group=f"g{number}", slice_=side)
            for number in range(count)
            for side in sides
        )
    )


async def failing(api: Api, *ids: str, round_: str = "r1", right: Sequence[str] = ()) -> None:
    """Annotated frames to train on whose car the model of a round has missed."""
    await api.append(*(frame(id, box(f"{id}-box")) for id in ids), status=ANNOTATED, split=TRAIN)
    await mined(api, round_, *ids, right=right)


async def mined(api: Api, round_: str, *ids: str, right: Sequence[str] = ()) -> None:
    """A round in which those frames are failures, and other annotated ones are right."""
    name = await api.round(round_, VALIDATION)
    await api.predict(name, {**{id: [] for id in ids}, **{id: [prediction()] for id in right}})
    await api.mine(name, TRAIN)


async def test_a_batch_marks_whole_groups(api: Api) -> None:
    """All slices are tagged and their groups selected; the view of the batch shows just these."""
    await scenes(api)
    batch = await create(api, count=12)

    assert (pb.Batch.STATE_READY, 40, 12, 12, 0) == (
        batch.state,
        batch.remaining_count,
        batch.size,
        batch.coverage_count,
        batch.targeted_count,
    )
    assert ["Without failures, the whole batch is for coverage."] == batch.notes
    result = await picks(api)
    assert list(range(1, 13)) == [pick.rank for pick in result]
    assert 12 == len({pick.group for pick in result})
    assert (28, 12) == await api.counts("unlabelled", "selected")
    for pick in result:
        assert {"left", "right"} == {id.partition("-")[2] for id in pick.frame_ids}
        for id in pick.frame_ids:
            item = await api.get(id)
            assert (pick.group, SELECTED) == (item.group, item.status)
            assert ["batch:b1", "source:coverage", "to_annotate"] == item.tags
    shown = await api.list(view="b1")
    assert sorted(id for pick in result for id in pick.frame_ids) == sorted(shown)
    assert batch == await api.batches.GetBatch(pb.GetBatchRequest(name=batch.name))


async def test_targeted_picks_name_their_failure(api: Api) -> None:
    """The targeted share goes to groups like failures, each with the failure it answers to."""
    await scenes(api)
    await failing(api, "c-failed")
    batch = await create(api, count=8, failures=[pb.Batch.Failures(round="r1")])

    assert (40, 2, 6) == (batch.remaining_count, batch.coverage_count, batch.targeted_count)
    assert [] == list(batch.notes)
    result = [pick for pick in await picks(api) if pick.source == TARGETED]
    assert {"c-failed"} == {pick.failure_frame_id for pick in result}
    assert "c" == result[0].frame_ids[0][0]
    assert ["batch:b1", "source:targeted", "to_annotate"] == (
        await api.get(result[0].frame_ids[0])
    ).tags
    assert all(not p.failure_frame_id for p in await picks(api) if p.source == COVERAGE)


async def test_weights_decide_between_rounds(api: Api) -> None:
    """Failures of a round that weighs more are answered to first."""
    await scenes(api)
    await failing(api, "a-failed")
    await failing(api, "d-failed", round_="r2", right=["a-failed"])
    weighed = [
        pb.Batch.Failures(round="r1", weight=0.01),
        pb.Batch.Failures(round="r2", weight=1),
    ]
    await create(api, count=1, coverage_share=0, failures=weighed)

    assert ["d-failed"] == [pick.failure_frame_id for pick in await picks(api)]


async def test_what_is_held_out_or_labelled_is_never_picked(api: Api) -> None:
    """Only what is unlabelled and measures no model remains, however large the budget is."""
    await api.append("a1", "b1", "c1")
    for split in (VALIDATION, frame_pb.SPLIT_TEST, frame_pb.SPLIT_GOLDEN):
        await api.append(f"a-{split}", split=split)
    for status in (SELECTED, ANNOTATED, REVIEWED):
        await api.append(f"b-{status}", status=status)
    await api.append("d1", split=TRAIN)
    batch = await create(api, count=100)

    assert {"a1", "b1", "c1", "d1"} == set(await groups(api))
    assert (4, 4) == (batch.remaining_count, batch.size)
    assert "100 groups were requested; only 4 remain." in batch.notes


async def test_batches_never_repeat_a_group(api: Api) -> None:
    """Batch after batch takes other groups, until none remains, and that is said."""
    await scenes(api, 25)
    result = []
    for number in range(3):
        await create(api, f"b{number}", count=10, seed=number)
        result.append(await groups(api, f"b{number}"))
    error = await refusal(create(api, "b3"))

    assert [10, 10, 5] == [len(item) for item in result]
    assert 25 == len({group for item in result for group in item})
    assert errors.FailedPrecondition is type(error)
    assert "no group remains" in error.message


async def test_batches_at_once_share_no_group(api: Api) -> None:
    """Batches that are created at the same time are each whole, and have no group in common."""
    await scenes(api, 40)
    batches = await asyncio.gather(*(create(api, f"b{n}", count=10) for n in range(4)))
    result = [await groups(api, f"b{number}") for number in range(4)]

    assert [10] * 4 == [batch.size for batch in batches] == [len(item) for item in result]
    assert 40 == len({group for item in result for group in item})
    assert (0, 40) == await api.counts("unlabelled", "selected")


async def test_the_same_request_is_one_batch(api: Api) -> None:
    """Sent again, also at the same time, a request has one batch; another has to be named anew."""
    await scenes(api)
    first, *again = await asyncio.gather(*(create(api, count=5) for _ in range(3)))
    later = await create(api, count=5)
    error = await refusal(create(api, count=6))

    assert [first] * 3 == [*again, later]
    assert (35, 5) == await api.counts("unlabelled", "selected")
    assert errors.AlreadyExists is type(error)
    assert f"batch_id: {DATASET}/batches/b1 exists already, with other settings" == error.message


async def test_the_same_seed_is_the_same_batch(api: Api) -> None:
    """Datasets with the same frames have the same batch by the same seed."""
    result = []
    for number in range(2):
        await scenes(api)
        await create(api, f"b{number}", count=10, seed=7)
        chosen = await picks(api, f"b{number}")
        result.append([(pick.group, pick.gain) for pick in chosen])
        ids = [id for pick in chosen for id in pick.frame_ids]
        await api.frames.SetStatus(
            frame_pb.SetStatusRequest(
                dataset=DATASET,
                groups=[pick.group for pick in chosen],
                status=frame_pb.ANNOTATION_STATUS_UNLABELLED,
                allow_backward=True,
            )
        )
        assert 20 == len(ids)

    assert result[0] == result[1]


@pytest.mark.parametrize(
    "method", [pb.Batch.COVERAGE_FACILITY, pb.Batch.COVERAGE_K_CENTER, pb.Batch.COVERAGE_ZCORE]
)
async def test_coverage_reaches_every_cluster(api: Api, method: pb.Batch.Coverage) -> None:
    """Every method uses the whole budget; those that look for cover find all clusters."""
    await scenes(api)
    await create(api, count=8, coverage=method, zcore_draws=1_000)
    result = await picks(api)

    assert 8 == len(result)
    if method != pb.Batch.COVERAGE_ZCORE:
        assert set("abcd") == {pick.frame_ids[0][0] for pick in result}


async def test_neighbours_are_the_simple_mode(api: Api) -> None:
    """By neighbours, the most similar groups of each failure are picked."""
    await scenes(api)
    await failing(api, "b-failed")
    await create(
        api,
        count=4,
        coverage_share=0,
        targeted=pb.Batch.TARGETED_NEIGHBOURS,
        failures=[pb.Batch.Failures(round="r1")],
    )

    assert "bbbb" == "".join(pick.frame_ids[0][0] for pick in await picks(api))


async def test_one_of_a_scene(api: Api) -> None:
    """Of frames that one field says are of one drive, one is picked while there are others."""
    await api.append(*(frame(f"{'abcd'[n % 4]}{n}", drive=f"d{n % 5}") for n in range(40)))
    await create(api, count=5, scene_field="drive")
    drives = [(await api.get(pick.frame_ids[0])).fields["drive"].text for pick in await picks(api)]

    assert {"d0", "d1", "d2", "d3", "d4"} == set(drives)


async def test_without_embeddings_a_batch_is_random(api: Api) -> None:
    """Frames without embedding are picked at random, and the batch says so."""
    await api.frames.AppendFrames(
        frame_pb.AppendFramesRequest(dataset=DATASET, frames=[frame(f"a{n}") for n in range(30)])
    )
    batch = await create(api, seed=3)

    assert 10 == batch.size == len(set(await groups(api)))
    assert [
        "No group that remains has an embedding: the batch is random, with seed 3."
    ] == batch.notes


async def test_few_embeddings_are_compared_plainly(api: Api) -> None:
    """With too few embeddings for a basis a batch is chosen all the same, and says so."""
    await api.append("a1", "b1", "c1")
    batch = await create(api, count=2)

    assert "A basis needs 32 embeddings and there are 3: cosines are plain." == batch.notes[0]
    assert 2 == len(await groups(api))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count": 0}, "batch.count: 0; expected a count of at least 1"),
        ({"fraction": 1.5}, "batch.fraction: 1.5; expected a fraction above 0 and up to 1"),
        ({"fraction": float("nan")}, "batch.fraction: nan; expected a count or a fraction"),
        ({"coverage_share": 1.5}, "batch.coverage_share: 1.5 is not in 0…1"),
        ({"coverage_share": float("nan")}, "batch.coverage_share: nan is not in 0…1"),
        ({"coverage": 9}, "batch.coverage: 9 is none of COVERAGE_FACILITY"),
        ({"targeted": 9}, "batch.targeted: 9 is none of TARGETED_JOINT"),
        ({"zcore_draws": 2_000_000}, "batch.zcore_draws: 2000000 is not in 1…1,000,000"),
        ({"model_id": "other"}, "batch.model_id: 'other'; projects/p/datasets/d has"),
        (
            {"failures": [pb.Batch.Failures(round="r", weight=0)]},
            "batch.failures[0].weight: 0.0 is not in 0.000001…1,000,000",
        ),
        (
            {"failures": [pb.Batch.Failures(round="r"), pb.Batch.Failures(round="r")]},
            "batch.failures[1].round: duplicate 'r'",
        ),
        ({"failures": [pb.Batch.Failures()]}, "batch.failures[0].round: is empty"),
        ({"golden_override": "x" * 300}, "batch.golden_override: "),
        ({"zcore_field": "x" * 300}, "batch.zcore_field: "),
    ],
    ids=lambda case: "" if isinstance(case, str) else "-".join(case),
)
async def test_what_is_wrong_is_named(api: Api, fields: dict[str, Any], message: str) -> None:
    """A request that is not right is refused by the name of its field, and changes nothing."""
    await api.append("a1")
    error = await refusal(create(api, **fields))

    assert errors.InvalidArgument is type(error)
    assert error.message.startswith(message)
    assert (1, 0) == await api.counts("unlabelled", "selected")


async def test_what_is_not_there_is_named(api: Api) -> None:
    """A round, a batch and a dataset that do not exist are each named."""
    await api.append("a1")
    unknown = await refusal(create(api, failures=[pb.Batch.Failures(round="r9")]))
    missing = f"{DATASET}/batches/none"
    calls: list[Awaitable[Any]] = [
        api.batches.GetBatch(pb.GetBatchRequest(name=missing)),
        api.batches.ListPicks(pb.ListPicksRequest(parent=missing)),
    ]

    assert errors.NotFound is type(unknown)
    assert f"{DATASET}/rounds/r9 does not exist" == unknown.message
    for call in calls:
        error = await refusal(call)
        assert errors.NotFound is type(error)
        assert f"{missing} does not exist" == error.message
    for id in ("", "No", "a/b"):
        assert errors.InvalidArgument is type(await refusal(create(api, id)))


async def test_a_view_of_the_name_is_not_overwritten(api: Api) -> None:
    """A batch is refused whose name a view has, and no group is marked."""
    await scenes(api, 12)
    request = frame_pb.CreateViewRequest(parent=DATASET, view_id="b1")
    view = await api.frames.CreateView(request)
    error = await refusal(create(api))

    assert errors.AlreadyExists is type(error)
    assert f"{view.name} exists already" in error.message
    assert view == await api.frames.GetView(frame_pb.GetViewRequest(name=view.name))
    assert (12, 0) == await api.counts("unlabelled", "selected")


async def test_batches_and_picks_come_in_pages(api: Api) -> None:
    """Pages of any size list the same batches by name, and the same picks by rank."""
    await scenes(api)
    for id in ("b2", "b1"):
        await create(api, id, count=7)
    request = pb.ListBatchesRequest(parent=DATASET, page_size=1)
    first = await api.batches.ListBatches(request)
    request.page_token = first.next_page_token
    second = await api.batches.ListBatches(request)

    assert [f"{DATASET}/batches/b1", f"{DATASET}/batches/b2"] == [
        item.name for page in (first, second) for item in page.batches
    ]
    assert not second.next_page_token
    assert await picks(api) == await picks(api, page_size=3)
    assert 7 == len(await picks(api))
