"""Matching the objects of one image by COCO's rules.

The counts are those of pycocotools' COCOeval for boxes, per class (`useCats`) and without its limit
of 100 detections: `tests/unit/curation/golden/test_matching.py` compares both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.labels import Box2D, Label

IOU_MIN: Final = 0.5
"""Minimum IoU for a match; COCO and Pascal VOC call it a loose match."""

ANY_AREA: Final = (0.0, float("inf"))
"""The range of areas, in square pixels, that all objects are in."""

_ABSENT: Final = -1
_ROUNDING: Final = 1e-10
"""What equal boxes may lack of an IoU of 1, as in COCOeval."""


@dataclass(frozen=True, slots=True, eq=False)
class ImageObjects:
    """The objects of one image, all arrays with a row for each.

    `boxes` are left, top, width and height, `(objects, 4)`, with sizes over 0; `classes` are
    numbers. `crowd` marks regions of a crowd. Predictions have `scores`, annotations None.
    """

    boxes: NDArray[np.float64]
    classes: NDArray[np.intp]
    crowd: NDArray[np.bool_]
    scores: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        labels: Sequence[Label],
        class_numbers: Mapping[str, int],
        scores: Sequence[float] | None = None,
    ) -> ImageObjects:
        """The objects of labels; the class of an image counts as an object that fills it."""
        boxes = [
            (s.left, s.top, s.width, s.height) if isinstance(s := x.shape, Box2D) else (0, 0, 1, 1)
            for x in labels
        ]
        return cls(
            np.array(boxes, np.float64).reshape(-1, 4),
            np.array([class_numbers[label.class_name] for label in labels], np.intp),
            np.array([label.crowd for label in labels], np.bool_),
            None if scores is None else np.array(scores, np.float64),
        )

    @property
    def areas(self) -> NDArray[np.float64]:
        """The areas of the boxes, `(objects,)`."""
        return np.asarray(self.boxes[:, 2] * self.boxes[:, 3], np.float64)

    def are_outside(self, area_range: tuple[float, float]) -> NDArray[np.bool_]:
        """Which boxes have an area out of the range, `(objects,)`; its ends are in it."""
        areas = self.areas
        return (areas < area_range[0]) | (areas > area_range[1])


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMatches:
    """What became of the objects of one image, as rows of the reference and the current side.

    `right` are pairs of one class, `confused` pairs of two, both `(pairs, 2)`: reference, current.
    `ious` are theirs, `(right and confused pairs,)`. `missed` are other rows of the reference,
    `spurious` other rows of the current side. COCO counts a confused pair as one missed and one
    spurious object. `ignored` are current rows that are neither right nor wrong. Ignored rows of
    the reference are in none of these.
    """

    right: NDArray[np.intp]
    confused: NDArray[np.intp]
    ious: NDArray[np.float64]
    missed: NDArray[np.intp]
    spurious: NDArray[np.intp]
    ignored: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The pairs of objects that may match, `(pairs,)`, by current row and then by reference row."""

    reference: NDArray[np.intp]
    current: NDArray[np.intp]
    ious: NDArray[np.float64]

    def select(self, pairs: NDArray[np.bool_]) -> Overlaps:
        """Some of the pairs."""
        return Overlaps(self.reference[pairs], self.current[pairs], self.ious[pairs])


def match_objects(
    reference: ImageObjects,
    current: ImageObjects,
    *,
    iou_min: float = IOU_MIN,
    area_range: tuple[float, float] = ANY_AREA,
) -> ObjectMatches:
    """Match the objects of one image.

    In falling order of scores, each current object takes the free object of its class that it
    overlaps most, by `iou_min` at least; without scores, those that overlap best go first. An
    object that finds none is ignored if it is in a crowd of its class, or if it or an object that
    it overlaps is out of the area range. Current crowds are ignored. The remaining objects of both
    sides are then matched across classes in the same way: these pairs are confused. Raises
    InvalidArgument for an `iou_min` that is not in (0, 1].
    """
    overlaps = find_overlaps(reference, current, iou_min)
    return match_overlapping(reference, current, overlaps, area_range)


