"""Frames come back as they were sent, and what is wrong with one is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from sluice.errors import DataLoss, InvalidArgument
from sluice.frames import Frame
from sluice.labels import (
    Box2D,
    Classification2D,
    Cuboid3D,
    Label,
    Polygons2D,
    Semseg2D,
    Shape,
    TaskType,
)
from sluice.limits import FRAME_BYTES_MAX, ID_BYTES_MAX, METADATA_PAIRS_MAX
from sluice.sensors import MediaType, SensorData
from sluice.v1 import frame_pb2
from tests.unit.client.strategies import frames, times, zoned

CAMERA = SensorData(sensor_id="cam", url="file.png", width=100, height=50)


@given(frames)
def test_frame_survives_the_wire(frame: Frame) -> None:
    """A frame that was sent is the frame that is received."""
    sent = frame.to_proto().SerializeToString()
    assert frame == Frame.from_proto(frame_pb2.Frame.FromString(sent))


@given(frames)
def test_frame_survives_storage(frame: Frame) -> None:
    """A stored frame is read as it was; the order of its metadata does not change its bytes."""
    reordered = replace(frame, metadata=dict(reversed(list(frame.metadata.items()))))
    assert frame == Frame.from_bytes(frame.to_bytes())
    assert frame.to_bytes() == reordered.to_bytes()


@given(zoned)
def test_times_are_moments(time: datetime) -> None:
    """A time in any zone is the same moment after the wire, to the microsecond."""
    received = Frame.from_proto(Frame(id="f", capture_time=time).to_proto())
    assert time == received.capture_time


@given(times)
def test_microseconds_since_1970(time: datetime) -> None:
    """The whole number of microseconds says the same as the time."""
    microseconds = Frame(id="f", capture_time=time).capture_time_us
    assert microseconds is not None
    assert round(time.timestamp() * 1e6) == pytest.approx(microseconds, abs=1)


def box(left: float, top: float, width: float, height: float, sensor_id: str = "cam") -> Label:
    """A label that is a box in the camera's image."""
    return Label(
        id="l", class_name="van", sensor_id=sensor_id, shape=Box2D(left, top, width, height)
    )


def shaped(shape: Shape, class_name: str = "van") -> dict[str, Any]:
    """What makes a frame with one label of that shape."""
    return {"labels": (Label(id="l", class_name=class_name, shape=shape),)}


LONG = "x" * (ID_BYTES_MAX + 1)
QUARTER = (0.0, 0.0, 0.0, 1.0)

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"id": ""}, "frame.id", "empty"),
    ({"id": LONG}, "frame.id", "257 bytes"),
    ({"id": "\ud800"}, "frame.id", "UTF-8"),
    ({"device": LONG}, "frame.device", "257 bytes"),
    ({"capture_time": datetime(2026, 1, 1)}, "frame.capture_time", "2026-01-01T00:00:00"),  # noqa: DTZ001
    ({"sensors": (CAMERA, CAMERA)}, "frame.sensors", "'cam' stands 2 times"),
    ({"sensors": (replace(CAMERA, url=""),)}, "frame.sensors[0].url", "empty"),
    (
        {"sensors": (replace(CAMERA, capture_time=datetime(2026, 1, 1)),)},  # noqa: DTZ001
        "frame.sensors[0].capture_time",
        "no time zone",
    ),
    ({"metadata": {"k": float("nan")}}, "frame.metadata['k']", "nan"),
    ({"metadata": {"k": 2**63}}, "frame.metadata['k']", "64 bits"),
    ({"metadata": {"k": [1]}}, "frame.metadata['k']", "list"),
    ({"metadata": {"": 1}}, "frame.metadata key", "empty"),
    (
        {"metadata": dict.fromkeys(map(str, range(METADATA_PAIRS_MAX + 1)), 1)},
        "frame.metadata",
        "65 pairs",
    ),
    (
        {"labels": (box(0, 0, 1, 1), box(0, 0, 1, 1))},
        "frame.labels",
        "'l' stands 2 times",
    ),
    ({"labels": (box(90, 0, 20, 1),), "sensors": (CAMERA,)}, "frame.labels[0].box_2d", "100 × 50"),
    ({"labels": (box(-1, 0, 20, 1),), "sensors": (CAMERA,)}, "frame.labels[0].box_2d", "(-1, 0)"),
    ({"labels": (box(0, 0, 0, 1),)}, "frame.labels[0].box_2d.width", "0 is not over 0"),
    ({"labels": (box(0, float("inf"), 1, 1),)}, "frame.labels[0].box_2d.top", "inf"),
    (shaped(Classification2D(), class_name=""), "frame.labels[0].class_name", "empty"),
    (shaped(Semseg2D("")), "frame.labels[0].semseg_2d.mask_url", "empty"),
    (
        shaped(Cuboid3D((0, 0, 0), (1, 0, 1), QUARTER)),
        "frame.labels[0].cuboid_3d.dimensions",
        "not over 0",
    ),
    (
        shaped(Cuboid3D((0, 0), (1, 1, 1), QUARTER)),
        "frame.labels[0].cuboid_3d.position",
        "2 of 3",
    ),
    (
        shaped(Cuboid3D((0, 0, 0), (1, 1, 1), (0, 0, 0, 2))),
        "frame.labels[0].cuboid_3d.rotation",
        "length 2",
    ),
    (shaped(Polygons2D(())), "frame.labels[0].polygons_2d.polygons", "empty"),
    (
        shaped(Polygons2D((((0, 0), (1, 1)),))),
        "frame.labels[0].polygons_2d.polygons[0]",
        "2 vertices",
    ),
    (
        shaped(Polygons2D((((0, 0), (1, 1), (2, float("nan"))),))),
        "frame.labels[0].polygons_2d.polygons[0]",
        "nan",
    ),
    (
        shaped(Polygons2D((((0, 0), (1, 1), (2, 0)),), (1,))),
        "frame.labels[0].polygons_2d.center",
        "1 coordinates",
    ),
]


