"""What predictions of one frame are worth, compared with its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.golden.matching import IOU_MIN, iou, match_boxes
from services.curation.records import FailureKind
from services.curation.rounds.predictions import ScoredLabel
from sluice.checks import check_finite
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.labels import Box2D, Label, TaskType

_CLASSIFICATION: Final = (TaskType.CLASSIFICATION_2D, TaskType.CLASSIFICATION_3D)


@dataclass(frozen=True, slots=True)
class MatchRule:
    """When a prediction is that of a label: how much boxes overlap, how sure the model is."""

    iou_min: float = IOU_MIN
    score_min: float = 0.0

    def check(self) -> None:
        """Raise InvalidArgument naming what is out of bounds."""
        check_finite("iou_min", self.iou_min)
        if not 0 < self.iou_min <= 1:
            raise InvalidArgument.of("iou_min", f"{self.iou_min} is not over 0 and at most 1")
        if not 0 <= self.score_min <= 1:
            raise InvalidArgument.of("score_min", f"{self.score_min} is not in 0…1")


@dataclass(frozen=True, slots=True)
class FrameOutcome:
    """How many labels and predictions of a frame came out how.

    `predicted` is the class that a classification was given; "" without one, and for boxes.
    """

    right: int = 0
    confused: int = 0
    missed: int = 0
    spurious: int = 0
    predicted: str = ""

    @property
    def f1(self) -> float:
        """The frame's own F1, where what is confused is missed and spurious as well; 1 of nothing.

        Of a classification it is 1 where that is right, else 0.
        """
        wrong = 2 * self.confused + self.missed + self.spurious
        return 2 * self.right / (2 * self.right + wrong) if self.right or wrong else 1.0

    @property
    def kinds(self) -> tuple[FailureKind, ...]:
        """What went wrong, each once."""
        counts = {
            FailureKind.MISSED: self.missed,
            FailureKind.SPURIOUS: self.spurious,
            FailureKind.CONFUSED: self.confused,
        }
        return tuple(kind for kind, count in counts.items() if count)


def is_classification(task_type: TaskType) -> bool:
    """Whether a frame has one class."""
    return task_type in _CLASSIFICATION


def check_comparable(task_type: TaskType) -> None:
    """Refuse what cannot be matched; FailedPrecondition naming it."""
    if task_type is not TaskType.BOX_2D and not is_classification(task_type):
        raise FailedPrecondition(
            f"predictions of {task_type.name} cannot be matched; those of box_2d, "
            "classification_2d and classification_3d can"
        )


def compare(
    task_type: TaskType,
    labels: Sequence[Label],
    predictions: Sequence[ScoredLabel],
    rule: MatchRule,
) -> FrameOutcome:
    """Match the predictions that are sure enough with the labels of the same sensor.

    Boxes by the best one-to-one match of those that overlap; a classification has one class, and
    of several predictions the surest one counts.
    """
    sure = [each for each in predictions if each.score >= rule.score_min]
    if is_classification(task_type):
        sure = sorted(sure, key=lambda each: (-each.score, each.label.id))[:1]
        return _classes(labels, [each.label for each in sure])
    found = [each.label for each in sure]
    sensors = sorted({label.sensor_id for label in (*labels, *found)})
    parts = [_boxes(_of(labels, sensor), _of(found, sensor), rule.iou_min) for sensor in sensors]
    return FrameOutcome(
        right=sum(part.right for part in parts),
        confused=sum(part.confused for part in parts),
        missed=sum(part.missed for part in parts),
        spurious=sum(part.spurious for part in parts),
    )


def _of(labels: Sequence[Label], sensor_id: str) -> list[Label]:
    return [label for label in labels if label.sensor_id == sensor_id]


def _classes(labels: Sequence[Label], found: Sequence[Label]) -> FrameOutcome:
    predicted = found[0].class_name if found else ""
    if not labels or not found:
        return FrameOutcome(missed=len(labels), spurious=len(found), predicted=predicted)
    right = predicted in {label.class_name for label in labels}
    return FrameOutcome(right=int(right), confused=int(not right), predicted=predicted)


def _boxes(labels: Sequence[Label], found: Sequence[Label], iou_min: float) -> FrameOutcome:
    names = [[label.class_name for label in side] for side in (labels, found)]
    same = np.array([[name == other for other in names[1]] for name in names[0]], np.bool_).reshape(
        len(labels), len(found)
    )
    matches = match_boxes(iou(_corners(labels), _corners(found)), same, iou_min)
    right = int(same[matches.reference, matches.current].sum())
    pairs = len(matches.reference)
    return FrameOutcome(right, pairs - right, len(labels) - pairs, len(found) - pairs)


def _corners(labels: Sequence[Label]) -> NDArray[np.float64]:
    boxes = [(b.left, b.top, b.width, b.height) for x in labels if isinstance(b := x.shape, Box2D)]
    return np.array(boxes, np.float64).reshape(-1, 4)
