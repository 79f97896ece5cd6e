"""Frames survive messages and storage, and errors name an invalid field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from sluice.errors import DataLoss, InvalidArgument
from sluice.frames import Frame
from sluice.labels import (
    Box2D,
    Classification2D,
    Classification3D,
    Cuboid3D,
    Label,
    Polygons2D,
    Semseg2D,
    Shape,
    TaskType,
)
from sluice.limits import FRAME_BYTES_MAX, ID_BYTES_MAX, METADATA_PAIRS_MAX, URL_BYTES_MAX
from sluice.sensors import MediaType, SensorData
from sluice.v1 import frame_pb2
from tests.unit.client.strategies import frames, times, zoned

CAMERA = SensorData(sensor_id="cam", url="file.png", width=100, height=50)


@given(frames)
def test_frame_survives_the_wire(frame: Frame) -> None:
    """The received frame equals the sent one."""
    sent = frame.to_proto().SerializeToString()
    assert frame == Frame.from_proto(frame_pb2.Frame.FromString(sent))


@given(frames)
def test_frame_survives_storage(frame: Frame) -> None:
    """A stored frame can be read; the order of its metadata does not change its bytes."""
    reordered = replace(frame, metadata=dict(reversed(list(frame.metadata.items()))))
    assert frame == Frame.from_bytes(frame.to_bytes())
    assert frame.to_bytes() == reordered.to_bytes()


@given(zoned)
def test_times_are_moments(time: datetime) -> None:
    """A time in any zone is received as the same moment, to the microsecond."""
    received = Frame.from_proto(Frame(id="f", capture_time=time).to_proto())
    assert time == received.capture_time


@given(times)
def test_microseconds_since_1970(time: datetime) -> None:
    """The number of microseconds equals the time."""
    microseconds = Frame(id="f", capture_time=time).capture_time_us
    assert microseconds is not None
    assert round(time.timestamp() * 1e6) == pytest.approx(microseconds, abs=1)


def box(left: float, top: float, width: float, height: float, sensor_id: str = "cam") -> Label:
    """A label with a box in the camera's image."""
    return Label(
        id="l", class_name="van", sensor_id=sensor_id, shape=Box2D(left, top, width, height)
    )


def with_label(shape: Shape, class_name: str = "van") -> dict[str, Any]:
    """Arguments of a frame with one label of that shape."""
    return {"labels": (Label(id="l", class_name=class_name, shape=shape),)}


LONG = "x" * (ID_BYTES_MAX + 1)
QUARTER = (0.0, 0.0, 0.0, 1.0)

WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"id": ""}, "frame.id", "empty"),
    ({"id": LONG}, "frame.id", "257 bytes"),
    ({"id": "\ud800"}, "frame.id", "UTF-8"),
    ({"device": LONG}, "frame.device", "257 bytes"),
    ({"capture_time": datetime(2026, 1, 1)}, "frame.capture_time", "2026-01-01T00:00:00"),  # noqa: DTZ001
    (
        {"capture_time": datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))},
        "frame.capture_time",
        "9999-12-31T23:59:59.999999-01:00 is not between",
    ),
    ({"sensors": (CAMERA, CAMERA)}, "frame.sensors", "'cam' occurs 2 times"),
    ({"sensors": (replace(CAMERA, url=""),)}, "frame.sensors[0].url", "empty"),
    (
        {"sensors": (replace(CAMERA, capture_time=datetime(2026, 1, 1)),)},  # noqa: DTZ001
        "frame.sensors[0].capture_time",
        "no time zone",
    ),
    ({"sensors": (replace(CAMERA, sensor_id=""),)}, "frame.sensors[0].sensor_id", "empty"),
    ({"sensors": (replace(CAMERA, width=-1),)}, "frame.sensors[0].width", "-1 is not in 0"),
    ({"sensors": (replace(CAMERA, height=2**32),)}, "frame.sensors[0].height", "4294967296"),
    ({"metadata": {"k": "\ud800"}}, "frame.metadata['k']", "UTF-8"),
    ({"metadata": {"k": float("nan")}}, "frame.metadata['k']", "nan"),
    ({"metadata": {"k": 2**63}}, "frame.metadata['k']", "64 bits"),
    ({"metadata": {"k": -(2**63) - 1}}, "frame.metadata['k']", "64 bits"),
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
        "'l' occurs 2 times",
    ),
    ({"labels": (box(90, 0, 20, 1),), "sensors": (CAMERA,)}, "frame.labels[0].box_2d", "100 × 50"),
    ({"labels": (box(-1, 0, 20, 1),), "sensors": (CAMERA,)}, "frame.labels[0].box_2d", "(-1, 0)"),
    ({"labels": (box(0, 0, 0, 1),)}, "frame.labels[0].box_2d.width", "0 is not over 0"),
    ({"labels": (box(0, float("inf"), 1, 1),)}, "frame.labels[0].box_2d.top", "inf"),
    (with_label(Classification2D(), class_name=""), "frame.labels[0].class_name", "empty"),
    (
        {"labels": (Label(id="l", class_name="van", shape=Classification2D(), crowd=True),)},
        "frame.labels[0].crowd",
        "only box_2d and polygons_2d can be crowds",
    ),
    (with_label(Semseg2D("")), "frame.labels[0].semseg_2d.mask_url", "empty"),
    (
        with_label(Cuboid3D((0, 0, 0), (1, 0, 1), QUARTER)),
        "frame.labels[0].cuboid_3d.dimensions",
        "not over 0",
    ),
    (
        with_label(Cuboid3D((0, 0), (1, 1, 1), QUARTER)),
        "frame.labels[0].cuboid_3d.position",
        "2 of 3",
    ),
    (
        with_label(Cuboid3D((0, 0, 0), (1, 1, 1), (0, 0, 0, 2))),
        "frame.labels[0].cuboid_3d.rotation",
        "length 2",
    ),
    (with_label(Polygons2D(())), "frame.labels[0].polygons_2d.polygons", "empty"),
    (
        with_label(Polygons2D((((0, 0), (1, 1)),))),
        "frame.labels[0].polygons_2d.polygons[0]",
        "2 vertices",
    ),
    (
        with_label(Polygons2D((((0, 0), (1, 1), (2, float("nan"))),))),
        "frame.labels[0].polygons_2d.polygons[0]",
        "nan",
    ),
    (
        with_label(Polygons2D((((0, 0), (1, 1), (2, 0)),), (1,))),
        "frame.labels[0].polygons_2d.center",
        "1 coordinates",
    ),
]


@pytest.mark.parametrize(("changes", "field", "named"), WRONG)
def test_invalid_frames_are_rejected_before_sending(
    changes: dict[str, Any], field: str, named: str
) -> None:
    """The error for an invalid frame names the field and value."""
    with pytest.raises(InvalidArgument) as refused:
        Frame(**{"id": "f", **changes}).to_proto()
    assert field == refused.value.fields[0].field
    assert named in refused.value.message


URL = "u" * (URL_BYTES_MAX + 1)

