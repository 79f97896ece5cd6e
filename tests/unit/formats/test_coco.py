"""COCO annotation files become frames."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from sluice.errors import InvalidArgument
from sluice.formats import coco
from sluice.formats.coco import read_coco
from sluice.frames import Frame
from sluice.labels import Box2D, Label
from sluice.sensors import SensorData

FILE: dict[str, Any] = {
    "info": {"year": 2026},
    "images": [
        {"id": 7, "file_name": "b.png", "width": 640, "height": 480, "license": 1},
        {"id": 3, "file_name": "a.png"},
    ],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 2, "bbox": [1, 2.5, 30, 40], "area": 9},
        {"id": 2, "image_id": 7, "category_id": 1, "bbox": [5, 6, 7, 8], "iscrowd": 0},
        {"id": 3, "image_id": 3, "category_id": 1, "bbox": [0, 9, 80, 70], "iscrowd": 1},
    ],
    "categories": [{"id": 1, "name": "car"}, {"id": 2, "name": "van"}],
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Write a COCO file."""

    def write(content: dict[str, Any]) -> Path:
        path = tmp_path / "coco.json"
        path.write_text(json.dumps(content))
        return path

    return write


def label(label_id: str, class_name: str, *box: float, crowd: bool = False) -> Label:
    """A box of the image."""
    shape = Box2D(*box)
    return Label(id=label_id, class_name=class_name, shape=shape, sensor_id="image", crowd=crowd)


@pytest.mark.parametrize("order", [list(FILE), list(FILE)[::-1]])
def test_images_become_frames(write: Callable[[dict[str, Any]], Path], order: list[str]) -> None:
    """Frames come in file order with sizes, boxes and crowds; parts may be in any order."""
    frames = list(read_coco(write({key: FILE[key] for key in order})))

    sensor = SensorData(sensor_id="image", url="b.png", width=640, height=480)
    labels = (label("b.png#1", "van", 1, 2.5, 30, 40), label("b.png#2", "car", 5, 6, 7, 8))
    first = Frame(id="b.png", sensors=(sensor,), labels=labels)
    second = Frame(
        id="a.png",
        sensors=(SensorData(sensor_id="image", url="a.png"),),
        labels=(label("a.png#3", "car", 0, 9, 80, 70, crowd=True),),
    )
    assert [first, second] == frames
    for frame in frames:
        frame.check()


def test_another_field_can_be_the_frames_id(write: Callable[[dict[str, Any]], Path]) -> None:
    """`frame_id` chooses the field; a number becomes text."""
    assert ["7", "3"] == [frame.id for frame in read_coco(write(FILE), frame_id="id")]


@pytest.mark.parametrize(
    ("part", "index", "change", "message"),
    [
        ("images", 1, {"id": 7}, "images[1].id: duplicate 7"),
        ("images", 1, {"id": None}, "images[1].id: None is not an id"),
        ("images", 1, {"id": True}, "images[1].id: True is not an id"),
        ("images", 1, {"file_name": "b.png"}, "images[1].file_name: duplicate 'b.png'"),
        ("images", 1, {"file_name": ""}, "images[1].file_name: '' is not an id"),
        ("images", 0, {"width": -1}, "images[0].width: -1 is not a number of pixels"),
        ("images", 0, {"height": 1.5}, "images[0].height: 1.5 is not a number of pixels"),
        ("categories", 1, {"id": 1}, "categories[1].id: duplicate 1"),
        ("categories", 1, {"name": 5}, "categories[1].name: 5 is not a class name"),
        ("annotations", 1, {"image_id": 8}, "annotation 2: image_id: image 8 does not exist"),
        (
            "annotations",
            1,
            {"category_id": 9},
            "annotation 2: category_id: category 9 does not exist",
        ),
        ("annotations", 1, {"bbox": None}, "annotations[1].bbox: None is not left, top"),
        ("annotations", 1, {"bbox": [1, 2, 3]}, "annotations[1].bbox: [1, 2, 3] is not left, top"),
        ("annotations", 1, {"bbox": [1, 2, 3, "4"]}, "annotations[1].bbox: [1, 2, 3, '4'] is not"),
        (
            "annotations",
            1,
            {"bbox": [1, 2, 3, 1e999]},
            "bbox: [1, 2, 3, inf] is not",
        ),
        ("annotations", 1, {"iscrowd": "no"}, "annotations[1].iscrowd: 'no' is not 0 or 1"),
        ("annotations", 1, {"bbox": [1, 2, -1, 4]}, "[1, 2, -1, 4]: width and height must not be"),
        ("annotations", 1, {"id": 1}, "annotation 1.id: duplicate in image 'b.png'"),
    ],
)
def test_errors_name_the_item_and_field(
    write: Callable[[dict[str, Any]], Path],
    part: str,
    index: int,
    change: dict[str, Any],
    message: str,
) -> None:
    """An error names the file, the item, the field and its value."""
    content = deepcopy(FILE)
    content[part][index] |= change
    path = write(content)

    with pytest.raises(InvalidArgument) as raised:
        list(read_coco(path))

    assert message in raised.value.message
    assert str(path) in raised.value.message


