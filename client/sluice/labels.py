"""Labels of frames, in one of six shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from sluice.checks import check_finite, check_positive, check_text, check_url
from sluice.errors import InvalidArgument
from sluice.v1 import frame_pb2

_QUATERNION_TOLERANCE = 1e-3


class TaskType(IntEnum):
    """The kind of labels in a dataset; numbered as in the API."""

    CLASSIFICATION_2D = 1
    CLASSIFICATION_3D = 2
    BOX_2D = 3
    CUBOID_3D = 4
    SEMSEG_2D = 5
    POLYGONS_2D = 6


_CROWD_TASKS = (TaskType.BOX_2D, TaskType.POLYGONS_2D)


@dataclass(frozen=True, slots=True)
class Classification2D:
    """The class of an image."""

    def check(self, field: str) -> None:
        """Accept every instance: it has no fields."""


@dataclass(frozen=True, slots=True)
class Classification3D:
    """The class of a scene; an empty coordinate frame stands for the world frame."""

    coordinate_frame: str = ""

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming an invalid field, by its path below `field`."""
        check_text(f"{field}.coordinate_frame", self.coordinate_frame, empty=True)


@dataclass(frozen=True, slots=True)
class Box2D:
    """An axis-aligned box in an image, in absolute pixels."""

    left: float
    top: float
    width: float
    height: float

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming an invalid field, by its path below `field`."""
        check_finite(f"{field}.left", self.left)
        check_finite(f"{field}.top", self.top)
        check_positive(f"{field}.width", self.width)
        check_positive(f"{field}.height", self.height)

    def clip(self, width: int, height: int) -> Box2D | None:
        """The part of the box inside an image of that size, in pixels; None if there is none."""
        left, inside_width = _clip_span(self.left, self.width, width)
        top, inside_height = _clip_span(self.top, self.height, height)
        if inside_width <= 0 or inside_height <= 0:
            return None
        return Box2D(left, top, inside_width, inside_height)

    def check_inside(self, field: str, width: int, height: int) -> None:
        """Reject a box that is not inside an image of that size, in pixels."""
        right, bottom = self.left + self.width, self.top + self.height
        if self.left < 0 or self.top < 0 or right > width or bottom > height:
            raise InvalidArgument.of(
                field,
                f"({self.left:g}, {self.top:g}) to ({right:g}, {bottom:g}) is not inside the "
                f"image of {width} × {height} pixels",
            )


def _clip_span(start: float, length: float, limit: int) -> tuple[float, float]:
    """Start and length of the part of a span within 0…limit."""
    end = min(start + length, limit)
    if start >= 0 and end < limit:
        return start, length
    start = max(start, 0.0)
    length = end - start
    while length > 0 and start + length > limit:  # by rounding
        length = math.nextafter(length, 0)
    return start, length


@dataclass(frozen=True, slots=True)
class Cuboid3D:
    """A box in space: centre and size in metres, rotation as a unit quaternion x, y, z, w."""

    position: tuple[float, ...]
    dimensions: tuple[float, ...]
    rotation: tuple[float, ...]
    coordinate_frame: str = ""

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming an invalid field, by its path below `field`."""
        for name, size in (("position", 3), ("dimensions", 3), ("rotation", 4)):
            numbers = getattr(self, name)
            if len(numbers) != size:
                raise InvalidArgument.of(f"{field}.{name}", f"has {len(numbers)} of {size} numbers")
            for number in numbers:
                (check_positive if name == "dimensions" else check_finite)(
                    f"{field}.{name}", number
                )
        length = math.hypot(*self.rotation)
        if abs(length - 1) > _QUATERNION_TOLERANCE:
            raise InvalidArgument.of(f"{field}.rotation", f"has length {length:g}, not 1")
        check_text(f"{field}.coordinate_frame", self.coordinate_frame, empty=True)


@dataclass(frozen=True, slots=True)
class Semseg2D:
    """A mask of classes: a grey PNG of the image's size, each pixel a class id."""

    mask_url: str

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming an invalid field, by its path below `field`."""
        check_url(f"{field}.mask_url", self.mask_url)


@dataclass(frozen=True, slots=True)
class Polygons2D:
    """One instance as polygons of (x, y) vertices, in absolute pixels; the centre may be None."""

    polygons: tuple[tuple[tuple[float, ...], ...], ...]
    center: tuple[float, ...] | None = None

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming an invalid field, by its path below `field`."""
        if not self.polygons:
            raise InvalidArgument.of(f"{field}.polygons", "is empty; at least one is needed")
        for index, polygon in enumerate(self.polygons):
            if len(polygon) < 3:
                raise InvalidArgument.of(
                    f"{field}.polygons[{index}]", f"has {len(polygon)} vertices; it needs three"
                )
            for vertex in polygon:
                _check_vertex(f"{field}.polygons[{index}]", vertex)
        if self.center is not None:
            _check_vertex(f"{field}.center", self.center)


