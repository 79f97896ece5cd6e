"""The summary of a round."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.curation.golden.annotations import Annotations
from services.curation.golden.summary import summarise
from sluice.errors import InvalidArgument
from tests.unit.curation.golden.annotated_rounds import CLASSES, box, image, round_of


def test_the_summary_is_worked_by_hand() -> None:
    """Images, those with labels, detections and class counts; other classes are counted apart."""
    summary = summarise(
        round_of(("car", "van", "car"), (), ("bus",), ("van", "bus", "axle")), CLASSES
    )

    assert (4, 2, 4) == (summary.images, summary.images_with_labels, summary.detections)
    assert {"car": 2, "van": 2, "tram": 0} == summary.class_counts
    assert ({"axle": 1, "bus": 2}, 3) == (summary.other_classes, summary.other_labels)
    assert 1.0 == summary.detections_per_image


def test_crowds_are_counted_apart() -> None:
    """A crowd is neither a detection nor a label of another class."""
    crowds = [replace(box(name), crowd=True) for name in ("car", "bus")]
    annotations = Annotations.of([image("i", box("bus"), *crowds)])

    summary = summarise(annotations, CLASSES)

    assert (2, 0, 0, 1) == (
        summary.crowds,
        summary.detections,
        summary.images_with_labels,
        summary.other_labels,
    )


def test_an_empty_round_has_an_average_of_zero() -> None:
    """There is no division by zero."""
    summary = summarise(round_of(), CLASSES)

    assert 0.0 == summary.detections_per_image


def test_a_duplicate_class_is_refused() -> None:
    """Its objects would be counted under one of two equal names."""
    with pytest.raises(InvalidArgument, match="classes: duplicate class 'car'"):
        summarise(round_of(), ("car", "van", "car"))
