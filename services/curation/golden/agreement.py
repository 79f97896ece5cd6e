"""How well two rounds agree, object by object."""

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
    """How well rounds agree on one class; an object is right where it has the class in both."""

    name: str
    precision: Share
    recall: Share


class Confusion(Record, frozen=True, kw_only=True):
    """Objects of class `reference` that are `current` now; "" where there is no such object."""

    reference: str
    current: str
    count: int


class Agreement(Record, frozen=True, kw_only=True):
    """How well the current round agrees with the reference, which is taken to be right.

    Precision is of the current objects, recall of the reference's; `located` is the recall that
    looks at places alone, `recall_by_size` that of the reference's sizes. `mean_iou` is the mean
    over images of the mean over their matched boxes; None, as its interval, without any.
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
    """What became of objects: class numbers of both rounds, `_ABSENT` where one has none.

    `areas` are the reference's, in square pixels, and 0 where it has none. All `(outcomes,)`;
    `ious` are of the matched objects alone.
    """

    reference: NDArray[np.intp]
    current: NDArray[np.intp]
    areas: NDArray[np.float64]
    ious: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[_ObjectPairs]) -> _ObjectPairs:
        """The outcomes of all images; of no images, none."""
        return cls(
            np.concatenate([np.empty(0, np.intp), *(part.reference for part in parts)]),
            np.concatenate([np.empty(0, np.intp), *(part.current for part in parts)]),
            np.concatenate([np.empty(0), *(part.areas for part in parts)]),
            np.concatenate([np.empty(0), *(part.ious for part in parts)]),
        )

    def right(self, rows: NDArray[np.bool_]) -> Share:
        """The share of those rows that have one class in both rounds."""
        same = self.reference == self.current
        return Share.of(int((same & rows).sum()), int(rows.sum()))

    def located(self) -> Share:
        """The share of the reference's objects that the current round has at their place."""
        rows = self.reference != _ABSENT
        return Share.of(int((rows & (self.current != _ABSENT)).sum()), int(rows.sum()))

    def by_class(self, index: int, name: str) -> ClassAgreement:
        """The agreement on one class."""
        precision, recall = self.right(self.current == index), self.right(self.reference == index)
        return ClassAgreement(name=name, precision=precision, recall=recall)

    def by_size(self) -> dict[str, Share]:
        """The recall of each size."""
        there, size = self.reference != _ABSENT, np.digitize(self.areas, _AREAS)
        return {name: self.right(there & (size == index)) for index, name in enumerate(SIZES)}

    def confusion(self, classes: Sequence[str]) -> tuple[Confusion, ...]:
        """What is not the same in both rounds, the most frequent first."""
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
    """How well rounds agree, from the (reference, current) images of both.

    Only labels with one of `classes` count; InvalidArgument where those are none or not unique.
    """
    check_classes(classes)
    column = {name: index for index, name in enumerate(classes)}
    parts = [_compare(*(_objects(image, column) for image in pair)) for pair in pairs]
    outcomes = _ObjectPairs.joined(parts)
    boxes = any(isinstance(x.shape, Box2D) for pair in pairs for y in pair for x in y.labels)
    ious = np.array([part.ious.mean() for part in parts if boxes and len(part.ious)])
    return Agreement(
        precision=outcomes.right(outcomes.current != _ABSENT),
        recall=outcomes.right(outcomes.reference != _ABSENT),
        located=outcomes.located(),
        mean_iou=float(ious.mean()) if len(ious) else None,
        mean_iou_interval=bootstrap_mean(ious) if len(ious) else None,
        classes=tuple(outcomes.by_class(index, name) for index, name in enumerate(classes)),
        recall_by_size=outcomes.by_size() if boxes else {},
        confusion=outcomes.confusion(classes),
    )


def _objects(image: AnnotatedImage, column: Mapping[str, int]) -> _ImageObjects:
    labels = [label for label in image.labels if label.class_name in column]
    # The class of an image is an object that fills it.
    boxes = [
        (s.left, s.top, s.width, s.height) if isinstance(s := label.shape, Box2D) else (0, 0, 1, 1)
        for label in labels
    ]
    return _ImageObjects(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array([column[label.class_name] for label in labels], np.intp),
    )


def _compare(reference: _ImageObjects, current: _ImageObjects) -> _ObjectPairs:
    """The outcomes of one image: matched objects, then missed ones, then extra ones."""
    same_class = reference.classes[:, None] == current.classes[None, :]
    found = match_boxes(iou(reference.boxes, current.boxes), same_class)
    missed = np.delete(np.arange(len(reference.classes)), found.reference)
    extra = np.delete(np.arange(len(current.classes)), found.current)
    known = np.concatenate([found.reference, missed])
    no_reference, no_current = np.full(len(extra), _ABSENT), np.full(len(missed), _ABSENT)
    areas = reference.boxes[known, 2] * reference.boxes[known, 3]
    return _ObjectPairs(
        np.concatenate([reference.classes[known], no_reference]),
        np.concatenate([current.classes[found.current], no_current, current.classes[extra]]),
        np.concatenate([areas, np.zeros(len(extra))]),
        found.ious,
    )
