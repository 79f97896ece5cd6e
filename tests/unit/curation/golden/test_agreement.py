"""The agreement of two rounds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.curation.golden.agreement import Agreement, Confusion, measure_agreement
from services.curation.golden.annotations import AnnotatedImage
from services.curation.golden.object_pairs import pair_objects
from services.curation.intervals import Share
from sluice.labels import Box2D, Label
from tests.unit.curation.golden.annotated_rounds import CLASSES, box, image, image_class

# One car found, one taken for a van, one tram missed; two vans that are not there; buses besides.
REFERENCE = image(
    "i", box("car", 0), box("car", 100, side=50), box("tram", 300, side=100), box("bus", 500)
)
CURRENT = image(
    "i",
    box("car", 0),
    box("van", 100, side=50),
    *(box("van", 700), box("van", 800)),
    *(box("bus", 500), box("bus", 900)),
)


def as_pair(share: Share) -> tuple[int, int]:
    """A share as count and total."""
    return share.count, share.total


def measure(pairs: Sequence[tuple[AnnotatedImage, AnnotatedImage]]) -> Agreement:
    """The agreement of image pairs."""
    return measure_agreement(pair_objects(pairs, CLASSES))


@pytest.fixture
def agreement() -> Agreement:
    """The agreement on the image above, and on one that is empty in both rounds."""
    return measure([(REFERENCE, CURRENT), (image("j"), image("j"))])


def test_precision_and_recall_are_those_worked_by_hand(agreement: Agreement) -> None:
    """One of four current objects agrees, of the reference's three one agrees and two match."""
    assert (1, 4) == as_pair(agreement.precision)
    assert (1, 3) == as_pair(agreement.recall)
    assert (2, 3) == as_pair(agreement.located)


def test_classes_have_their_own(agreement: Agreement) -> None:
    """Precision is over the class in the current round, recall over it in the reference."""
    measured = {x.name: (as_pair(x.precision), as_pair(x.recall)) for x in agreement.classes}

    expected = {"car": ((1, 1), (1, 2)), "van": ((0, 3), (0, 0)), "tram": ((0, 0), (0, 1))}
    assert expected == measured


def test_sizes_are_those_of_coco(agreement: Agreement) -> None:
    """Of areas 100, 2,500 and 10,000 one is small and found, the others medium and large."""
    measured = {name: as_pair(share) for name, share in agreement.recall_by_size.items()}

    assert {"small": (1, 1), "medium": (0, 1), "large": (0, 1)} == measured


def test_confusion_counts_pairs_of_classes(agreement: Agreement) -> None:
    """An empty class stands for a missing object; objects that agree are left out."""
    expected = {("car", "van", 1), ("tram", "", 1), ("", "van", 2)}

    assert expected == {(x.reference, x.current, x.count) for x in agreement.confusion}


def test_the_most_frequent_confusion_is_first() -> None:
    """By count, largest first."""
    pairs = [
        (image("i", box("car")), image("i", box("van"))),
        (image("j", box("tram")), image("j", box("van"))),
        (image("k", box("tram")), image("k", box("van"))),
    ]

    measured = measure(pairs).confusion

    first = Confusion(reference="tram", current="van", count=2)
    assert (first, Confusion(reference="car", current="van", count=1)) == measured


def test_mean_iou_weighs_images_equally() -> None:
    """The mean of 1 and of (1/1.5 + 1)/2 = 5/6; images without a pair have none."""
    two = image("i", box("car"), box("car", 100, side=15)), image("i", box("car"), wide())
    pairs = [two, (image("j", box("car")), image("j", box("car"))), (image("k"), image("k"))]

    measured = measure(pairs)

    assert (1 + 5 / 6) / 2 == pytest.approx(measured.mean_iou)
    assert measured.mean_iou_interval is not None
    assert (5 / 6, 1) == pytest.approx(
        (measured.mean_iou_interval.low, measured.mean_iou_interval.high)
    )


def wide() -> Label:
    """A box of 15 × 10 within the one of 15 × 15: IoU 2/3."""
    return Label(id="w", class_name="car", shape=Box2D(100, 0, 15, 10))


def test_classes_of_images_are_compared_without_boxes() -> None:
    """The class of an image agrees or is confused, and has neither IoU nor size."""
    pairs = [
        (image("i", image_class("car")), image("i", image_class("car"))),
        (image("j", image_class("car")), image("j", image_class("van"))),
    ]

    measured = measure(pairs)

    assert (1, 2) == as_pair(measured.precision) == as_pair(measured.recall)
    assert (None, None, {}) == (
        measured.mean_iou,
        measured.mean_iou_interval,
        measured.recall_by_size,
    )
    assert (Confusion(reference="car", current="van", count=1),) == measured.confusion


def test_precision_is_recall_of_exchanged_rounds(agreement: Agreement) -> None:
    """Both rounds are treated alike."""
    turned = measure([(CURRENT, REFERENCE)])

    assert (agreement.precision, agreement.recall) == (turned.recall, turned.precision)
    assert {(x.current, x.reference) for x in agreement.confusion} == {
        (x.reference, x.current) for x in turned.confusion
    }
