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
    `missed` are other rows of the reference, `spurious` other rows of the current side. COCO counts
    a confused pair as one missed and one spurious object. `ignored` are current rows that are
    neither right nor wrong. Ignored rows of the reference are in none of these.
    """

    right: NDArray[np.intp]
    confused: NDArray[np.intp]
    missed: NDArray[np.intp]
    spurious: NDArray[np.intp]
    ignored: NDArray[np.intp]


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
    if not 0 < iou_min <= 1:
        raise InvalidArgument.of("iou_min", f"{iou_min} is not in (0, 1]")
    overlaps = overlap(reference, current)
    allowed = (overlaps >= min(iou_min, 1 - _ROUNDING)) & ~current.crowd
    of_one_class = allowed & (reference.classes[:, None] == current.classes[None, :])
    not_counted = reference.crowd | reference.are_outside(area_range)
    scores = current.scores
    if scores is None:
        counting = of_one_class & ~not_counted[:, None]
        scores = np.where(counting, overlaps, 0).max(axis=0, initial=0)
    order = np.argsort(-scores, kind="stable")
    taken = _take_best(overlaps, of_one_class, order, not_counted, reference.crowd)
    matched = taken != _ABSENT
    ignored = np.asarray(current.crowd | (~matched & current.are_outside(area_range)), np.bool_)
    ignored[matched] = not_counted[taken[matched]]
    free = ~not_counted
    free[taken[matched]] = False
    allowed &= free[:, None] & ~(matched | ignored)[None, :]
    none = np.zeros(len(free), np.bool_)
    mistaken = _take_best(overlaps, allowed, order, none, none)
    free[mistaken[mistaken != _ABSENT]] = False
    return ObjectMatches(
        right=_pairs(taken, matched & ~ignored),
        confused=_pairs(mistaken, mistaken != _ABSENT),
        missed=np.flatnonzero(free),
        spurious=np.flatnonzero(~ignored & ~matched & (mistaken == _ABSENT)),
        ignored=np.flatnonzero(ignored),
    )


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


def _take_best(
    overlaps: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    order: NDArray[np.intp],
    not_counted: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
) -> NDArray[np.intp]:
    """The reference row that each current row takes, `(current,)`; a crowd is never used up."""
    free = np.ones(len(overlaps), np.bool_)
    taken = np.full(overlaps.shape[1], _ABSENT, np.intp)
    for column in order[np.asarray(allowed.any(axis=0))[order]].tolist():
        rows = np.flatnonzero(allowed[:, column] & free)
        counting = rows[~not_counted[rows]]
        rows = counting if len(counting) else rows
        if len(rows):
            # Of equal overlaps COCOeval takes the last.
            best = rows[::-1][np.argmax(overlaps[rows[::-1], column])]
            taken[column] = best
            free[best] = crowd[best]
    return taken


def _pairs(taken: NDArray[np.intp], columns: NDArray[np.bool_]) -> NDArray[np.intp]:
    rows = np.flatnonzero(columns)
    return np.stack([taken[rows], rows], axis=1)