@pytest.mark.parametrize(("changes", "field", "named"), WRONG)
def test_what_is_wrong_is_named_before_it_is_sent(
    changes: dict[str, Any], field: str, named: str
) -> None:
    """A frame that is not right is refused with its field and value."""
    with pytest.raises(InvalidArgument) as refused:
        Frame(**{"id": "f", **changes}).to_proto()
    assert field == refused.value.fields[0].field
    assert named in refused.value.message


def message(**changes: Any) -> frame_pb2.Frame:
    """A message of a frame."""
    return frame_pb2.Frame(**{"id": "f", **changes})


RECEIVED: list[tuple[frame_pb2.Frame, str, str]] = [
    (message(id=""), "here.id", "empty"),
    (message(device="x" * FRAME_BYTES_MAX), "here", "65,5"),
    (message(labels=[frame_pb2.Label(id="l", class_name="c")]), "here.labels[0].shape", "'l'"),
    (message(metadata={"k": frame_pb2.MetadataValue()}), "here.metadata['k']", "no value"),
    (message(capture_time={"seconds": 2**62}), "here.capture_time", str(2**62)),
    (
        message(sensors=[{"sensor_id": "s", "url": "u", "media_type": 9}]),
        "here.sensors[0].media_type",
        "9",
    ),
    (
        message(
            labels=[
                {"id": "l", "class_name": "c", "polygons_2d": {"polygons": [{"xy": [1, 2, 3]}]}}
            ]
        ),
        "here.labels[0].polygons_2d.polygons[0]",
        "vertices",
    ),
]


@pytest.mark.parametrize(("received", "field", "named"), RECEIVED)
def test_what_is_wrong_is_named_when_it_is_received(
    received: frame_pb2.Frame, field: str, named: str
) -> None:
    """A message that is no frame is refused with the path of its field."""
    with pytest.raises(InvalidArgument) as refused:
        Frame.from_proto(received, "here")
    assert field == refused.value.fields[0].field
    assert named in refused.value.message


def test_a_box_fits_its_image_exactly() -> None:
    """A box may touch the edges of its image; a sensor of unknown size takes any box."""
    exact = Frame(id="f", sensors=(CAMERA,), labels=(box(0, 0, 100, 50),))
    unknown = Frame(id="f", sensors=(CAMERA,), labels=(box(500, 0, 1, 1, "other"),))
    assert (exact, unknown) == tuple(Frame.from_proto(f.to_proto()) for f in (exact, unknown))


def test_an_image_is_the_default() -> None:
    """A sensor's file without a media type is an image."""
    received = SensorData.from_proto(frame_pb2.SensorData(sensor_id="s", url="u"), "sensor")
    assert MediaType.IMAGE is received.media_type


@pytest.mark.parametrize("task", TaskType)
def test_tasks_are_numbered_as_in_the_api(task: TaskType) -> None:
    """Every task type has the number that the proto gives it."""
    assert task == frame_pb2.TaskType.Value(f"TASK_TYPE_{task.name}")


def test_rubbish_in_storage_is_data_loss() -> None:
    """What is stored and no frame is loss of data, not the caller's fault."""
    with pytest.raises(DataLoss):
        Frame.from_bytes(b"\xff\xff\xff")


def test_time_is_kept_in_utc() -> None:
    """What is read has the zone UTC."""
    time = Frame.from_proto(message(capture_time={"seconds": 1})).capture_time
    assert datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) == time
    assert time is not None
    assert UTC is time.tzinfo
