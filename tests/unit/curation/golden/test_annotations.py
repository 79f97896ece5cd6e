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
    check_classes,
    pair_images,
)
from sluice.errors import DataLoss, InvalidArgument
from sluice.labels import Label, Semseg2D
from tests.unit.curation.golden.annotated_rounds import CLASSES, box, image, image_class

DIGEST = "71ccdb2683770e1b87b552c95d49b3043f30a62480ed8adf3c626547d7da0aca"


@given(st.permutations(range(6)), st.permutations(["car", "van", "tram", "car"]))
def test_order_and_label_ids_do_not_matter(order: list[int], names: list[str]) -> None:
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
        image("i", replace(box("car"), crowd=True)),
        image("j", box("car")),
        image("i"),
        AnnotatedImage(id="i", labels=(box("car"),)),
    ],
)
def test_different_content_has_a_different_digest(other: AnnotatedImage) -> None:
    """A different class, pixel, image id, image size or number of labels changes the digest."""
    plain = Annotations.of([image("i", box("car"))])

    assert plain.digest() != Annotations.of([other]).digest()


@pytest.mark.parametrize(
    ("images", "field", "message"),
    [
        ([image("")], "images[0].id", "is empty"),
        ([image("i"), image("i")], "images[1].id", "duplicate image 'i'"),
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
            "'i' has 2 labels; a class must be alone",
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
            [image("i", replace(image_class("car"), crowd=True))],
            "images[0].labels[0].crowd",
            "only boxes can be crowds",
        ),
        (
            [image("i", *[box("car")] * (LABELS_PER_IMAGE_MAX + 1))],
            "images[0].labels",
            "image 'i' has 2001; at most 2,000",
        ),
    ],
)
def test_an_invalid_value_is_named(images: list[AnnotatedImage], field: str, message: str) -> None:
    """The error has the field and the value."""
    with pytest.raises(InvalidArgument) as error:
        Annotations.of(images)

    assert [field] == [violation.field for violation in error.value.fields]
    assert message in error.value.message


def test_a_box_may_cross_the_edge_of_its_image() -> None:
    """Annotators draw over the edge, and the size of an image may be unknown."""
    jutting = [image("i", box("car", left=995)), AnnotatedImage(id="j", labels=(box("car", 9e5),))]

    assert 2 == len(Annotations.of(jutting).images)


def test_only_images_of_both_rounds_are_compared() -> None:
    """Missing golden images are listed; images outside the golden set are ignored."""
    reference = Annotations.of([image("a"), image("b")])

    pairs, missing = pair_images(reference, Annotations.of([image("b", box("car")), image("c")]))

    assert [("b", "b")] == [(first.id, second.id) for first, second in pairs]
    assert ("a",) == missing


def test_rounds_of_different_kinds_are_not_compared() -> None:
    """The class of an image cannot be compared with a box."""
    boxes = Annotations.of([image("i", box("car"))])
    classes = Annotations.of([image("j", image_class("car"))])

    with pytest.raises(InvalidArgument, match="current: image 'i' has a box_2d and 'j' a classif"):
        pair_images(boxes, classes)


@pytest.mark.parametrize(
    "label",
    [box("car", left=2), replace(box("car"), crowd=True), image_class("car")],
    ids=["box", "crowd", "class"],
)
def test_stored_annotations_are_read_again(label: Label) -> None:
    """All but label ids is kept, so the digest stays the same."""
    message = Annotations.of([image("b", label), AnnotatedImage(id="a")])
    stored = Annotations.from_bytes(message.to_bytes())

    assert message.digest() == stored.digest()
    assert [(), (replace(label, id=""),)] == [image.labels for image in stored.images]


def test_rounds_without_crowds_keep_their_digest() -> None:
    """Golden sets from before there were crowds are still the same when they are sent again."""
    digest = Annotations.of([image("i", box("car", left=2)), image("j")]).digest().hex()

    assert DIGEST == digest


def test_malformed_annotations_are_data_loss() -> None:
    """A file of another kind is not read as annotations."""
    with pytest.raises(DataLoss):
        Annotations.from_bytes(b"[]")


def test_masks_are_refused() -> None:
    """Masks cannot be compared, and the error names what can."""
    label = Label(id="l", class_name="road", shape=Semseg2D("u"))
    with pytest.raises(InvalidArgument, match="box_2d and classification_2d can"):
        Annotations.of([image("i", label)])


@pytest.mark.parametrize("classes", [(), ("car", "car")])
def test_a_class_map_without_unique_classes_is_refused(classes: tuple[str, ...]) -> None:
    """Without classes nothing could be counted, and objects of duplicates would count twice."""
    with pytest.raises(InvalidArgument, match="classes"):
        check_classes(classes)
