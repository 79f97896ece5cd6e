"""What is recorded of a round."""

from __future__ import annotations

from services.curation.golden.summary import summarise
from tests.unit.curation.golden.rounds import CLASSES, round_of


def test_the_summary_is_worked_by_hand() -> None:
    """Images, those with labels, detections and class counts; other classes stand apart."""
    found = summarise(
        round_of(("car", "van", "car"), (), ("bus",), ("van", "bus", "axle")), CLASSES
    )

    assert (4, 2, 4) == (found.images, found.images_with_labels, found.detections)
    assert {"car": 2, "van": 2, "tram": 0} == found.class_counts
    assert {"axle": 1, "bus": 2} == found.other_classes
    assert (1.0, 2.0) == (found.detections_per_image, found.detections_per_labelled_image)


def test_top_classes_are_the_most_frequent() -> None:
    """Most first; of equal ones, the first of the class map."""
    found = summarise(round_of(("tram", "van", "car", "tram")), CLASSES)

    assert [("tram", 2), ("car", 1)] == found.top_classes(2)


def test_an_empty_round_has_averages_of_zero() -> None:
    """Nothing is divided by nothing."""
    found = summarise(round_of(), CLASSES)

    assert (0.0, 0.0) == (found.detections_per_image, found.detections_per_labelled_image)
