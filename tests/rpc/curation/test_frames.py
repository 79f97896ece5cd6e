"""FrameService over gRPC: appending, reading, status, tags, fields."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest

from sluice import errors
from sluice.scoring import normalise
from sluice.tensors import Embeddings
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import frame_pb2
from tests.rpc.curation.api import DATASET, MODEL, Api, box, frame, refusal, vectors

SELECTED, ANNOTATED = pb.ANNOTATION_STATUS_SELECTED, pb.ANNOTATION_STATUS_ANNOTATED


def moving(*groups: str, status: pb.AnnotationStatus, **request: object) -> pb.SetStatusRequest:
    """A request that gives groups a status."""
    wanted = pb.SetStatusRequest(dataset=DATASET, groups=groups, status=status)
    wanted.MergeFrom(pb.SetStatusRequest(**request))  # type: ignore[arg-type]
    return wanted


def tagging(*frame_ids: str, **request: object) -> pb.TagFramesRequest:
    """A request that tags frames."""
    wanted = pb.TagFramesRequest(dataset=DATASET, frame_ids=frame_ids)
    wanted.MergeFrom(pb.TagFramesRequest(**request))  # type: ignore[arg-type]
    return wanted


async def test_appending_twice_adds_nothing(api: Api) -> None:
    """The same frames again change nothing, other labels or vectors replace, counters agree."""
    assert (2, 0, 0) == await api.append("a1", "a2")
    assert (0, 0, 2) == await api.append("a1", "a2")
    assert (1, 1, 1) == await api.append(frame("a1", box("l")), "a2", "a3")
    assert (0, 1, 0) == await api.append("a2", seed=1)
    assert ["a1", "a2", "a3"] == await api.list()
    assert (3, 3, 3, 0) == await api.counts("frames", "groups", "unlabelled", "selected")


async def test_a_frame_comes_back_as_it_was_appended(api: Api) -> None:
    """GetFrame has the frame, its group, fields and number, and which embeddings there are."""
    sent = frame("a 1/ü", box("l"), group="g", slice_="left", weather="fog", speed=3.5, ok=True)
    await api.append("b", sent)
    found = await api.get("a%201%2F%C3%BC")

    assert sent.frame == found.frame
    assert ("g", "left", 2, [""]) == (found.group, found.slice, found.number, list(found.embedded))
    assert dict(sent.fields) == dict(found.fields)
    assert (pb.ANNOTATION_STATUS_UNLABELLED, pb.SPLIT_UNSPECIFIED) == (found.status, found.split)


async def test_without_embeddings_a_frame_keeps_those_it_has(api: Api) -> None:
    """Labels that come later need no embeddings: those of before stay."""
    await api.append("a1")
    request = pb.AppendFramesRequest(dataset=DATASET, frames=[frame("a1", box("l"))])
    await api.frames.AppendFrames(request)
    parts = [
        part
        async for part in api.frames.ReadFrames(
            pb.ReadFramesRequest(parent=DATASET, with_embeddings=True)
        )
    ]

    assert ["l"] == [label.id for label in parts[0].frames[0].frame.labels]
    read = Embeddings.from_proto(parts[0].embeddings)
    np.testing.assert_array_equal(normalise(vectors(["a1"])), read.vectors)


async def test_crops_have_embeddings_of_their_own(api: Api) -> None:
    """A frame and its crops come back with as many vectors, each under its label id."""
    rows = vectors(["a", "b", "c"])
    embeddings = Embeddings(MODEL, rows, np.array([0, 0, 1]), ["", "l", ""])
    request = pb.AppendFramesRequest(
        dataset=DATASET, frames=[frame("x", box("l")), frame("y")], embeddings=embeddings.to_proto()
    )
    await api.frames.AppendFrames(request)

    assert ["", "l"] == (await api.get("x")).embedded
    request.frames[0].frame.labels[0].id = "k"
    error = await refusal(api.frames.AppendFrames(request))
    assert (
        "frames[0] (frame 'x'): embedding of 'l', which is not a label of the frame"
        == error.message
    )


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (frame("a1", box("l", "bus")), "frames[0].frame.labels[0] (frame 'a1'): label 'l' is of"),
        (frame("a1", group="other"), "frames[0].group (frame 'a1'): 'other'; it is 'a1'"),
        (frame("a2", group="a1"), "frames[0].slice (frame 'a2'): '' of group 'a1' is frame 'a1'"),
        (frame("a2", box("taken")), "'taken' is a label of frame 'b1'"),
        (frame(""), "frames[0].frame.id: is empty"),
        (frame("x" * 257), "frames[0].frame.id"),
    ],
    ids=["class", "group", "slice", "label id", "empty id", "long id"],
)
async def test_a_frame_that_does_not_fit_is_named(
    api: Api, wanted: pb.DatasetFrame, said: str
) -> None:
    """What may not be a dataset's frame is INVALID_ARGUMENT by its name, and nothing is added."""
    await api.append("a1", frame("b1", box("taken")))
    error = await refusal(api.append(wanted))

    assert errors.InvalidArgument is type(error)
    assert said in error.message
    assert (2, 2) == await api.counts("frames", "groups")


