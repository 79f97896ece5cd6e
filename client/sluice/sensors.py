"""The sensor files of a frame, by URL: Sluice never copies a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from sluice.checks import (
    check_count,
    check_text,
    check_time,
    check_url,
    from_timestamp,
    to_timestamp,
)
from sluice.errors import InvalidArgument
from sluice.v1 import frame_pb2


class MediaType(IntEnum):
    """The kind of file that a sensor recorded; numbered as in the API."""

    IMAGE = 1
    POINT_CLOUD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorData:
    """One file of one sensor: its URL, and for images the size in pixels.

    `width` and `height` are 0 if unknown; without a `capture_time`, the frame's applies.
    """

    sensor_id: str
    url: str
    media_type: MediaType = MediaType.IMAGE
    capture_time: datetime | None = None
    width: int = 0
    height: int = 0

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming an invalid field, by its path below `field`."""
        check_text(f"{field}.sensor_id", self.sensor_id)
        check_url(f"{field}.url", self.url)
        check_time(f"{field}.capture_time", self.capture_time)
        check_count(f"{field}.width", self.width)
        check_count(f"{field}.height", self.height)

    def to_proto(self) -> frame_pb2.SensorData:
        """The data as a message."""
        return frame_pb2.SensorData(
            sensor_id=self.sensor_id,
            url=self.url,
            media_type=frame_pb2.MediaType.Name(self.media_type),
            capture_time=to_timestamp(self.capture_time),
            width=self.width,
            height=self.height,
        )

    @classmethod
    def from_proto(cls, message: frame_pb2.SensorData, field: str) -> SensorData:
        """The data in a message; InvalidArgument for an unknown media type."""
        try:
            media_type = MediaType(message.media_type or MediaType.IMAGE)
        except ValueError:
            problem = f"{message.media_type} is not a known media type"
            raise InvalidArgument.of(f"{field}.media_type", problem) from None
        capture_time = None
        if message.HasField("capture_time"):
            capture_time = from_timestamp(f"{field}.capture_time", message.capture_time)
        return cls(
            sensor_id=message.sensor_id,
            url=message.url,
            media_type=media_type,
            capture_time=capture_time,
            width=message.width,
            height=message.height,
        )
