"""The agreement of two rounds, object by object."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.curation.golden.object_pairs import ABSENT, ObjectPairs
from services.curation.intervals import Interval, Share, bootstrap_mean
from services.records.records import Record


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
    places without regard to class, `recall_by_size` that of COCO's sizes. `mean_iou` is
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


def measure_agreement(objects: ObjectPairs) -> Agreement:
    """The agreement of two rounds, from their paired objects."""
    absent = (objects.reference == ABSENT, objects.current == ABSENT)
    ious = _average_ious(objects)
    return Agreement(
        precision=_count_agreeing(objects, ~absent[1]),
        recall=_count_agreeing(objects, ~absent[0]),
        located=Share.of(int((~absent[0] & ~absent[1]).sum()), int((~absent[0]).sum())),
        mean_iou=float(ious.mean()) if len(ious) else None,
        mean_iou_interval=bootstrap_mean(ious) if len(ious) else None,
        classes=tuple(_measure_class(objects, *entry) for entry in enumerate(objects.classes)),
        recall_by_size=objects.recall_by_size,
        confusion=_list_confusion(objects),
    )


def _count_agreeing(objects: ObjectPairs, rows: NDArray[np.bool_]) -> Share:
    """The share of those `rows` with the same class in both rounds."""
    same = objects.reference == objects.current
    return Share.of(int((same & rows).sum()), int(rows.sum()))


def _measure_class(objects: ObjectPairs, index: int, name: str) -> ClassAgreement:
    precision, recall = (
        _count_agreeing(objects, objects.current == index),
        _count_agreeing(objects, objects.reference == index),
    )
    return ClassAgreement(name=name, precision=precision, recall=recall)


def _average_ious(objects: ObjectPairs) -> NDArray[np.float64]:
    """The mean IoU of the matched boxes of each image that has any, `(images with any,)`."""
    matched = ~np.isnan(objects.ious)
    counts = np.bincount(objects.image[matched])
    sums = np.bincount(objects.image[matched], objects.ious[matched])
    return np.asarray(sums[counts > 0] / counts[counts > 0], np.float64)


def _list_confusion(objects: ObjectPairs) -> tuple[Confusion, ...]:
    """The pairs of different classes, the most frequent first."""
    differs = objects.reference != objects.current
    cells = np.stack([objects.reference[differs], objects.current[differs]], axis=1)
    kinds, counts = np.unique(cells, axis=0, return_counts=True)
    names = [*objects.classes, ""]  # `ABSENT` is the last
    return tuple(
        Confusion(
            reference=names[kinds[row, 0]], current=names[kinds[row, 1]], count=int(counts[row])
        )
        for row in np.argsort(-counts, kind="stable")
    )