async def test_embeddings_are_of_one_space(api: Api) -> None:
    """Vectors of another model or dimension than the first are refused, naming both."""
    await api.append("a1")
    other = Embeddings.of_frames("n", vectors(["a2"])).to_proto()
    request = pb.AppendFramesRequest(dataset=DATASET, frames=[frame("a2")], embeddings=other)
    error = await refusal(api.frames.AppendFrames(request))

    assert "SPACE_MISMATCH" == error.reason
    assert "model 'n' and dimension 8" in error.message
    assert "model 'm' and dimension 8" in error.message


async def test_a_dataset_that_is_not_there_is_named(api: Api) -> None:
    """Frames cannot be appended to, or counted in, a dataset that nobody has created."""
    error = await refusal(api.append("a1", dataset="projects/p/datasets/none"))
    assert errors.NotFound is type(error)
    assert "projects/p/datasets/none" in error.message


async def test_groups_move_on(api: Api) -> None:
    """All slices of a group have its status, counters follow, and back it goes only if asked."""
    await api.append(
        frame("a1", group="g", slice_="left"), frame("a2", group="g", slice_="right"), "b1"
    )
    moved = await api.frames.SetStatus(moving("g", "b1", status=SELECTED))
    again = await api.frames.SetStatus(moving("g", status=SELECTED))
    await api.frames.SetStatus(moving("g", status=ANNOTATED))
    error = await refusal(api.frames.SetStatus(moving("b1", "g", status=SELECTED)))

    assert (2, 0) == (moved.changed_count, again.changed_count)
    assert [ANNOTATED] * 2 == [(await api.get(id)).status for id in ("a1", "a2")]
    assert errors.FailedPrecondition is type(error)
    assert f"group 'g' of {DATASET} is annotated" in error.message
    assert (3, 2, 0, 1, 1) == await api.counts(
        "frames", "groups", "unlabelled", "selected", "annotated"
    )
    await api.frames.SetStatus(moving("g", status=SELECTED, allow_backward=True))
    assert (2, 0) == await api.counts("selected", "annotated")


async def test_a_change_sent_again_is_answered_once(api: Api) -> None:
    """Under one request id a change is made once, and another one under it is refused."""
    await api.append("a1", "a2")
    once = str(uuid4())
    request = tagging("a1", add=["night"], request_id=once)
    first = await api.frames.TagFrames(request)
    await api.frames.TagFrames(tagging("a1", remove=["night"]))
    again = await api.frames.TagFrames(request)
    error = await refusal(api.frames.TagFrames(tagging("a2", add=["x"], request_id=once)))

    assert first == again
    assert [] == (await api.get("a1")).tags
    assert "request_id" in error.message


async def test_tags_are_added_and_removed(api: Api) -> None:
    """Tags are sorted, each there once; all or none of the frames change."""
    await api.append("a1", "a2")
    await api.frames.TagFrames(tagging("a1", "a2", add=["wet", "night"]))
    changed = await api.frames.TagFrames(tagging("a1", add=["night"], remove=["wet", "gone"]))
    error = await refusal(api.frames.TagFrames(tagging("a1", "none", add=["x"])))

    assert 1 == changed.changed_count
    assert ["night"] == (await api.get("a1")).tags
    assert ["night", "wet"] == (await api.get("a2")).tags
    assert (errors.NotFound, "frame 'none' is not one of projects/p/datasets/d") == (
        type(error),
        error.message,
    )