OVER: list[tuple[dict[str, Any], str, int]] = [
    ({"id": LONG}, "frame.id", ID_BYTES_MAX),
    ({"device": "ü" * (ID_BYTES_MAX // 2 + 1)}, "frame.device", ID_BYTES_MAX),
    ({"metadata": {LONG: 1}}, "frame.metadata key", ID_BYTES_MAX),
    ({"metadata": {str(i): i for i in range(65)}}, "frame.metadata", METADATA_PAIRS_MAX),
    ({"metadata": {"k": "v" * FRAME_BYTES_MAX}}, "frame", FRAME_BYTES_MAX),
    ({"sensors": (replace(CAMERA, url=URL),)}, "frame.sensors[0].url", URL_BYTES_MAX),
    ({"sensors": (replace(CAMERA, sensor_id=LONG),)}, "frame.sensors[0].sensor_id", ID_BYTES_MAX),
    ({"labels": (replace(box(0, 0, 1, 1), id=LONG),)}, "frame.labels[0].id", ID_BYTES_MAX),
    (
        {"labels": (box(0, 0, 1, 1, LONG),)},
        "frame.labels[0].sensor_id",
        ID_BYTES_MAX,
    ),
    (with_label(Classification2D(), LONG), "frame.labels[0].class_name", ID_BYTES_MAX),
    (
        with_label(Classification3D(LONG)),
        "frame.labels[0].classification_3d.coordinate_frame",
        ID_BYTES_MAX,
    ),
    (
        with_label(Cuboid3D((0, 0, 0), (1, 1, 1), QUARTER, LONG)),
        "frame.labels[0].cuboid_3d.coordinate_frame",
        ID_BYTES_MAX,
    ),
    (with_label(Semseg2D(URL)), "frame.labels[0].semseg_2d.mask_url", URL_BYTES_MAX),
]


@pytest.mark.parametrize(("changes", "field", "limit"), OVER)
def test_frames_over_a_limit_are_rejected(changes: dict[str, Any], field: str, limit: int) -> None:
    """A frame over a limit is rejected before sending; the error's metadata has the limit."""
    with pytest.raises(InvalidArgument) as refused:
        Frame(**{"id": "f", **changes}).to_proto()
    assert ("TOO_LARGE", field) == (refused.value.reason, refused.value.fields[0].field)
    assert {"limit": str(limit)} == refused.value.metadata


def test_limits_may_be_reached() -> None:
    """Values exactly at their limit are accepted."""
    frame = Frame(
        id="x" * ID_BYTES_MAX,
        sensors=(replace(CAMERA, url="u" * URL_BYTES_MAX),),
        metadata={str(i): (-(2**63), 2**63 - 1)[i % 2] for i in range(METADATA_PAIRS_MAX)},
    )
    assert frame == Frame.from_proto(frame.to_proto())


@pytest.mark.parametrize("size_bytes", range(FRAME_BYTES_MAX - 3, FRAME_BYTES_MAX + 2))
@pytest.mark.parametrize("named", [True, False])
def test_accepted_frames_can_be_read_again(size_bytes: int, named: bool) -> None:
    """An accepted frame near the limit can be read, although stored defaults make it larger."""
    sensor = {"sensor_id": "s", "url": "u", "media_type": MediaType.IMAGE if named else 0}
    received = message(metadata={"k": {"text": "v" * 65_000}}, sensors=[sensor])
    received.metadata["k"].text += "v" * (size_bytes - received.ByteSize())
    assert size_bytes == received.ByteSize()
    grows_bytes = 0 if named else 2
    if size_bytes + grows_bytes > FRAME_BYTES_MAX:
        with pytest.raises(InvalidArgument, match="are accepted"):
            Frame.from_proto(received)
    else:
        stored = Frame.from_proto(received).to_bytes()
        assert size_bytes + grows_bytes == Frame.from_bytes(stored).to_proto().ByteSize()


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
def test_invalid_messages_are_rejected(received: frame_pb2.Frame, field: str, named: str) -> None:
    """The error for a malformed message names the path of the field."""
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


def test_malformed_stored_bytes_are_data_loss() -> None:
    """Malformed stored bytes raise DataLoss, because the caller is not at fault."""
    with pytest.raises(DataLoss):
        Frame.from_bytes(b"\xff\xff\xff")


def test_time_is_kept_in_utc() -> None:
    """A received time has the zone UTC."""
    time = Frame.from_proto(message(capture_time={"seconds": 1})).capture_time
    assert datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC) == time
    assert time is not None
    assert UTC is time.tzinfo


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.int64(-(2**63)), -(2**63)),
        (np.uint8(7), 7),
        (np.bool_(True), True),
        (np.str_("fog"), "fog"),
    ],
)
def test_numpy_scalars_are_metadata(scalar: Any, value: Any) -> None:
    """A scalar of numpy is stored as the Python value that it holds."""
    frame = Frame(id="f", metadata={"weather": scalar})
    received = Frame.from_proto(frame.to_proto()).metadata["weather"]
    assert (value, type(value)) == (received, type(received))


@pytest.mark.parametrize(
    "value", [np.datetime64("2026-01-01"), np.longdouble(1), np.bytes_(b"x"), np.zeros(1), None]
)
def test_other_metadata_is_named(value: Any) -> None:
    """A value of another type is an error that says which types are accepted."""
    with pytest.raises(InvalidArgument, match="str, int, float and bool are accepted"):
        Frame(id="f", metadata={"weather": value}).to_proto()
