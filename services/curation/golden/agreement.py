"""The agreement of two rounds, object by object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.golden.annotations import AnnotatedImage, check_classes
from services.curation.golden.matching import iou, match_boxes
from services.curation.intervals import Interval, Share, bootstrap_mean
from services.records.records import Record
from sluice.labels import Box2D

SIZES: Final = ("small", "medium", "large")
"""COCO's sizes: below 32² square pixels, below 96², and all others."""

_AREAS = (32.0**2, 96.0**2)
_ABSENT = -1


class ClassAgreement(Record, frozen=True, kw_only=True):
    """The agreement on one class; an object agrees if it has the class in both rounds."""

    name: str
    precision: Share
    recall: Share


class Confusion(Record, frozen=True, kw_only=True):
    """Objects of class `reference` that have class `current` now; "" where one round has none."""

    reference: str
    current: str
    count: int


class Agreement(Record, frozen=True, kw_only=True):
    """The agreement of the current round with the reference, which is taken to be correct.

    Precision is of the current objects, recall of the reference's. `located` is the recall of
    places without regard to class, `recall_by_size` that of the reference's sizes. `mean_iou` is
    the mean over images of the mean over their matched boxes; it and its interval are None without
    matched boxes.
    """

    precision: Share
    recall: Share
    located: Share
    mean_iou: float | None
    mean_iou_interval: Interval | None
    classes: tuple[ClassAgreement, ...]
    recall_by_size: dict[str, Share]
    confusion: tuple[Confusion, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _ImageObjects:
    """The objects of one image: `(objects, 4)` boxes and `(objects,)` class numbers."""

    boxes: NDArray[np.float64]
    classes: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _ObjectPairs:
    """Objects paired over two rounds: `(pairs,)` class numbers, `_ABSENT` where one has none.

    `areas` are the reference's, `(pairs,)` in square pixels, and 0 where it has none. `ious` are
    of the matched objects alone.
    """

    reference: NDArray[np.intp]
    current: NDArray[np.intp]
    areas: NDArray[np.float64]
    ious: NDArray[np.float64]

    @classmethod
    def concatenate(cls, parts: Sequence[_ObjectPairs]) -> _ObjectPairs:
        """The pairs of all images."""
        return cls(
            np.concatenate([np.empty(0, np.intp), *(part.reference for part in parts)]),
            np.concatenate([np.empty(0, np.intp), *(part.current for part in parts)]),
            np.concatenate([np.empty(0), *(part.areas for part in parts)]),
            np.concatenate([np.empty(0), *(part.ious for part in parts)]),
        )

    def count_agreeing(self, rows: NDArray[np.bool_]) -> Share:
        """The share of those `rows` with the same class in both rounds."""
        same = self.reference == self.current
        return Share.of(int((same & rows).sum()), int(rows.sum()))

    def count_located(self) -> Share:
        """The share of the reference's objects that have a match, of whatever class."""
        rows = self.reference != _ABSENT
        return Share.of(int((rows & (self.current != _ABSENT)).sum()), int(rows.sum()))

    def measure_class(self, index: int, name: str) -> ClassAgreement:
        """The agreement on one class."""
        precision, recall = (
            self.count_agreeing(self.current == index),
            self.count_agreeing(self.reference == index),
        )
        return ClassAgreement(name=name, precision=precision, recall=recall)

    def measure_sizes(self) -> dict[str, Share]:
        """The recall by size."""
        present, size = self.reference != _ABSENT, np.digitize(self.areas, _AREAS)
        return {
            name: self.count_agreeing(present & (size == index)) for index, name in enumerate(SIZES)
        }

    def list_confusion(self, classes: Sequence[str]) -> tuple[Confusion, ...]:
        """The pairs of different classes, the most frequent first."""
        differs = self.reference != self.current
        cells = np.stack([self.reference[differs], self.current[differs]], axis=1)
        kinds, counts = np.unique(cells, axis=0, return_counts=True)
        names = [*classes, ""]  # `_ABSENT` is the last
        return tuple(
            Confusion(
                reference=names[kinds[row, 0]], current=names[kinds[row, 1]], count=int(counts[row])
            )
            for row in np.argsort(-counts, kind="stable")
        )


def measure_agreement(
    pairs: Sequence[tuple[AnnotatedImage, AnnotatedImage]],
    classes: Sequence[str],
) -> Agreement:
    """The agreement of two rounds, from pairs of (reference, current) images.

    Only labels with one of `classes` count; InvalidArgument if these are empty or not unique.
    """
    check_classes(classes)
    column = {name: index for index, name in enumerate(classes)}
    parts = [_pair_objects(*(_read_objects(image, column) for image in pair)) for pair in pairs]
    objects = _ObjectPairs.concatenate(parts)
    boxes = any(isinstance(x.shape, Box2D) for pair in pairs for y in pair for x in y.labels)
    ious = np.array([part.ious.mean() for part in parts if boxes and len(part.ious)])
    return Agreement(
        precision=objects.count_agreeing(objects.current != _ABSENT),
        recall=objects.count_agreeing(objects.reference != _ABSENT),
        located=objects.count_located(),
        mean_iou=float(ious.mean()) if len(ious) else None,
        mean_iou_interval=bootstrap_mean(ious) if len(ious) else None,
        classes=tuple(objects.measure_class(index, name) for index, name in enumerate(classes)),
        recall_by_size=objects.measure_sizes() if boxes else {},
        confusion=objects.list_confusion(classes),
    )


def _read_objects(image: AnnotatedImage, column: Mapping[str, int]) -> _ImageObjects:
    labels = [label for label in image.labels if label.class_name in column]
    # The class of an image counts as an object that fills it.
    boxes = [
        (s.left, s.top, s.width, s.height) if isinstance(s := label.shape, Box2D) else (0, 0, 1, 1)
        for label in labels
    ]
    return _ImageObjects(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array([column[label.class_name] for label in labels], np.intp),
    )


def _pair_objects(reference: _ImageObjects, current: _ImageObjects) -> _ObjectPairs:
    """The pairs of one image: matched objects, then missed ones, then extra ones."""
    same_class = reference.classes[:, None] == current.classes[None, :]
    matches = match_boxes(iou(reference.boxes, current.boxes), same_class)
    missed = np.delete(np.arange(len(reference.classes)), matches.reference)
    extra = np.delete(np.arange(len(current.classes)), matches.current)
    reference_rows = np.concatenate([matches.reference, missed])
    no_reference, no_current = np.full(len(extra), _ABSENT), np.full(len(missed), _ABSENT)
    areas = reference.boxes[reference_rows, 2] * reference.boxes[reference_rows, 3]
    return _ObjectPairs(
        np.concatenate([reference.classes[reference_rows], no_reference]),
        np.concatenate([current.classes[matches.current], no_current, current.classes[extra]]),
        np.concatenate([areas, np.zeros(len(extra))]),
        matches.ious,
    )