async def test_fields_are_set_and_removed(api: Api) -> None:
    """A field keeps its type, others stay, and appending the frame again leaves them."""
    await api.append(frame("a1", weather="fog", old=1))
    value = frame_pb2.MetadataValue(number=0.25)
    change = pb.FieldChange(frame_id="a1", set={"zcore": value}, remove=["old", "none"])
    request = pb.SetFieldsRequest(dataset=DATASET, changes=[change])

    assert 1 == (await api.frames.SetFields(request)).changed_count
    assert 0 == (await api.frames.SetFields(request)).changed_count
    await api.append(frame("a1", box("l"), weather="sun"))
    assert {
        "zcore": value,
        "weather": frame_pb2.MetadataValue(text="fog"),
    } == dict((await api.get("a1")).fields)


FILTERS = [
    ({"statuses": [SELECTED]}, ["a2"]),
    ({"tags": ["night"]}, ["a1", "b1"]),
    ({"tags": ["night", "wet"]}, ["b1"]),
    ({"splits": [pb.SPLIT_UNSPECIFIED]}, ["a1", "a2", "b1"]),
    ({"splits": [pb.SPLIT_TEST]}, []),
    ({"fields": [pb.FieldCondition(field="speed", at_least=2)]}, ["a2", "b1"]),
    ({"fields": [pb.FieldCondition(field="speed", at_least=2, at_most=2)]}, ["a2"]),
    (
        {"fields": [pb.FieldCondition(field="speed", equals=frame_pb2.MetadataValue(integer=1))]},
        ["a1"],
    ),
    ({"round": "r1"}, []),
]


@pytest.mark.parametrize(("wanted", "found"), FILTERS)
@pytest.mark.parametrize("page_size", [1, 100])
async def test_a_filter_lets_pass_what_it_says(
    api: Api, wanted: dict[str, object], found: list[str], page_size: int
) -> None:
    """Lists, in pages of any size, have the frames that pass in the order of appending."""
    await api.append(frame("a1", speed=1), frame("a2", speed=2), frame("b1", speed=3.0))
    await api.frames.SetStatus(moving("a2", status=SELECTED))
    await api.frames.TagFrames(tagging("a1", "b1", add=["night"]))
    await api.frames.TagFrames(tagging("b1", add=["wet"]))

    passing = pb.FrameFilter(**wanted)  # type: ignore[arg-type]
    assert found == await api.list(filter=passing, page_size=page_size)


async def test_a_view_is_a_filter_under_a_name(api: Api) -> None:
    """A view lists what passes now; it is changed under its etag, and deleted."""
    await api.append("a1", "a2")
    view = pb.View(filter=pb.FrameFilter(tags=["night"]))
    made = await api.frames.CreateView(
        pb.CreateViewRequest(parent=DATASET, view_id="night", view=view)
    )
    before = await api.list(view="night")
    await api.frames.TagFrames(tagging("a2", add=["night"]))
    after = await api.list(view="night")
    made.filter.tags[:] = ["day"]
    changed = await api.frames.UpdateView(pb.UpdateViewRequest(view=made))
    error = await refusal(api.frames.UpdateView(pb.UpdateViewRequest(view=made)))
    listed = await api.frames.ListViews(pb.ListViewsRequest(parent=DATASET))
    await api.frames.DeleteView(pb.DeleteViewRequest(name=made.name))
    gone = await refusal(api.list(view="night"))

    assert ([], ["a2"]) == (before, after)
    assert ("night", ["day"]) == (changed.display_name, list(changed.filter.tags))
    assert errors.Aborted is type(error)
    assert [changed] == list(listed.views)
    assert errors.NotFound is type(gone)


async def test_splits_are_those_of_the_seed(api: Api) -> None:
    """Groups get their shares, keep them when asked again, and new ones join."""
    ids = [f"{letter}{number}" for letter in "ab" for number in range(10)]
    await api.append(*ids)
    shares = [
        pb.AssignSplitsRequest.Share(split=pb.SPLIT_TRAIN, share=0.6),
        pb.AssignSplitsRequest.Share(split=pb.SPLIT_TEST, share=0.4),
    ]
    request = pb.AssignSplitsRequest(dataset=DATASET, shares=shares, seed=3)
    first = await api.frames.AssignSplits(request)
    passing = pb.FrameFilter(splits=[pb.SPLIT_TEST])
    test = await api.list(filter=passing)
    request.seed = 4
    again = await api.frames.AssignSplits(request)
    await api.append(*(f"c{number}" for number in range(10)))
    more = await api.frames.AssignSplits(request)

    assert (12, 8) == (first.train, first.test)
    assert first == again
    assert set(test) < set(await api.list(filter=passing))
    assert (18, 12) == (more.train, more.test)
