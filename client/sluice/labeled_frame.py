"""Frames that a script builds call by call, with their embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import InvalidArgument
from sluice.frames import Frame, MetadataInput, as_python
from sluice.labels import (
    Box2D,
    Classification2D,
    Classification3D,
    Cuboid3D,
    Label,
    Polygons2D,
    Semseg2D,
    Shape,
)
from sluice.sensors import MediaType, SensorData

Time = datetime | str


class LabeledFrame:
    """A frame under construction; invalid values are reported when the frame is sampled.

    Times are datetimes with a time zone, or ISO 8601 texts with an offset.
    """

    def __init__(
        self,
        frame_id: str,
        date_captured: Time | None = None,
        *,
        device_id: str = "",
        user_metadata: Mapping[str, MetadataInput] | None = None,
        sensors: Iterable[SensorData] = (),
        labels: Iterable[Label] = (),
        embedding: ArrayLike | None = None,
        crop_embeddings: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        self.frame_id = frame_id
        self._time = _time("date_captured", date_captured)
        self._device = device_id
        self._metadata = dict(user_metadata or {})
        self._sensors = list(sensors)
        self._labels = list(labels)
        self._vectors: list[tuple[str, NDArray[np.float32]]] = []
        if embedding is not None:
            self.add_frame_embedding(embedding=embedding)
        for label_id, vector in (crop_embeddings or {}).items():
            self.add_crop_embedding(label_id=label_id, embedding=vector)

    def add_user_metadata(self, key: str, value: MetadataInput) -> None:
        """Add a pair to the frame's metadata."""
        self._metadata[key] = value

    def add_image(
        self,
        *,
        sensor_id: str,
        image_url: str,
        date_captured: Time | None = None,
        width: int = 0,
        height: int = 0,
    ) -> None:
        """Add an image by URL; if its size in pixels is given, boxes are checked against it."""
        self._add_sensor(sensor_id, image_url, MediaType.IMAGE, date_captured, (width, height))

    def add_point_cloud(
        self, *, sensor_id: str, url: str, date_captured: Time | None = None
    ) -> None:
        """Add a point cloud by URL."""
        self._add_sensor(sensor_id, url, MediaType.POINT_CLOUD, date_captured, (0, 0))

    def add_label_2d_classification(
        self, *, sensor_id: str, label_id: str, classification: str
    ) -> None:
        """Add the class of an image."""
        self._add_label(label_id, classification, Classification2D(), sensor_id)

    def add_label_3d_classification(
        self, *, label_id: str, classification: str, coord_frame_id: str = ""
    ) -> None:
        """Add the class of a scene."""
        self._add_label(label_id, classification, Classification3D(coord_frame_id))

    def add_label_2d_bbox(
        self,
        *,
        sensor_id: str,
        label_id: str,
        classification: str,
        top: float,
        left: float,
        width: float,
        height: float,
    ) -> None:
        """Add a box, in absolute pixels."""
        self._add_label(label_id, classification, Box2D(left, top, width, height), sensor_id)

    def add_label_3d_cuboid(
        self,
        *,
        label_id: str,
        classification: str,
        position: Sequence[float],
        dimensions: Sequence[float],
        rotation: Sequence[float],
        coord_frame_id: str = "",
    ) -> None:
        """Add a cuboid: centre and size in metres, rotation as a quaternion x, y, z, w."""
        shape = Cuboid3D(tuple(position), tuple(dimensions), tuple(rotation), coord_frame_id)
        self._add_label(label_id, classification, shape)

    def add_label_2d_semseg(self, *, sensor_id: str, label_id: str, mask_url: str) -> None:
        """Add a mask: a grey PNG of the image's size, each pixel a class id."""
        self._add_label(label_id, "", Semseg2D(mask_url), sensor_id)

    def add_label_2d_polygon_list(
        self,
        *,
        sensor_id: str,
        label_id: str,
        classification: str,
        polygons: Sequence[Mapping[str, Sequence[Sequence[float]]]],
        center: Sequence[float] | None = None,
    ) -> None:
        """Add an instance as polygons `{"vertices": [(x, y), …]}`, in absolute pixels."""
        if invalid := [polygon for polygon in polygons if "vertices" not in polygon]:
            raise InvalidArgument.of(
                "polygons", f'label {label_id!r} has {invalid[0]!r} without "vertices"'
            )
        outlines = tuple(tuple(map(tuple, polygon["vertices"])) for polygon in polygons)
        shape = Polygons2D(outlines, None if center is None else tuple(center))
        self._add_label(label_id, classification, shape, sensor_id)

    def add_frame_embedding(self, *, embedding: ArrayLike) -> None:
        """Set the vector of the whole frame, `(dimension,)`."""
        self._add_vector("", embedding)

    def add_crop_embedding(self, *, label_id: str, embedding: ArrayLike) -> None:
        """Set the vector of a crop, `(dimension,)`: the part of the frame with that label."""
        self._add_vector(label_id, embedding)

    def frame(self) -> Frame:
        """The frame that was built."""
        return Frame(
            id=self.frame_id,
            capture_time=self._time,
            device=self._device,
            sensors=tuple(self._sensors),
            labels=tuple(self._labels),
            metadata={key: as_python(value) for key, value in self._metadata.items()},
        )

    @property
    def embedded(self) -> bool:
        """Whether it has a vector of itself or of a crop."""
        return bool(self._vectors)

    def vectors(self) -> tuple[NDArray[np.float32], list[str]]:
        """The vectors `(rows, dimension)`, and the label id of each one's crop, "" for the frame.

        Raises InvalidArgument for a frame without vectors, with vectors of several dimensions, or
        with a crop whose label does not exist.
        """
        frame = f"frame {self.frame_id!r}"
        if not self._vectors:
            raise InvalidArgument.of("embedding", f"{frame} has none; add_frame_embedding sets it")
        if len({len(vector) for _, vector in self._vectors}) > 1:
            raise InvalidArgument.of("embedding", f"{frame} has vectors of several dimensions")
        unknown = {label_id for label_id, _ in self._vectors} - {"", *(x.id for x in self._labels)}
        if unknown:
            raise InvalidArgument.of("label_id", f"{frame} has no label {min(unknown)!r}")
        return np.stack([v for _, v in self._vectors]), [label_id for label_id, _ in self._vectors]

    def _add_sensor(
        self,
        sensor_id: str,
        url: str,
        media_type: MediaType,
        date_captured: Time | None,
        size: tuple[int, int],
    ) -> None:
        self._sensors.append(
            SensorData(
                sensor_id=sensor_id,
                url=url,
                media_type=media_type,
                capture_time=_time("date_captured", date_captured),
                width=size[0],
                height=size[1],
            )
        )

    def _add_label(self, label_id: str, class_name: str, shape: Shape, sensor_id: str = "") -> None:
        label = Label(id=label_id, class_name=class_name, shape=shape, sensor_id=sensor_id)
        self._labels.append(label)

    def _add_vector(self, label_id: str, embedding: Any) -> None:
        try:
            # Values out of float32's range become infinity, which is rejected during sampling.
            with np.errstate(over="ignore"):
                vector = np.asarray(embedding).astype(np.float32, casting="same_kind")
        except (TypeError, ValueError):
            problem = f"of frame {self.frame_id!r} is not an array of real numbers"
            raise InvalidArgument.of("embedding", problem) from None
        if vector.ndim != 1:
            raise InvalidArgument.of(
                "embedding", f"of frame {self.frame_id!r} has {vector.ndim} axes, not one"
            )
        self._vectors = [(crop_id, v) for crop_id, v in self._vectors if crop_id != label_id]
        self._vectors.append((label_id, vector))


def _time(field: str, value: Time | None) -> datetime | None:
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            problem = f"{value!r} is not an ISO 8601 time such as 2026-01-31T12:00:00+00:00"
            raise InvalidArgument.of(field, problem) from None
    return value