def _check_vertex(field: str, vertex: Sequence[float]) -> None:
    if len(vertex) != 2:
        raise InvalidArgument.of(field, f"has {len(vertex)} coordinates, not x and y")
    for coordinate in vertex:
        check_finite(field, coordinate)


Shape = Classification2D | Classification3D | Box2D | Cuboid3D | Semseg2D | Polygons2D


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label of a frame; its id is unique in the frame and also identifies its crop.

    A `crowd` is a region with objects of the class that are not labelled one by one, as COCO's
    `iscrowd`: it is never missed, and predictions in it are neither right nor wrong.
    """

    id: str
    class_name: str
    shape: Shape
    sensor_id: str = ""
    crowd: bool = False

    @property
    def task_type(self) -> TaskType:
        """The task type of the label's shape."""
        return _TASK_OF[type(self.shape)]

    def check(self, field: str) -> None:
        """Raise InvalidArgument naming an invalid field, by its path below `field`."""
        check_text(f"{field}.id", self.id)
        check_text(f"{field}.sensor_id", self.sensor_id, empty=True)
        # A mask has a class per pixel, so the label itself has none.
        check_text(
            f"{field}.class_name", self.class_name, empty=self.task_type is TaskType.SEMSEG_2D
        )
        if self.crowd and self.task_type not in _CROWD_TASKS:
            problem = f"label {self.id!r} is {self.task_type.name.lower()}; only box_2d and "
            raise InvalidArgument.of(f"{field}.crowd", problem + "polygons_2d can be crowds")
        self.shape.check(f"{field}.{self.task_type.name.lower()}")

    def to_proto(self) -> frame_pb2.Label:
        """The label as a message."""
        message = frame_pb2.Label(
            id=self.id, sensor_id=self.sensor_id, class_name=self.class_name, crowd=self.crowd
        )
        shape = getattr(message, self.task_type.name.lower())
        shape.SetInParent()
        shape.MergeFrom(type(shape)(**_TO_PROTO[self.task_type](self.shape)))
        return message

    @classmethod
    def from_proto(cls, message: frame_pb2.Label, field: str) -> Label:
        """The label in a message; InvalidArgument for one without a shape."""
        case = message.WhichOneof("shape")
        if case is None:
            raise InvalidArgument.of(
                f"{field}.shape", f"label {message.id!r} has no shape; one must be set"
            )
        task = TaskType[case.upper()]
        return cls(
            id=message.id,
            class_name=message.class_name,
            sensor_id=message.sensor_id,
            crowd=message.crowd,
            shape=_FROM_PROTO[task](getattr(message, case)),
        )


_TASK_OF: Mapping[type[Shape], TaskType] = {
    Classification2D: TaskType.CLASSIFICATION_2D,
    Classification3D: TaskType.CLASSIFICATION_3D,
    Box2D: TaskType.BOX_2D,
    Cuboid3D: TaskType.CUBOID_3D,
    Semseg2D: TaskType.SEMSEG_2D,
    Polygons2D: TaskType.POLYGONS_2D,
}


def _fields(shape: Any) -> dict[str, Any]:
    return {name: getattr(shape, name) for name in shape.__slots__}


def _polygons_to_proto(shape: Polygons2D) -> dict[str, Any]:
    polygons = [
        frame_pb2.Polygons2D.Polygon(xy=[number for vertex in polygon for number in vertex])
        for polygon in shape.polygons
    ]
    return {"polygons": polygons, "center": shape.center or ()}


def _polygons_from_proto(message: Any) -> Polygons2D:
    return Polygons2D(
        tuple(_pair_up(polygon.xy) for polygon in message.polygons),
        tuple(message.center) or None,
    )


def _pair_up(xy: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    """Split coordinates into vertices; `check` rejects the single one at an odd end."""
    return tuple(tuple(xy[start : start + 2]) for start in range(0, len(xy), 2))


_TO_PROTO: Mapping[TaskType, Callable[[Any], dict[str, Any]]] = {
    **dict.fromkeys(TaskType, _fields),
    TaskType.POLYGONS_2D: _polygons_to_proto,
}

_FROM_PROTO: Mapping[TaskType, Callable[[Any], Shape]] = {
    TaskType.CLASSIFICATION_2D: lambda message: Classification2D(),
    TaskType.CLASSIFICATION_3D: lambda message: Classification3D(message.coordinate_frame),
    TaskType.BOX_2D: lambda message: Box2D(
        message.left, message.top, message.width, message.height
    ),
    TaskType.CUBOID_3D: lambda message: Cuboid3D(
        tuple(message.position),
        tuple(message.dimensions),
        tuple(message.rotation),
        message.coordinate_frame,
    ),
    TaskType.SEMSEG_2D: lambda message: Semseg2D(message.mask_url),
    TaskType.POLYGONS_2D: _polygons_from_proto,
}
