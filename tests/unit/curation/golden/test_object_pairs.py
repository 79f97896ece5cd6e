"""The objects of two rounds, paired image by image."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.curation.golden.annotations import AnnotatedImage
from services.curation.golden.object_pairs import pair_objects
from sluice.errors import InvalidArgument
from tests.unit.curation.golden.annotated_rounds import CLASSES, box, image, image_class, round_of


def test_objects_are_counted_by_image_and_class() -> None:
    """Other classes do not count, and an image without objects has a row of zeros."""
    annotated = round_of(("car", "bus", "car"), (), ("tram",)).images
    objects = pair_objects([(x, image(x.id, box("van"))) for x in annotated], CLASSES)

    assert [[2, 0, 0], [0, 0, 0], [0, 0, 1]] == objects.count_reference().tolist()
    assert [[0, 1, 0]] * 3 == objects.count_current().tolist()


def test_crowds_and_what_is_in_them_do_not_count() -> None:
    """Cars that one round lumps together and the other draws one by one do not drift."""
    crowd = replace(box("car", side=100), crowd=True)
    drawn = image("i", box("car", left=200), box("car"), box("car", left=50))
    lumped = image("i", box("car", left=200), crowd)

    objects = pair_objects([(lumped, drawn), (lumped, lumped)], CLASSES)

    assert [[1, 0, 0], [1, 0, 0]] == objects.count_reference().tolist()
    assert [[1, 0, 0], [1, 0, 0]] == objects.count_current().tolist()


@pytest.mark.parametrize(
    ("side", "sizes"),
    [(31.9, ["small"]), (32, ["small", "medium"]), (33, ["medium"]), (97, ["large"])],
)
def test_sizes_are_those_of_coco(side: float, sizes: list[str]) -> None:
    """An area of 32² is small and medium, as in pycocotools."""
    same = image("i", box("car", side=side))

    measured = pair_objects([(same, same)], CLASSES).recall_by_size

    assert sizes == [name for name, share in measured.items() if share.total]


def test_an_object_of_another_size_is_no_miss() -> None:
    """A large object that a medium box covers is found as large, and no medium one is missed."""
    pair = (image("i", box("car", side=100)), image("i", box("car", side=90)))

    measured = pair_objects([pair], CLASSES).recall_by_size

    totals = {name: (share.count, share.total) for name, share in measured.items()}
    assert {"small": (0, 0), "medium": (0, 0), "large": (1, 1)} == totals


def test_classes_of_images_have_neither_iou_nor_size() -> None:
    """The class of an image is one object."""
    objects = pair_objects([(image("i", image_class("car")), image("i"))], CLASSES)

    assert ([[1, 0, 0]], {}) == (objects.count_reference().tolist(), objects.recall_by_size)


@pytest.mark.parametrize(
    ("classes", "message"),
    [((), "empty; the dataset"), (("car", "van", "car"), "duplicate class 'car'")],
)
def test_a_bad_class_map_is_refused(classes: tuple[str, ...], message: str) -> None:
    """An empty class map and a duplicate class are refused."""
    pairs: list[tuple[AnnotatedImage, AnnotatedImage]] = []
    with pytest.raises(InvalidArgument, match=message):
        pair_objects(pairs, classes)
