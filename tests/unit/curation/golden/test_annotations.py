"""The annotations of one round."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.golden.annotations import (
    LABELS_PER_IMAGE_MAX,
    AnnotatedImage,
    Annotations,
    count_classes,
    pair_images,
)
from sluice.errors import DataLoss, InvalidArgument
from sluice.frames import Frame
from sluice.labels import Box2D, Label, Semseg2D
from sluice.sensors import SensorData
from tests.unit.curation.golden.rounds import CLASSES, box, image, image_class, round_of


@given(st.permutations(range(6)), st.permutations(["car", "van", "tram", "car"]))
def test_order_and_label_ids_mean_nothing(order: list[int], names: list[str]) -> None:
    """The same labels in any order, under any ids, are the same round."""
    images = [
        image(f"i{index}", *(replace(box(name, left=ord(name[0])), id=f"{index}{name}"),))
        for index, name in enumerate([*CLASSES, *CLASSES])
    ]
    scene = [box(name) for name in names]

    shuffled = Annotations.of([*(images[index] for index in order), image("scene", *scene)])

    plain = Annotations.of([*images, image("scene", *sorted(scene, key=lambda x: x.class_name))])
    assert plain.digest() == shuffled.digest()
    assert [x.id for x in plain.images] == [x.id for x in shuffled.images]


@pytest.mark.parametrize(
    "other",
    [
        image("i", box("van")),
        image("i", box("car", side=11)),
        image("j", box("car")),
        image("i"),
        AnnotatedImage(id="i", labels=(box("car"),)),
    ],
)
def test_another_content_has_another_digest(other: AnnotatedImage) -> None:
    """A class, a pixel, an image's id or size, or a label more: each is another round."""
    plain = Annotations.of([image("i", box("car"))])

    assert plain.digest() != Annotations.of([other]).digest()


@pytest.mark.parametrize(
    ("images", "field", "said"),
    [
        ([image("")], "images[0].id", "is empty"),
        ([image("i"), image("i")], "images[1].id", "'i' stands twice"),
        ([image("i", box(""))], "images[0].labels[0].class_name", "is empty"),
        ([image("i", box("car", side=-1))], "images[0].labels[0].box_2d.width", "-1 is not over 0"),
        ([image("i", box("car", left=1_000))], "images[0].labels[0].box_2d", "outside image 'i'"),
        ([image("i", box("car", left=-10))], "images[0].labels[0].box_2d", "outside image 'i'"),
        ([image("i", box("car", top=-10))], "images[0].labels[0].box_2d", "outside image 'i'"),
        ([image("i", box("car", top=1_000))], "images[0].labels[0].box_2d", "outside image 'i'"),
        ([image("i", box("car", side=1e-9))], "images[0].labels[0].box_2d", "side under 1e-06"),
        ([image("i", box("car", side=1e99))], "images[0].labels[0].box_2d", "reaches 1e+99"),
        (
            [image("i", image_class("car"), image_class("van"))],
            "images[0].labels[0].shape",
            "'i' has 2 labels; a class can only be alone",
        ),
        ([image("i", image_class("car")), image("j", box("car"))], "images", "'j' a box_2d"),
        (
            [image("i", Label(id="l", class_name="", shape=Semseg2D("u")))],
            "images[0].labels[0].class_name",
            "is empty",
        ),
        (
            [image("i", Label(id="l", class_name="road", shape=Semseg2D("u")))],
            "images[0].labels[0].shape",
            "semseg_2d cannot be compared",
        ),
        (
            [image("i", *[box("car")] * (LABELS_PER_IMAGE_MAX + 1))],
            "images[0].labels",
            "image 'i' has 2001; at most 2,000",
        ),
    ],
)
def test_what_is_wrong_is_named(images: list[AnnotatedImage], field: str, said: str) -> None:
    """The error says where the value stands, and what it is."""
    with pytest.raises(InvalidArgument) as refused:
        Annotations.of(images)

    assert [field] == [violation.field for violation in refused.value.fields]
    assert said in refused.value.message


def test_a_box_may_jut_out_of_its_image() -> None:
    """Annotators draw over the edge, and many an image's size is not known."""
    jutting = [image("i", box("car", left=995)), AnnotatedImage(id="j", labels=(box("car", 9e5),))]

    assert 2 == len(Annotations.of(jutting).images)


def frame(*sensors: str) -> Frame:
    """A frame with one sensor and one box for each name."""
    return Frame(
        id="f",
        sensors=tuple(
            SensorData(sensor_id=name, url="u", width=40 + index, height=30)
            for index, name in enumerate(sensors)
        ),
        labels=tuple(
            Label(id=name, class_name=name, shape=Box2D(1, 2, 3, 4), sensor_id=name)
            for name in sensors
        ),
    )


def test_a_frame_is_the_image_of_its_sensor() -> None:
    """Its labels and its size are those of the sensor that is asked for, or the only one."""
    right = AnnotatedImage.of_frame(frame("left", "right"), "right")
    only = AnnotatedImage.of_frame(frame("left"))

    assert ("f", 41, 30, ["right"]) == (
        right.id, right.width, right.height, [x.class_name for x in right.labels]
    )  # fmt: skip
    assert (40, ["left"]) == (only.width, [x.class_name for x in only.labels])


def test_a_frame_of_several_sensors_must_say_which() -> None:
    """Boxes of two cameras are never thrown together."""
    with pytest.raises(InvalidArgument, match="frame 'f' has labels of left, right"):
        Annotations.of_frames([frame("left", "right")])


def test_only_images_of_both_rounds_are_compared() -> None:
    """What was not annotated again is named; what is no part of the golden set is passed over."""
    reference = Annotations.of([image("a"), image("b")])

    pairs, missing = pair_images(reference, Annotations.of([image("b", box("car")), image("c")]))

    assert [("b", "b")] == [(first.id, second.id) for first, second in pairs]
    assert ("a",) == missing


def test_only_classes_of_the_map_are_counted() -> None:
    """A count for each image and class, and none for other classes."""
    annotations = round_of(("car", "bus", "car"), (), ("tram",))

    assert [[2, 0, 0], [0, 0, 0], [0, 0, 1]] == count_classes(annotations.images, CLASSES).tolist()


def test_rounds_of_different_kinds_are_not_compared() -> None:
    """A class of an image is no box, and says nothing about one."""
    boxes = Annotations.of([image("i", box("car"))])
    classes = Annotations.of([image("j", image_class("car"))])

    with pytest.raises(InvalidArgument, match="current: 'i' has a box_2d and 'j' a classif"):
        pair_images(boxes, classes)


@pytest.mark.parametrize("label", [box("car", left=2), image_class("car")], ids=["box", "class"])
def test_what_was_stored_is_read_again(label: Label) -> None:
    """All but label ids, so that the digest stays."""
    said = Annotations.of([image("b", label), AnnotatedImage(id="a")])
    stored = Annotations.from_bytes(said.to_bytes())

    assert said.digest() == stored.digest()
    assert [(), (replace(label, id=""),)] == [image.labels for image in stored.images]


def test_what_is_no_round_is_data_loss() -> None:
    """A file of another kind is not taken for annotations."""
    with pytest.raises(DataLoss):
        Annotations.from_bytes(b"[]")
