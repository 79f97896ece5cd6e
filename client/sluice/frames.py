"""Frames: one capture each, with its sensor files, labels and metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from sluice.checks import (
    check_finite,
    check_text,
    check_time,
    check_unique,
    from_timestamp,
    to_timestamp,
    too_large,
)
from sluice.errors import DataLoss, InvalidArgument
from sluice.labels import Box2D, Label
from sluice.limits import FRAME_BYTES_MAX, METADATA_PAIRS_MAX
from sluice.sensors import SensorData
from sluice.v1 import frame_pb2

MetadataValue = str | int | float | bool

MetadataInput = MetadataValue | np.generic
"""A value that callers may give: numpy's scalars count as the Python values that they hold."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One capture; its id is unique in the project.

    `capture_time` must have a time zone; None if it is unknown. The constructor does not check
    values; `check`, `to_proto` and `from_proto` do.
    """

    id: str
    capture_time: datetime | None = None
    device: str = ""
    sensors: tuple[SensorData, ...] = ()
    labels: tuple[Label, ...] = ()
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict)

    @property
    def capture_time_us(self) -> int | None:
        """The capture time in microseconds since 1970, UTC; None if it is unknown."""
        if self.capture_time is None:
            return None
        return (self.capture_time - _EPOCH) // timedelta(microseconds=1)

    def check(self, path: str = "frame") -> None:
        """Raise InvalidArgument naming an invalid field, by its path below `path`."""
        check_text(f"{path}.id", self.id)
        check_text(f"{path}.device", self.device, empty=True)
        check_time(f"{path}.capture_time", self.capture_time)
        for index, sensor in enumerate(self.sensors):
            sensor.check(f"{path}.sensors[{index}]")
        check_unique(f"{path}.sensors", "sensor_id", [s.sensor_id for s in self.sensors])
        for index, label in enumerate(self.labels):
            label.check(f"{path}.labels[{index}]")
            self._check_box(f"{path}.labels[{index}].box_2d", label)
        check_unique(f"{path}.labels", "label id", [label.id for label in self.labels])
        check_metadata(f"{path}.metadata", self.metadata)

    def _check_box(self, path: str, label: Label) -> None:
        """Reject a box outside its image, if the image's size is known."""
        if not isinstance(label.shape, Box2D):
            return
        for sensor in self.sensors:
            if sensor.sensor_id == label.sensor_id and sensor.width and sensor.height:
                label.shape.check_inside(path, sensor.width, sensor.height)

    def to_proto(self, path: str = "frame") -> frame_pb2.Frame:
        """The frame as a message; InvalidArgument for an invalid frame."""
        self.check(path)
        message = _message_of(self)
        _check_size(path, message)
        return message

    @classmethod
    def from_proto(cls, message: frame_pb2.Frame, path: str = "frame") -> Frame:
        """The frame in a message; InvalidArgument for an invalid one."""
        _check_size(path, message)
        frame = cls._read(message, path)
        frame.check(path)
        if not all(sensor.media_type for sensor in message.sensors):
            # The stored frame spells out the default media type, which makes it larger. It must
            # still be within the limit, or it could be stored but never be read.
            _check_size(path, _message_of(frame))
        return frame

    @classmethod
    def _read(cls, message: frame_pb2.Frame, path: str) -> Frame:
        capture_time = None
        if message.HasField("capture_time"):
            capture_time = from_timestamp(f"{path}.capture_time", message.capture_time)
        return cls(
            id=message.id,
            capture_time=capture_time,
            device=message.device,
            sensors=tuple(
                SensorData.from_proto(sensor, f"{path}.sensors[{index}]")
                for index, sensor in enumerate(message.sensors)
            ),
            labels=tuple(
                Label.from_proto(label, f"{path}.labels[{index}]")
                for index, label in enumerate(message.labels)
            ),
            metadata=metadata_from_proto(message.metadata, f"{path}.metadata"),
        )

    def to_bytes(self) -> bytes:
        """The bytes of a checked frame, for storage; equal frames give equal bytes."""
        return _message_of(self).SerializeToString(deterministic=True)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Frame:
        """Read the bytes of `to_bytes`; DataLoss if they are malformed."""
        try:
            return cls._read(frame_pb2.Frame.FromString(stored), "frame")
        except (DecodeError, InvalidArgument) as error:
            raise DataLoss(f"a stored frame cannot be read: {error}") from error


