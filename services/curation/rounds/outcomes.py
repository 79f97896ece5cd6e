"""What predictions of one frame are worth, compared with its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.curation.golden.matching import IOU_MIN, ImageObjects, match_objects
from services.curation.records import FailureKind
from services.curation.rounds.predictions import ScoredLabel
from sluice.checks import check_finite
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.labels import Label, TaskType

_CLASSIFICATION: Final = (TaskType.CLASSIFICATION_2D, TaskType.CLASSIFICATION_3D)


@dataclass(frozen=True, slots=True)
class MatchRule:
    """When a predicted box matches a label: minimum IoU, and minimum score of predictions."""

    iou_min: float = IOU_MIN
    score_min: float = 0.0

    def check(self) -> None:
        """Raise InvalidArgument naming a value out of range."""
        check_finite("iou_min", self.iou_min)
        if not 0 < self.iou_min <= 1:
            problem = f"{self.iou_min}; expected more than 0 and at most 1"
            raise InvalidArgument.of("iou_min", problem)
        if not 0 <= self.score_min <= 1:
            raise InvalidArgument.of("score_min", f"{self.score_min} is not in 0…1")


@dataclass(frozen=True, slots=True)
class FrameOutcome:
    """How many labels and predictions of a frame are right, confused, missed or spurious.

    Labels are right, confused or missed; predictions right, confused, spurious, or ignored because
    they are in a crowd. In COCO's terms `right` are true positives, `missed` and `confused` false
    negatives, `spurious` and `confused` false positives.

    `predicted` is the predicted class of a classification; "" without one, and for boxes.
    """

    right: int = 0
    confused: int = 0
    missed: int = 0
    spurious: int = 0
    ignored: int = 0
    predicted: str = ""

    @property
    def f1(self) -> float:
        """The frame's F1, where confused counts as missed and as spurious; 1 if all counts are 0.

        For a classification it is 1 if the class is right, else 0.
        """
        wrong = 2 * self.confused + self.missed + self.spurious
        return 2 * self.right / (2 * self.right + wrong) if self.right or wrong else 1.0

    @property
    def kinds(self) -> tuple[FailureKind, ...]:
        """The kinds of failure that occurred."""
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
    """Raise FailedPrecondition for a task type whose predictions cannot be matched."""
    if task_type is not TaskType.BOX_2D and not is_classification(task_type):
        raise FailedPrecondition(
            f"predictions of {task_type.name} cannot be matched; expected box_2d, "
            "classification_2d or classification_3d"
        )


def compare(
    task_type: TaskType,
    labels: Sequence[Label],
    predictions: Sequence[ScoredLabel],
    rule: MatchRule,
) -> FrameOutcome:
    """Match predictions with at least the rule's score with labels of the same sensor.

    Boxes are matched by COCO's rules, see `match_objects`. A classification has one class: of
    several predictions, the one with the highest score counts.
    """
    counting = [prediction for prediction in predictions if prediction.score >= rule.score_min]
    if is_classification(task_type):
        best = sorted(counting, key=lambda prediction: (-prediction.score, prediction.label.id))
        return _compare_classes(labels, [prediction.label for prediction in best[:1]])
    sensors = {label.sensor_id for label in (*labels, *(x.label for x in counting))}
    parts = [
        _compare_boxes(
            [label for label in labels if label.sensor_id == sensor],
            [prediction for prediction in counting if prediction.label.sensor_id == sensor],
            rule.iou_min,
        )
        for sensor in sensors
    ]
    return FrameOutcome(
        right=sum(part.right for part in parts),
        confused=sum(part.confused for part in parts),
        missed=sum(part.missed for part in parts),
        spurious=sum(part.spurious for part in parts),
        ignored=sum(part.ignored for part in parts),
    )


def _compare_classes(labels: Sequence[Label], predictions: Sequence[Label]) -> FrameOutcome:
    predicted = predictions[0].class_name if predictions else ""
    if not labels or not predictions:
        return FrameOutcome(missed=len(labels), spurious=len(predictions), predicted=predicted)
    right = predicted in {label.class_name for label in labels}
    return FrameOutcome(right=int(right), confused=int(not right), predicted=predicted)


def _compare_boxes(
    labels: Sequence[Label], predictions: Sequence[ScoredLabel], iou_min: float
) -> FrameOutcome:
    predicted = [prediction.label for prediction in predictions]
    names = sorted({label.class_name for label in (*labels, *predicted)})
    numbers = {name: index for index, name in enumerate(names)}
    scores = [prediction.score for prediction in predictions]
    matches = match_objects(
        ImageObjects.of(labels, numbers),
        ImageObjects.of(predicted, numbers, scores),
        iou_min=iou_min,
    )
    return FrameOutcome(
        right=len(matches.right),
        confused=len(matches.confused),
        missed=len(matches.missed),
        spurious=len(matches.spurious),
        ignored=len(matches.ignored),
    )
