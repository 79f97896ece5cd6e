"""Matching the objects of two rounds in one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from sluice.errors import InvalidArgument

IOU_MIN: Final = 0.5
"""Minimum IoU for a match; COCO and Pascal VOC call it a loose match."""

SAME_CLASS_BONUS: Final = 0.1
"""IoU that a pair of one class may lack compared with a pair of two classes.

Two objects can be almost in one place, such as a rider and a bicycle; a difference of one pixel
must not look like two confusions.
"""


@dataclass(frozen=True, slots=True, eq=False)
class BoxMatches:
    """Pairs of rows of two sets of objects, `(pairs,)`, and the IoU of each, `(pairs,)`."""

    reference: NDArray[np.intp]
    current: NDArray[np.intp]
    ious: NDArray[np.float64]


def iou(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of `(n, 4)` and `(m, 4)` boxes: `(n, m)`.

    Boxes are left, top, width and height, with sizes over 0.
    """
    start = np.maximum(first[:, None, :2], second[None, :, :2])
    end_first, end_second = first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:]
    sides = np.maximum(np.minimum(end_first[:, None], end_second[None, :]) - start, 0)
    shared = sides[..., 0] * sides[..., 1]
    area_first, area_second = first[:, 2] * first[:, 3], second[:, 2] * second[:, 3]
    overlap: NDArray[np.float64] = shared / (area_first[:, None] + area_second[None, :] - shared)
    return overlap


def match_boxes(
    ious: NDArray[np.float64], same_class: NDArray[np.bool_], iou_min: float = IOU_MIN
) -> BoxMatches:
    """The best one-to-one match of objects that overlap by `iou_min`, both `(n, m)` (Kuhn 1955).

    It has as many pairs as possible, and of such matches the largest sum of IoU and bonuses.
    Raises InvalidArgument for an `iou_min` that is not in (0, 1].
    """
    if not 0 < iou_min <= 1:
        raise InvalidArgument.of("iou_min", f"{iou_min} is not in (0, 1]")
    allowed = ious >= iou_min
    # One more pair outweighs anything that all other pairs could gain.
    gains = np.where(allowed, 2 * min(ious.shape) + ious + SAME_CLASS_BONUS * same_class, 0)
    reference, current = linear_sum_assignment(gains, maximize=True)
    accepted = allowed[reference, current]
    reference, current = reference[accepted], current[accepted]
    return BoxMatches(reference, current, ious[reference, current])