def _message_of(frame: Frame) -> frame_pb2.Frame:
    return frame_pb2.Frame(
        id=frame.id,
        capture_time=to_timestamp(frame.capture_time),
        device=frame.device,
        sensors=[sensor.to_proto() for sensor in frame.sensors],
        labels=[label.to_proto() for label in frame.labels],
        metadata=metadata_to_proto(frame.metadata),
    )


def _check_size(path: str, message: frame_pb2.Frame) -> None:
    size_bytes = message.ByteSize()
    if size_bytes > FRAME_BYTES_MAX:
        problem = (
            f"frame {message.id[:32]!r} has {size_bytes:,} bytes; at most "
            f"{FRAME_BYTES_MAX:,} are accepted"
        )
        raise too_large(path, problem, FRAME_BYTES_MAX)


def check_metadata(path: str, metadata: Mapping[str, MetadataInput]) -> None:
    """Reject too many pairs, and invalid keys or values, naming their path below `path`."""
    if len(metadata) > METADATA_PAIRS_MAX:
        problem = f"has {len(metadata)} pairs; at most {METADATA_PAIRS_MAX} are accepted"
        raise too_large(path, problem, METADATA_PAIRS_MAX)
    for key, value in metadata.items():
        check_text(f"{path} key", key)
        _check_value(f"{path}[{key!r}]", value)


def _check_value(path: str, value: object) -> None:
    match as_python(value):
        case bool():
            pass
        case str() as text:
            check_text(path, text, FRAME_BYTES_MAX, empty=True)
        case int() as integer:
            if not _INT64_MIN <= integer <= _INT64_MAX:
                raise InvalidArgument.of(path, f"{integer} needs more than 64 bits")
        case float() as number:
            check_finite(path, number)
        case _:
            raise InvalidArgument.of(path, _unsupported(value))


def metadata_to_proto(
    metadata: Mapping[str, MetadataInput],
) -> dict[str, frame_pb2.MetadataValue]:
    """The metadata as messages, by key."""
    return {key: value_to_proto(value) for key, value in metadata.items()}


def metadata_from_proto(
    messages: Mapping[str, frame_pb2.MetadataValue], path: str
) -> dict[str, MetadataValue]:
    """The values of messages, by key; InvalidArgument naming a message without a value."""
    return {key: value_from_proto(value, f"{path}[{key!r}]") for key, value in messages.items()}


def value_to_proto(value: MetadataInput) -> frame_pb2.MetadataValue:
    """A value as a message; InvalidArgument for one of another type."""
    match as_python(value):
        case bool() as flag:
            return frame_pb2.MetadataValue(flag=flag)
        case int() as integer:
            return frame_pb2.MetadataValue(integer=integer)
        case float() as number:
            return frame_pb2.MetadataValue(number=number)
        case str() as text:
            return frame_pb2.MetadataValue(text=text)
    raise InvalidArgument.of("metadata", _unsupported(value))


def as_python(value: Any) -> Any:
    """A numpy scalar as the Python value that it holds; other values as they are."""
    return value.item() if isinstance(value, np.generic) else value


def _unsupported(value: object) -> str:
    accepted = "str, int, float and bool are accepted, as Python values or numpy scalars"
    return f"{value!r} is of type {type(value).__name__}; {accepted}"


def value_from_proto(message: frame_pb2.MetadataValue, path: str) -> MetadataValue:
    """The value of a message; InvalidArgument naming `path` if it has none."""
    kind = message.WhichOneof("kind")
    if kind is None:
        raise InvalidArgument.of(path, "has no value; one must be set")
    value: MetadataValue = getattr(message, kind)
    return value
