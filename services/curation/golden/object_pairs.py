"""The objects of two rounds, paired image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.golden.annotations import AnnotatedImage, check_classes
from services.curation.golden.matching import (
    ANY_AREA,
    ImageObjects,
    Overlaps,
    find_overlaps,
    match_overlapping,
)
from services.curation.intervals import Share
from sluice.labels import Box2D

SIZES: Final = {
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, ANY_AREA[1]),
}
"""COCO's sizes, as ranges of areas in square pixels; an area at a limit is of both sizes."""

ABSENT: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPairs:
    """The objects of two rounds, `(pairs,)`: number of image, class numbers, and IoU.

    A class is `ABSENT`, and the IoU is NaN, where one round has no such object. Crowds, objects in
    crowds and other classes are left out. `recall_by_size` is empty without boxes.
    """

    classes: tuple[str, ...]
    images: int
    image: NDArray[np.intp]
    reference: NDArray[np.intp]
    current: NDArray[np.intp]
    ious: NDArray[np.float64]
    recall_by_size: dict[str, Share]

    def count_reference(self) -> NDArray[np.int64]:
        """The number of the reference's objects by image and class, `(images, classes)`."""
        return self._count(self.reference)

    def count_current(self) -> NDArray[np.int64]:
        """The number of the current objects by image and class, `(images, classes)`."""
        return self._count(self.current)

    def _count(self, side: NDArray[np.intp]) -> NDArray[np.int64]:
        counts = np.zeros((self.images, len(self.classes)), np.int64)
        present = side != ABSENT
        np.add.at(counts, (self.image[present], side[present]), 1)
        return counts


def pair_objects(
    pairs: Sequence[tuple[AnnotatedImage, AnnotatedImage]], classes: Sequence[str]
) -> ObjectPairs:
    """Pair the objects of (reference, current) images.

    Only labels with one of `classes` count; InvalidArgument if these are empty or not unique.
    """
    check_classes(classes)
    numbers = {name: index for index, name in enumerate(classes)}
    sides = [
        (_read_objects(first, numbers), _read_objects(second, numbers)) for first, second in pairs
    ]
    overlaps = [find_overlaps(reference, current) for reference, current in sides]
    images = list(zip(sides, overlaps, strict=True))
    parts = [_pair(*objects, overlap) for objects, overlap in images]
    boxes = any(isinstance(x.shape, Box2D) for pair in pairs for y in pair for x in y.labels)
    columns = [np.concatenate([np.empty(0), *column]) for column in zip(*parts, strict=True)]
    first, second, ious = columns or [np.empty(0)] * 3
    return ObjectPairs(
        classes=tuple(classes),
        images=len(pairs),
        image=np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts]),
        reference=first.astype(np.intp),
        current=second.astype(np.intp),
        ious=ious if boxes else np.full(len(ious), np.nan),
        recall_by_size={size: _measure_size(images, size) for size in SIZES} if boxes else {},
    )


def _read_objects(image: AnnotatedImage, numbers: Mapping[str, int]) -> ImageObjects:
    return ImageObjects.of([x for x in image.labels if x.class_name in numbers], numbers)


def _pair(
    reference: ImageObjects, current: ImageObjects, overlaps: Overlaps
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """The pairs of one image: classes and IoUs of right, confused, missed and extra objects."""
    matches = match_overlapping(reference, current, overlaps)
    rows, columns = np.concatenate([matches.right, matches.confused]).T
    missed, extra = matches.missed, matches.spurious
    return (
        np.concatenate([reference.classes[rows], reference.classes[missed], _absent(extra)]),
        np.concatenate([current.classes[columns], _absent(missed), current.classes[extra]]),
        np.concatenate([matches.ious, np.full(len(missed) + len(extra), np.nan)]),
    )


def _absent(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.full(len(rows), ABSENT)


def _measure_size(
    images: Sequence[tuple[tuple[ImageObjects, ImageObjects], Overlaps]], size: str
) -> Share:
    """The recall of the reference's objects of a size."""
    matched = total = 0
    for (reference, current), overlaps in images:
        counted = ~(reference.crowd | reference.are_outside(SIZES[size]))
        if counted.any():
            matches = match_overlapping(reference, current, overlaps, SIZES[size])
            matched += len(matches.right)
            total += int(counted.sum())
    return Share.of(matched, total)
