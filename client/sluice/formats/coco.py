"""COCO annotation files: images with boxes and their classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sluice.checks import check_text
from sluice.errors import InvalidArgument
from sluice.formats.json_items import json_arrays
from sluice.formats.label_ids import scope_label_id
from sluice.formats.rows import IMAGE_SENSOR
from sluice.frames import Frame
from sluice.labels import Box2D, Label
from sluice.sensors import SensorData

IMAGES_MAX: Final = 1_000_000
LABELS_MAX: Final = 2_000_000
"""Limits on memory, at 400 bytes each. COCO's own largest file has 118,287 and 860,001."""

CLIPPED_PIXELS_MIN: Final = 1.0
"""A box that is cut by less leaves its image by rounding alone, which is not reported."""

_Id = int | str


def read_coco(
    path: Path,
    *,
    frame_id: str = "file_name",
    on_skip: Callable[[str], None] = lambda _problem: None,
    on_clip: Callable[[str], None] = lambda _problem: None,
) -> Iterator[Frame]:
    """The images of a COCO file as frames with 2D boxes, in the file's order.

    `frame_id` is the image field to use as frame id; a number becomes text. Label ids are
    `{frame id}#{annotation id}`: annotation ids are unique in one file only. Boxes are clipped to
    their image, and one without area is skipped; `on_clip` and `on_skip` are called with the file,
    the annotation and the image (`on_clip` from a pixel on). Crowds
    (`iscrowd`) are read as the box of their region; segmentations are skipped. The file is read
    item by item, so memory grows only with the numbers of images and boxes. Raises InvalidArgument
    for invalid data, naming file, item and field.
    """
    file = _CocoFile(str(path), frame_id, on_skip, on_clip)
    adders = file.adders
    missing = set(adders)
    for part, items in json_arrays(path):
        if add_item := adders.get(part):
            missing.discard(part)
            for index, item in enumerate(items):
                place = f"{path}: {part}[{index}]"
                if not isinstance(item, dict):
                    raise _file_error(place, f"{item!r:.32} is not an object")
                add_item(place, item)
    if missing:
        raise _file_error(str(path), f"has no array {min(missing)!r}, which a COCO file requires")
    yield from file.build_frames()


@dataclass(frozen=True, slots=True)
class _Box:
    """One annotation; its category and image may come later in the file."""

    id: _Id
    image: _Id
    category: _Id
    box: Box2D
    crowd: bool


