"""What the predictions of one frame are worth."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.records import FailureKind
from services.curation.rounds.outcomes import FrameOutcome, MatchRule, check_comparable, compare
from services.curation.rounds.predictions import ScoredLabel
from sluice.errors import FailedPrecondition, InvalidArgument
from sluice.labels import Box2D, Classification2D, Label, TaskType

RULE = MatchRule()


def box(class_name: str, left: float, sensor_id: str = "image") -> Label:
    """A box ten pixels wide."""
    id = f"{class_name}{left}{sensor_id}"
    return Label(id=id, class_name=class_name, shape=Box2D(left, 0, 10, 10), sensor_id=sensor_id)


def predicted(label: Label, score: float = 0.9) -> ScoredLabel:
    """A prediction."""
    return ScoredLabel(label, score)


def outcome(
    labels: list[Label], predictions: list[ScoredLabel], rule: MatchRule = RULE
) -> FrameOutcome:
    """The outcome of boxes."""
    return compare(TaskType.BOX_2D, labels, predictions, rule)


def test_every_kind_of_failure_is_counted() -> None:
    """Right, confused, missed and spurious boxes of one frame are counted separately."""
    labels = [box("car", 0), box("car", 50), box("tram", 100)]
    predictions = [predicted(box("car", 1)), predicted(box("van", 51)), predicted(box("car", 200))]
    result = outcome(labels, predictions)

    assert FrameOutcome(right=1, confused=1, missed=1, spurious=1) == result
    assert tuple(FailureKind) == result.kinds


def test_what_is_in_a_crowd_is_neither_right_nor_wrong() -> None:
    """Predictions in a crowd of their class are ignored, and the crowd is not missed."""
    crowd = replace(box("car", 100), shape=Box2D(100, 0, 90, 30), crowd=True)
    predictions = [predicted(box("car", left)) for left in (0, 110, 130, 150)]

    result = outcome([box("car", 0), crowd], [*predictions, predicted(box("tram", 170))])

    assert FrameOutcome(right=1, spurious=1, ignored=3) == result
    assert (FailureKind.SPURIOUS,) == result.kinds


def test_a_sure_box_is_not_confused_by_an_unsure_one() -> None:
    """The right class keeps its object, though another class overlaps it better."""
    van, truck = box("van", 0), replace(box("truck", 0), shape=Box2D(0, 0, 100, 85))
    label = replace(van, shape=Box2D(0, 0, 100, 100))
    sure = predicted(replace(van, shape=Box2D(0, 0, 72, 100)), 0.95)

    assert FrameOutcome(right=1, spurious=1) == outcome([label], [predicted(truck, 0.03), sure])


def test_boxes_of_two_sensors_never_match() -> None:
    """What the left camera shows is not what the right one shows."""
    result = outcome([box("car", 0, "left")], [predicted(box("car", 0, "right"))])
    assert FrameOutcome(missed=1, spurious=1) == result


def test_overlap_and_certainty_are_the_rules() -> None:
    """Boxes match from the minimum IoU on; predictions below the minimum score do not count."""
    labels, predictions = [box("car", 0)], [predicted(box("car", 5), 0.4)]  # an IoU of a third

    assert FrameOutcome(missed=1, spurious=1) == outcome(labels, predictions)
    assert FrameOutcome(right=1) == outcome(labels, predictions, MatchRule(iou_min=0.3))
    assert FrameOutcome(missed=1) == outcome(
        labels, predictions, MatchRule(iou_min=0.3, score_min=0.5)
    )


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        (["car"], {"car": 0.9, "tram": 0.8}, FrameOutcome(right=1, predicted="car")),
        (["car"], {"car": 0.7, "tram": 0.8}, FrameOutcome(confused=1, predicted="tram")),
        (["car"], {}, FrameOutcome(missed=1)),
        ([], {"car": 0.9}, FrameOutcome(spurious=1, predicted="car")),
        ([], {}, FrameOutcome()),
    ],
)
def test_the_surest_class_counts(
    labels: list[str], scores: dict[str, float], expected: FrameOutcome
) -> None:
    """A classification has one class: that of the surest prediction."""
    shape = Classification2D()
    truth = [Label(id=name, class_name=name, shape=shape) for name in labels]
    predictions = [predicted(Label(id=n, class_name=n, shape=shape), s) for n, s in scores.items()]

    assert expected == compare(TaskType.CLASSIFICATION_2D, truth, predictions, RULE)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (FrameOutcome(right=3), 1.0),
        (FrameOutcome(right=2, missed=1, spurious=1), 2 / 3),
        (FrameOutcome(right=2, confused=1), 2 / 3),
        (FrameOutcome(right=1, missed=1), 2 / 3),
        (FrameOutcome(missed=2), 0.0),
        (FrameOutcome(confused=1), 0.0),
        (FrameOutcome(), 1.0),
    ],
)
def test_the_f1_is_worked_by_hand(result: FrameOutcome, expected: float) -> None:
    """What is confused is missed and spurious; where there is nothing, nothing is wrong."""
    assert expected == pytest.approx(result.f1)


boxes = st.lists(st.builds(box, st.sampled_from(["car", "tram"]), st.integers(0, 60)), max_size=8)


@given(boxes, boxes)
def test_nothing_is_counted_twice_or_not_at_all(
    labels: list[Label], predictions: list[Label]
) -> None:
    """Labels are right, confused or missed; predictions right, confused or spurious."""
    result = outcome(labels, [predicted(label) for label in predictions])

    assert len(labels) == result.right + result.confused + result.missed
    assert len(predictions) == result.right + result.confused + result.spurious
    assert bool(result.kinds) == (result != FrameOutcome(right=len(labels)))


def test_only_what_can_be_matched_is_compared() -> None:
    """Masks and cuboids are refused by name."""
    with pytest.raises(FailedPrecondition, match="SEMSEG_2D cannot be matched"):
        check_comparable(TaskType.SEMSEG_2D)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (MatchRule(iou_min=0), "iou_min: 0; expected more than 0"),
        (MatchRule(score_min=2), "score_min: 2 is not in"),
    ],
)
def test_a_rule_out_of_bounds_is_refused(rule: MatchRule, message: str) -> None:
    """The bounds of a rule are named."""
    with pytest.raises(InvalidArgument, match=message):
        rule.check()
