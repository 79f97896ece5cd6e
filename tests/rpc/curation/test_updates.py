"""SetStatus, TagFrames and SetFields over gRPC."""

from __future__ import annotations

from uuid import uuid4

from sluice import errors
from sluice.v1 import dataset_frame_pb2 as pb
from sluice.v1 import frame_pb2
from tests.rpc.curation.api import DATASET, Api, box, frame, moving, refusal, tagging

SELECTED, ANNOTATED = pb.ANNOTATION_STATUS_SELECTED, pb.ANNOTATION_STATUS_ANNOTATED


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
    """A field keeps its type, others stay, all or none; appending sets those it states."""
    await api.append(frame("a1", weather="fog", old=1))
    value = frame_pb2.MetadataValue(number=0.25)
    change = pb.FieldChange(frame_id="a1", set={"zcore": value}, remove=["old", "none"])
    request = pb.SetFieldsRequest(dataset=DATASET, changes=[change])

    assert 1 == (await api.frames.SetFields(request)).changed_count
    assert 0 == (await api.frames.SetFields(request)).changed_count
    await api.append(frame("a1", box("l"), weather="sun"))
    both = [pb.FieldChange(frame_id=id, set={"speed": value}) for id in ("a1", "none")]
    error = await refusal(api.frames.SetFields(pb.SetFieldsRequest(dataset=DATASET, changes=both)))
    assert errors.NotFound is type(error)
    assert {
        "zcore": value,
        "weather": frame_pb2.MetadataValue(text="sun"),
    } == dict((await api.get("a1")).fields)
