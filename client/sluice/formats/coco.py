"""COCO's annotation files: boxes and their classes, image by image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sluice.errors import InvalidArgument
from sluice.formats.json_items import json_arrays
from sluice.formats.rows import IMAGE_SENSOR
from sluice.frames import Frame
from sluice.labels import Box2D, Label
from sluice.sensors import SensorData

IMAGES_MAX: Final = 1_000_000
LABELS_MAX: Final = 2_000_000
"""What is held at once: 400 bytes each. COCO's own largest file has 118,287 and 860,001."""

_Id = int | str


def read_coco(path: Path, *, frame_id: str = "file_name") -> Iterator[Frame]:
    """The images of a COCO file as frames with 2D boxes, in the file's order.

    `frame_id` is the field of an image that is its frame's id; a number is written out. Crowds
    (`iscrowd`) are not single objects and are left out, as are segmentations. The file is read item
    by item: what is held is a row for each image and box, whatever else the file has. Raises
    InvalidArgument naming file, item and field where something is wrong.
    """
    file = _File(str(path), frame_id)
    missing = set(file.parts)
    for part, items in json_arrays(path):
        if add := file.parts.get(part):
            missing.discard(part)
            for index, item in enumerate(items):
                place = f"{path}: {part}[{index}]"
                if not isinstance(item, dict):
                    raise _refused(place, f"{item!r:.32} is not an object")
                add(place, item)
    if missing:
        raise _refused(str(path), f"has no array {min(missing)!r}, as a COCO file has")
    yield from file.frames()


@dataclass(frozen=True, slots=True)
class _Box:
    """One annotation, until its category and image are known."""

    id: _Id
    image: _Id
    category: _Id
    box: Box2D


@dataclass(slots=True)
class _File:
    """What is known of a file so far: its parts come in any order."""

    path: str
    frame_id: str
    images: dict[_Id, tuple[str, str, int, int]] = field(default_factory=dict)
    categories: dict[_Id, str] = field(default_factory=dict)
    boxes: list[_Box] = field(default_factory=list)
    frame_ids: set[str] = field(default_factory=set)

    @property
    def parts(self) -> dict[str, Any]:
        """What takes an item of each part."""
        return {
            "images": self.add_image,
            "categories": self.add_category,
            "annotations": self.add_annotation,
        }

    def add_image(self, place: str, item: dict[str, Any]) -> None:
        """Take an image."""
        image = _id(place, "id", item)
        if image in self.images:
            raise _refused(f"{place}.id", f"duplicate {image!r}")
        if len(self.images) == IMAGES_MAX:
            raise _refused(place, f"is one image more than the {IMAGES_MAX:,} that are accepted")
        name = str(_id(place, self.frame_id, item))
        if name in self.frame_ids:
            raise _refused(f"{place}.{self.frame_id}", f"duplicate {name!r}")
        self.frame_ids.add(name)
        url = item.get("file_name")
        sizes = (_size(place, "width", item), _size(place, "height", item))
        self.images[image] = (name, url if isinstance(url, str) else "", *sizes)

    def add_category(self, place: str, item: dict[str, Any]) -> None:
        """Take a category."""
        category, name = _id(place, "id", item), item.get("name")
        if category in self.categories:
            raise _refused(f"{place}.id", f"duplicate {category!r}")
        if not isinstance(name, str) or not name:
            raise _refused(f"{place}.name", f"{name!r:.32} is not a class name")
        self.categories[category] = name

    def add_annotation(self, place: str, item: dict[str, Any]) -> None:
        """Take an annotation, unless it is a crowd."""
        if item.get("iscrowd"):
            return
        if len(self.boxes) == LABELS_MAX:
            raise _refused(place, f"is one label more than the {LABELS_MAX:,} that are accepted")
        box = _Box(
            _id(place, "id", item),
            _id(place, "image_id", item),
            _id(place, "category_id", item),
            _box(place, item.get("bbox")),
        )
        self.boxes.append(box)

    def frames(self) -> Iterator[Frame]:
        """All images as frames."""
        boxes: dict[_Id, list[_Box]] = {image: [] for image in self.images}
        for box in self.boxes:
            place = f"{self.path}: annotation {box.id!r}"
            if box.image not in boxes:
                raise _refused(place, f"image_id: there is no image {box.image!r}")
            if box.category not in self.categories:
                raise _refused(place, f"category_id: there is no category {box.category!r}")
            boxes[box.image].append(box)
        self.boxes.clear()
        for image, (name, url, width, height) in self.images.items():
            sensor = SensorData(sensor_id=IMAGE_SENSOR, url=url or name, width=width, height=height)
            labels = tuple(map(self._label, boxes.pop(image)))
            yield Frame(id=name, sensors=(sensor,), labels=labels)

    def _label(self, box: _Box) -> Label:
        name = self.categories[box.category]
        return Label(id=str(box.id), class_name=name, shape=box.box, sensor_id=IMAGE_SENSOR)


def _id(place: str, name: str, item: dict[str, Any]) -> _Id:
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise _refused(f"{place}.{name}", f"{value!r:.32} is not an id (number or string)")
    return value


def _size(place: str, name: str, item: dict[str, Any]) -> int:
    value = item.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
        raise _refused(f"{place}.{name}", f"{value!r:.32} is not a number of pixels")
    return value


def _box(place: str, bbox: object) -> Box2D:
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_finite, bbox)):
        raise _refused(f"{place}.bbox", f"{bbox!r:.64} is not left, top, width and height")
    if bbox[2] <= 0 or bbox[3] <= 0:
        raise _refused(f"{place}.bbox", f"{bbox!r:.64} has a side that is not over 0")
    return Box2D(*map(float, bbox))


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**63 and math.isfinite(value)


def _refused(place: str, problem: str) -> InvalidArgument:
    return InvalidArgument.of("file", f"{place}: {problem}")