def match_overlapping(
    reference: ImageObjects,
    current: ImageObjects,
    overlaps: Overlaps,
    area_range: tuple[float, float] = ANY_AREA,
) -> ObjectMatches:
    """Match the objects of one image whose overlaps are known, see `match_objects`."""
    same_class = reference.classes[overlaps.reference] == current.classes[overlaps.current]
    of_one_class = overlaps.select(same_class)
    not_counted = reference.crowd | reference.are_outside(area_range)
    order = _order(current, of_one_class.select(~not_counted[of_one_class.reference]))
    taken = _take_best(of_one_class, order, not_counted, reference.crowd)
    matched = taken != _ABSENT
    ignored = np.array(current.crowd | (~matched & current.are_outside(area_range)), np.bool_)
    ignored[matched] = not_counted[taken[matched]]
    free = ~not_counted
    free[taken[matched]] = False
    remaining = free[overlaps.reference] & ~(matched | ignored)[overlaps.current]
    none = np.zeros(len(free), np.bool_)
    mistaken = _take_best(overlaps.select(remaining), order, none, none)
    free[mistaken[mistaken != _ABSENT]] = False
    right, confused = _pairs(taken, matched & ~ignored), _pairs(mistaken, mistaken != _ABSENT)
    return ObjectMatches(
        right=right,
        confused=confused,
        ious=_find_ious(overlaps, np.concatenate([right, confused])),
        missed=np.flatnonzero(free),
        spurious=np.flatnonzero(~ignored & ~matched & (mistaken == _ABSENT)),
        ignored=np.flatnonzero(ignored),
    )


def find_overlaps(
    reference: ImageObjects, current: ImageObjects, iou_min: float = IOU_MIN
) -> Overlaps:
    """The pairs that overlap by `iou_min`, of whatever class, without crowds of the current side.

    Raises InvalidArgument for an `iou_min` that is not in (0, 1].
    """
    if not 0 < iou_min <= 1:
        raise InvalidArgument.of("iou_min", f"{iou_min} is not in (0, 1]")
    ious = overlap(reference, current)
    allowed = (ious >= min(iou_min, 1 - _ROUNDING)) & ~current.crowd
    columns, rows = np.nonzero(allowed.T)
    return Overlaps(rows, columns, ious[rows, columns])


def overlap(reference: ImageObjects, current: ImageObjects) -> NDArray[np.float64]:
    """The IoU of each pair, `(reference, current)`; with a crowd, the share of the current box."""
    first, second = reference.boxes, current.boxes
    start = np.maximum(first[:, None, :2], second[None, :, :2])
    end_first, end_second = first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:]
    sides = np.maximum(np.minimum(end_first[:, None], end_second[None, :]) - start, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = reference.areas[:, None] + current.areas[None, :] - shared
    whole = np.where(reference.crowd[:, None], current.areas[None, :], union)
    return np.asarray(shared / whole, np.float64)


def _order(current: ImageObjects, counted: Overlaps) -> NDArray[np.intp]:
    """The order in which current rows choose; equal scores keep the order of the rows."""
    scores = current.scores
    if scores is None:
        scores = np.zeros(len(current.boxes))
        np.maximum.at(scores, counted.current, counted.ious)
    return np.argsort(-scores, kind="stable")


def _take_best(
    overlaps: Overlaps,
    order: NDArray[np.intp],
    not_counted: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """The reference row that each current row takes, `(current,)`; a crowd is never used up."""
    # Images have few objects, and few of these overlap: lists are faster than arrays.
    free, counted, is_crowd = [True] * len(crowd), (~not_counted).tolist(), crowd.tolist()
    rows, ious = overlaps.reference.tolist(), overlaps.ious.tolist()
    bounds = np.searchsorted(overlaps.current, np.arange(len(order) + 1)).tolist()
    taken = np.full(len(order), _ABSENT, np.intp)
    for column in order.tolist():
        pairs = [x for x in range(bounds[column], bounds[column + 1]) if free[rows[x]]]
        if pairs:
            # Of equal overlaps COCOeval takes the last.
            row = rows[max(pairs, key=lambda x: (counted[rows[x]], ious[x], x))]
            taken[column], free[row] = row, is_crowd[row]
    return taken


def _pairs(taken: NDArray[np.intp], columns: NDArray[np.bool_]) -> NDArray[np.intp]:
    rows = np.flatnonzero(columns)
    return np.stack([taken[rows], rows], axis=1)


def _find_ious(overlaps: Overlaps, pairs: NDArray[np.intp]) -> NDArray[np.float64]:
    """The IoUs of pairs `(pairs, 2)` that are among the overlaps."""
    width = int(overlaps.reference.max(initial=0)) + 1
    keys = overlaps.current * width + overlaps.reference
    return overlaps.ious[np.searchsorted(keys, pairs[:, 1] * width + pairs[:, 0])]