def test_boxes_are_clipped_to_their_image(write: Callable[[dict[str, Any]], Path]) -> None:
    """A box that leaves its image is cut, and named unless it is by rounding alone."""
    boxes = [(7, [600.31, 10, 39.7, 40]), (7, [-4, 470, 39, 40]), (3, [-4, 470, 39, 40])]
    annotations = [
        {"id": n, "image_id": image, "category_id": 1, "bbox": box}
        for n, (image, box) in enumerate(boxes)
    ]
    reasons: list[str] = []
    path = write(FILE | {"annotations": annotations})
    frames = list(read_coco(path, on_clip=reasons.append))
    for frame in frames:
        frame.check()
    [rounded, cut], [other] = [[label.shape for label in frame.labels] for frame in frames]

    assert isinstance(rounded, Box2D)
    assert pytest.approx(39.69) == rounded.width
    assert [Box2D(0, 470, 35, 10), Box2D(-4, 470, 39, 40)] == [cut, other]
    place = f"{path}: annotation 1 of image 'b.png': box -4, 470, 39, 40"
    assert [f"{place} leaves the image of 640 × 480 pixels"] == reasons


def test_boxes_without_area_are_skipped_by_name(write: Callable[[dict[str, Any]], Path]) -> None:
    """A box of height 0 and one outside its image are left out, each with a reason."""
    boxes = [[1, 2, 3, 0], [640, 0, 5, 5], [1, 2, 3, 4]]
    annotations = [
        {"id": n, "image_id": 7, "category_id": 1, "bbox": box} for n, box in enumerate(boxes)
    ]
    reasons: list[str] = []
    first, _ = read_coco(write(FILE | {"annotations": annotations}), on_skip=reasons.append)

    assert (label("b.png#2", "car", 1, 2, 3, 4),) == first.labels
    assert [
        "annotation 0 of image 'b.png': box 1, 2, 3, 0 has no area in the image",
        "annotation 1 of image 'b.png': box 640, 0, 5, 5 has no area in the image",
    ] == [reason.partition(": ")[2] for reason in reasons]


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(None, None, (0, 0)), (640.0, 480.0, (640, 480)), (0, 0, (0, 0))],
)
def test_sizes_of_other_tools(
    write: Callable[[dict[str, Any]], Path], width: Any, height: Any, size: tuple[int, int]
) -> None:
    """A size may be null, as unknown, or have a decimal point."""
    content = deepcopy(FILE)
    content["images"][0] |= {"width": width, "height": height}
    first, _ = read_coco(write(content))

    assert size == (first.sensors[0].width, first.sensors[0].height)


@pytest.mark.parametrize(
    ("value", "crowd"),
    [("0", False), ("1", True), ("", False), (None, False), (0.0, False), (True, True)],
)
def test_crowds_of_other_tools(
    write: Callable[[dict[str, Any]], Path], value: Any, crowd: bool
) -> None:
    """`iscrowd` may be text, null or a boolean."""
    content = deepcopy(FILE)
    content["annotations"][0] |= {"iscrowd": value}
    first, _ = read_coco(write(content))

    assert crowd == first.labels[0].crowd


def test_ids_with_a_decimal_point(write: Callable[[dict[str, Any]], Path]) -> None:
    """Ids that a tool has written as 7.0 are those that another has written as 7."""
    content = deepcopy(FILE)
    content["annotations"][0] |= {"id": 1.0, "image_id": 7.0, "category_id": 2.0}

    assert list(read_coco(write(FILE))) == list(read_coco(write(content)))


@pytest.mark.parametrize(
    ("part", "change", "place"),
    [
        ("images", {"file_name": "\ud800"}, "images[0].file_name"),
        ("images", {"file_name": "x" * 5_000}, "images[0].file_name"),
        ("annotations", {"id": "\ud800"}, "annotations[0].id"),
        ("categories", {"name": "\ud800"}, "image 'b.png'.labels[1].class_name"),
    ],
)
def test_texts_that_cannot_be_stored(
    write: Callable[[dict[str, Any]], Path], part: str, change: dict[str, Any], place: str
) -> None:
    """A text that is too long or cannot be encoded is refused with its place."""
    content = deepcopy(FILE)
    content[part][0] |= change
    with pytest.raises(InvalidArgument, match=re.escape(place)):
        list(read_coco(write(content)))


@pytest.mark.parametrize("part", ["images", "annotations", "categories"])
def test_a_missing_part_is_rejected(write: Callable[[dict[str, Any]], Path], part: str) -> None:
    """An empty list is valid; a missing one means that the file is not a COCO file."""
    with pytest.raises(InvalidArgument, match=f"has no array '{part}'"):
        list(read_coco(write({key: value for key, value in FILE.items() if key != part})))

    assert 2 == len(list(read_coco(write(FILE | {"annotations": []}))))


def test_items_must_be_objects(write: Callable[[dict[str, Any]], Path]) -> None:
    """An item that is not an object is rejected."""
    with pytest.raises(InvalidArgument, match=r"images\[0\]: 5 is not an object"):
        list(read_coco(write(FILE | {"images": [5]})))


@pytest.mark.parametrize(
    ("limit", "part"), [("IMAGES_MAX", "images"), ("LABELS_MAX", "annotations")]
)
def test_items_over_the_limit_are_rejected(
    write: Callable[[dict[str, Any]], Path],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    part: str,
) -> None:
    """The first image or label over the limit is rejected."""
    monkeypatch.setattr(coco, limit, 1)

    with pytest.raises(InvalidArgument, match=rf"{part}\[1\]: is over the limit of 1"):
        list(read_coco(write(FILE)))
