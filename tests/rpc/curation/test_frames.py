"""FrameService over gRPC: appending, reading, status, tags, fields."""

from __future__ import annotations

import numpy as np
import pytest

from sluice import errors
from sluice.scoring import normalise
from sluice.tensors import Embeddings
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import frame_pb2
from tests.rpc.curation.api import (
    DATASET,
    MODEL,
    Api,
    box,
    frame,
    moving,
    refusal,
    tagging,
    vectors,
)

SELECTED, ANNOTATED = pb.ANNOTATION_STATUS_SELECTED, pb.ANNOTATION_STATUS_ANNOTATED


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
    stored = await api.get("a%201%2F%C3%BC")

    assert sent.frame == stored.frame
    assert ("g", "left", 2, [""]) == (
        stored.group,
        stored.slice,
        stored.number,
        list(stored.embedded),
    )
    assert dict(sent.fields) == dict(stored.fields)
    assert (pb.ANNOTATION_STATUS_UNLABELLED, pb.SPLIT_UNSPECIFIED) == (stored.status, stored.split)


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


async def test_frames_are_read_in_the_order_of_appending(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts of a stream together have the frames in the order in which they were appended."""
    monkeypatch.setattr("services.curation.datasets.frames.PAGE_BYTES_MAX", 1)
    await api.append("c")
    await api.append("a", "c", "d", "b")
    responses = api.frames.ReadFrames(pb.ReadFramesRequest(parent=DATASET))
    parts = [[item.frame.id for item in part.frames] async for part in responses]

    assert [["c"], ["a"], ["d"], ["b"]] == parts


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
    ("frame_", "message"),
    [
        (
            frame("a1", box("l", "bus")),
            "frames[0].frame.labels[0] (frame 'a1'): label 'l': class 'bus' is not in",
        ),
        (frame("a1", group="other"), "frames[0].group (frame 'a1'): 'other'; it is 'a1'"),
        (frame("a2", group="a1"), "frames[0].slice (frame 'a2'): '' of group 'a1' is frame 'a1'"),
        (frame("a2", box("taken")), "'taken' is a label of frame 'b1'"),
        (frame(""), "frames[0].frame.id: is empty"),
        (frame("x" * 257), "frames[0].frame.id"),
    ],
    ids=["class", "group", "slice", "label id", "empty id", "long id"],
)
async def test_a_frame_that_does_not_fit_is_named(
    api: Api, frame_: pb.DatasetFrame, message: str
) -> None:
    """What may not be a dataset's frame is INVALID_ARGUMENT by its name, and nothing is added."""
    await api.append("a1", frame("b1", box("taken")))
    error = await refusal(api.append(frame_))

    assert errors.InvalidArgument is type(error)
    assert message in error.message
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


@pytest.mark.parametrize(("conditions", "expected"), FILTERS)
@pytest.mark.parametrize("page_size", [1, 100])
async def test_a_filter_lets_pass_what_it_says(
    api: Api, conditions: dict[str, object], expected: list[str], page_size: int
) -> None:
    """Lists, in pages of any size, have the frames that pass in the order of appending."""
    await api.append(frame("a1", speed=1), frame("a2", speed=2), frame("b1", speed=3.0))
    await api.frames.SetStatus(moving("a2", status=SELECTED))
    await api.frames.TagFrames(tagging("a1", "b1", add=["night"]))
    await api.frames.TagFrames(tagging("b1", add=["wet"]))

    passing = pb.FrameFilter(**conditions)  # type: ignore[arg-type]
    assert expected == await api.list(filter=passing, page_size=page_size)
