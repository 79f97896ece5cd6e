"""The file of a FiftyOne sample, as sensor data; and errors that name the sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sluice.errors import InvalidArgument
from sluice.formats.rows import IMAGE_SENSOR
from sluice.sensors import MediaType, SensorData

POINT_CLOUD_SENSOR: Final = "point_cloud"

_POINT_CLOUDS: Final = ("point-cloud", "3d")
"""FiftyOne's media types of point clouds, and of scenes that name them."""


@dataclass(frozen=True, slots=True)
class SampleMedia:
    """The id of a sample and its file."""

    sample_id: str
    sensor: SensorData

    @classmethod
    def of(cls, sample: Any) -> SampleMedia:
        """The media of a sample; InvalidArgument naming a video or another unsupported one."""
        kind = getattr(sample, "media_type", "image")
        if kind in _POINT_CLOUDS:
            sensor = SensorData(
                sensor_id=POINT_CLOUD_SENSOR,
                url=str(sample.filepath),
                media_type=MediaType.POINT_CLOUD,
            )
            return cls(str(sample.id), sensor)
        sensor = SensorData(
            sensor_id=IMAGE_SENSOR,
            url=str(sample.filepath),
            width=int(getattr(sample.metadata, "width", None) or 0),
            height=int(getattr(sample.metadata, "height", None) or 0),
        )
        media = cls(str(sample.id), sensor)
        # FiftyOne goes by the file's extension; a size in pixels is an image's all the same.
        if kind == "image" or (kind == "unknown" and sensor.width and sensor.height):
            return media
        accepted = "image, point-cloud, 3d, and unknown with ImageMetadata"
        raise media.error("media_type", f"{kind!r} is not supported; accepted are {accepted}")

    @property
    def is_image(self) -> bool:
        """Whether the file is an image."""
        return self.sensor.media_type is MediaType.IMAGE

    def size(self) -> tuple[int, int]:
        """Width and height in pixels; InvalidArgument if they are unknown."""
        if not (self.sensor.width and self.sensor.height):
            problem = "has none, but its labels need the size: compute_metadata()"
            raise InvalidArgument.of("metadata", f"sample {self.sample_id} {problem}")
        return self.sensor.width, self.sensor.height

    def error(self, path: str, problem: str) -> InvalidArgument:
        """The error for a field of the sample."""
        return InvalidArgument.of(path, f"sample {self.sample_id}: {problem}")