@dataclass(slots=True)
class _CocoFile:
    """The parts of a file read so far; they come in any order."""

    path: str
    frame_id: str
    on_skip: Callable[[str], None]
    on_clip: Callable[[str], None]
    images: dict[_Id, tuple[str, str, int, int]] = field(default_factory=dict)
    categories: dict[_Id, str] = field(default_factory=dict)
    boxes: list[_Box] = field(default_factory=list)
    frame_ids: set[str] = field(default_factory=set)

    @property
    def adders(self) -> dict[str, Callable[[str, dict[str, Any]], None]]:
        """The method that adds an item, by the part of the file that it is in."""
        return {
            "images": self.add_image,
            "categories": self.add_category,
            "annotations": self.add_annotation,
        }

    def add_image(self, place: str, item: dict[str, Any]) -> None:
        """Add an image."""
        image = _read_id(place, "id", item)
        if image in self.images:
            raise _file_error(f"{place}.id", f"duplicate {image!r}")
        if len(self.images) == IMAGES_MAX:
            raise _file_error(place, f"is over the limit of {IMAGES_MAX:,} images")
        name = str(_read_id(place, self.frame_id, item))
        if name in self.frame_ids:
            raise _file_error(f"{place}.{self.frame_id}", f"duplicate {name!r}")
        self.frame_ids.add(name)
        file_name = item.get("file_name")
        sizes = (_read_size(place, "width", item), _read_size(place, "height", item))
        self.images[image] = (name, file_name if isinstance(file_name, str) else "", *sizes)

    def add_category(self, place: str, item: dict[str, Any]) -> None:
        """Add a category."""
        category, name = _read_id(place, "id", item), item.get("name")
        if category in self.categories:
            raise _file_error(f"{place}.id", f"duplicate {category!r}")
        if not isinstance(name, str) or not name:
            raise _file_error(f"{place}.name", f"{name!r:.32} is not a class name")
        self.categories[category] = name

    def add_annotation(self, place: str, item: dict[str, Any]) -> None:
        """Add an annotation."""
        if len(self.boxes) == LABELS_MAX:
            raise _file_error(place, f"is over the limit of {LABELS_MAX:,} labels")
        box = _Box(
            _read_id(place, "id", item),
            _read_id(place, "image_id", item),
            _read_id(place, "category_id", item),
            _read_box(place, item.get("bbox")),
            _read_crowd(place, item.get("iscrowd", 0)),
        )
        self.boxes.append(box)

    def build_frames(self) -> Iterator[Frame]:
        """Yield every image as a frame with its boxes."""
        boxes: dict[_Id, list[_Box]] = {image: [] for image in self.images}
        for box in self.boxes:
            place = f"{self.path}: annotation {box.id!r}"
            if box.image not in boxes:
                raise _file_error(place, f"image_id: image {box.image!r} does not exist")
            if box.category not in self.categories:
                raise _file_error(place, f"category_id: category {box.category!r} does not exist")
            boxes[box.image].append(box)
        self.boxes.clear()
        for image, (name, url, width, height) in self.images.items():
            sensor = SensorData(sensor_id=IMAGE_SENSOR, url=url or name, width=width, height=height)
            labels = {}
            for box in boxes.pop(image):
                if label := self._make_label(sensor, name, box):
                    if label.id in labels:
                        place = f"{self.path}: annotation {box.id!r}"
                        raise _file_error(f"{place}.id", f"duplicate in image {name!r}")
                    labels[label.id] = label
            frame = Frame(id=name, sensors=(sensor,), labels=tuple(labels.values()))
            frame.check(f"{self.path}: image {name!r}")
            yield frame

    def _make_label(self, sensor: SensorData, frame_id: str, box: _Box) -> Label | None:
        """The label of a box, clipped to its image; None for one without area."""
        shape: Box2D | None = box.box
        if shape and sensor.width and sensor.height:
            shape = shape.clip(sensor.width, sensor.height)
        if not shape or not shape.width or not shape.height:
            self.on_skip(f"{self._describe(frame_id, box)} has no area in the image")
            return None
        cut = max(box.box.width - shape.width, box.box.height - shape.height)
        if cut >= CLIPPED_PIXELS_MIN:
            size = f"{sensor.width} × {sensor.height}"
            self.on_clip(f"{self._describe(frame_id, box)} leaves the image of {size} pixels")
        label_id = scope_label_id(frame_id, str(box.id))
        name = self.categories[box.category]
        return Label(
            id=label_id,
            class_name=name,
            shape=shape,
            sensor_id=IMAGE_SENSOR,
            crowd=box.crowd,
        )

    def _describe(self, frame_id: str, box: _Box) -> str:
        numbers = f"{box.box.left:g}, {box.box.top:g}, {box.box.width:g}, {box.box.height:g}"
        return f"{self.path}: annotation {box.id!r} of image {frame_id!r}: box {numbers}"


def _read_id(place: str, name: str, item: dict[str, Any]) -> _Id:
    value = _to_integer(item.get(name))
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise _file_error(f"{place}.{name}", f"{value!r:.32} is not an id (number or string)")
    check_text(f"{place}.{name}", str(value))
    return value


def _read_size(place: str, name: str, item: dict[str, Any]) -> int:
    value = _to_integer(item.get(name))
    if value is None:  # unknown, as in a file without sizes
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
        raise _file_error(f"{place}.{name}", f"{value!r:.32} is not a number of pixels")
    return value


def _read_box(place: str, bbox: object) -> Box2D:
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_finite, bbox)):
        raise _file_error(f"{place}.bbox", f"{bbox!r:.64} is not left, top, width and height")
    if bbox[2] < 0 or bbox[3] < 0:
        raise _file_error(f"{place}.bbox", f"{bbox!r:.64}: width and height must not be negative")
    return Box2D(*map(float, bbox))


def _read_crowd(place: str, value: object) -> bool:
    # Some files write true and false, null, or texts.
    if value in (None, "", "0") or value == 0:
        return False
    if value in ("1", 1):
        return True
    raise _file_error(f"{place}.iscrowd", f"{value!r:.32} is not 0 or 1")


def _to_integer(value: object) -> object:
    """A whole number that was written with a decimal point, 640.0, as an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**63 and math.isfinite(value)


def _file_error(place: str, problem: str) -> InvalidArgument:
    return InvalidArgument.of("file", f"{place}: {problem}")
