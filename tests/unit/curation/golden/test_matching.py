"""Matching the objects of one image by COCO's rules."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from services.curation.golden.matching import (
    ANY_AREA,
    ImageObjects,
    ObjectMatches,
    match_objects,
    overlap,
)
from services.curation.golden.object_pairs import SIZES
from sluice.errors import InvalidArgument

SCENES = 200
CLASSES = 3
AREA_RANGES = {"all": ANY_AREA, **SIZES}


def objects(
    *boxes: tuple[float, ...], classes: str = "", crowd: str = "", scores: Any = None
) -> ImageObjects:
    """Objects of an image: a letter of `classes` for each class, `c` in `crowd` for a crowd."""
    return ImageObjects(
        np.array(boxes, np.float64).reshape(-1, 4),
        np.array([ord(name) for name in classes or "a" * len(boxes)], np.intp),
        np.array([mark == "c" for mark in crowd.ljust(len(boxes))], np.bool_),
        None if scores is None else np.array(scores, np.float64),
    )


def as_lists(matches: ObjectMatches) -> dict[str, Any]:
    """The rows of each outcome that has any."""
    names = ("right", "confused", "missed", "spurious", "ignored")
    rows = {name: getattr(matches, name).tolist() for name in names}
    return {name: entries for name, entries in rows.items() if entries}


def test_overlap_of_hand_worked_boxes() -> None:
    """Equal, half over half, touching, and apart; of a crowd, the share of the current box."""
    first = objects((0, 0, 2, 2), (0, 0, 9, 9), crowd=" c")
    second = objects((0, 0, 2, 2), (1, 0, 2, 2), (2, 0, 2, 2), (8, 8, 2, 2))

    np.testing.assert_allclose([[1, 2 / 6, 0, 0], [1, 1, 1, 1 / 4]], overlap(first, second))


def test_the_surest_prediction_chooses_first() -> None:
    """It takes the object though another one overlaps it better; that one is spurious."""
    reference = objects((0, 0, 10, 10))
    current = objects((0, 0, 10, 10), (0, 0, 10, 8), scores=[0.4, 0.9])

    expected = {"right": [[0, 1]], "spurious": [0]}
    assert expected == as_lists(match_objects(reference, current))


def test_a_sure_box_keeps_its_object_from_another_class() -> None:
    """A box of the right class is right, whatever another class's box overlaps better."""
    reference = objects((0, 0, 100, 100), classes="v")
    current = objects((0, 0, 72, 100), (0, 0, 85, 100), classes="vt", scores=[0.95, 0.03])

    expected = {"right": [[0, 0]], "spurious": [1]}
    assert expected == as_lists(match_objects(reference, current))


def test_without_scores_the_best_overlap_goes_first() -> None:
    """The order of annotations does not decide who gets an object."""
    reference = objects((0, 0, 10, 10))
    loose, tight = (0, 0, 10, 8), (0, 0, 10, 10)

    for boxes in ((loose, tight), (tight, loose)):
        [[_, taken]] = match_objects(reference, objects(*boxes)).right.tolist()
        assert tight == boxes[taken]


def test_what_is_left_is_matched_across_classes() -> None:
    """A place with two classes is confused; without any match it is missed or spurious."""
    reference = objects((0, 0, 10, 10), (50, 0, 10, 10), (90, 0, 10, 10), classes="aab")
    current = objects((50, 1, 10, 10), (0, 0, 10, 10), (200, 0, 10, 10), classes="bab")

    expected = {"right": [[0, 1]], "confused": [[1, 0]], "missed": [2], "spurious": [2]}
    assert expected == as_lists(match_objects(reference, current))


def test_a_crowd_absorbs_what_is_in_it() -> None:
    """It is never missed or used up, and absorbs only its class, and only what finds no object."""
    reference = objects((0, 0, 100, 100), (0, 0, 20, 20), (500, 0, 50, 50), crowd="c c")
    boxes = [(0, 0, 20, 20), (30, 0, 20, 20), (60, 0, 20, 20), (60, 50, 20, 20), (90, 0, 30, 20)]
    current = objects(*boxes, classes="aaaba")

    expected = {"right": [[1, 0]], "spurious": [3, 4], "ignored": [1, 2]}
    assert expected == as_lists(match_objects(reference, current))


def test_a_crowd_of_the_current_round_is_ignored() -> None:
    """It finds no object, and it is not spurious."""
    matches = match_objects(objects((0, 0, 10, 10)), objects((0, 0, 10, 10), crowd="c"))

    assert {"missed": [0], "ignored": [0]} == as_lists(matches)


def test_the_minimum_iou_matches() -> None:
    """An IoU of exactly the minimum matches, one below it does not; 1 is what equal boxes have."""
    reference, half = objects((0, 0, 10, 10)), objects((0, 0, 10, 5))

    assert 1 == len(match_objects(reference, half).right)
    assert 0 == len(match_objects(reference, half, iou_min=0.5001).right)
    assert 1 == len(match_objects(reference, reference, iou_min=1).right)


sides = st.integers(1, 4)
# Few places, so that many overlap and many are equal.
some_objects = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), sides, sides, st.sampled_from("ab")),
    max_size=6,
).map(lambda rows: objects(*[row[:4] for row in rows], classes="".join(row[4] for row in rows)))


@given(some_objects, some_objects, st.sampled_from(["", "c"]))
def test_every_object_has_one_outcome(
    reference: ImageObjects, current: ImageObjects, crowd: str
) -> None:
    """Reference rows but crowds are right, confused or missed; current rows have one outcome."""
    reference = ImageObjects(
        reference.boxes, reference.classes, reference.crowd | (reference.boxes[:, 0] == len(crowd))
    )
    matches = match_objects(reference, current)

    pairs = np.concatenate([matches.right, matches.confused])
    counted = np.flatnonzero(~reference.crowd).tolist()
    assert counted == sorted([*pairs[:, 0], *matches.missed])
    assert list(range(len(current.boxes))) == sorted(
        [*pairs[:, 1], *matches.spurious, *matches.ignored]
    )


@pytest.mark.parametrize("limit", [0, 1.01, float("nan")])
def test_an_iou_out_of_range_is_refused(limit: float) -> None:
    """The minimum IoU must be over 0 and at most 1."""
    with pytest.raises(InvalidArgument, match="iou_min"):
        match_objects(objects(), objects(), iou_min=limit)


def draw_scene(rng: np.random.Generator) -> tuple[ImageObjects, ImageObjects]:
    """Random objects and predictions, often at equal places with equal scores; often none."""
    count, near, far = rng.integers(1, 12, 3) * (rng.random(3) < 3 / 4)
    corners = rng.integers(0, 8, (count, 2)) * 16.0
    sizes = rng.choice([16.0, 24.0, 32.0, 48.0, 96.0, 128.0], (count, 2))
    boxes, classes = np.hstack([corners, sizes]), rng.integers(0, CLASSES, count)
    copied = rng.integers(0, count, near if count else 0)
    moved = boxes[copied] + rng.choice([0, 0, 0, 8, -8], (len(copied), 4)) * [1, 1, 0.5, 0.5]
    apart = np.hstack([rng.integers(0, 128, (far, 2)), rng.integers(1, 128, (far, 2))])
    found = np.concatenate([moved, apart])
    found_classes = np.concatenate([classes[copied], rng.integers(0, CLASSES, far)])
    return (
        ImageObjects(boxes, classes, rng.random(count) < 0.2),
        ImageObjects(
            found,
            found_classes,
            np.zeros(len(found), np.bool_),
            rng.integers(1, 6, len(found)) / 8,
        ),
    )


def equal_overlaps() -> list[tuple[ImageObjects, ImageObjects]]:
    """Scenes whose surest prediction overlaps two objects equally, the second one only the left."""
    left, right = (0, 0, 10, 10), (4, 0, 10, 10)
    found = ((2, 0, 10, 10), (-2, 0, 10, 10))
    return [
        (objects(*boxes, classes="\0\0"), objects(*found, classes="\0\0", scores=[0.9, 0.8]))
        for boxes in ((left, right), (right, left))
    ]


def evaluate_with_pycocotools(
    scenes: list[tuple[ImageObjects, ImageObjects]], iou_min: float
) -> dict[tuple[int, int, str], tuple[int, ...]]:
    """True positives, false negatives, false positives and ignored by image, class and areas."""
    truth, found = COCO(), []
    truth.dataset = {
        "images": [{"id": number} for number in range(len(scenes))],
        "categories": [{"id": index} for index in range(CLASSES)],
        "annotations": [],
    }
    for number, (reference, current) in enumerate(scenes):
        for row, box in enumerate(reference.boxes.tolist()):
            annotation = {
                "id": len(truth.dataset["annotations"]) + 1,
                "image_id": number,
                "category_id": int(reference.classes[row]),
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": int(reference.crowd[row]),
            }
            truth.dataset["annotations"].append(annotation)
        assert current.scores is not None
        for row, box in enumerate(current.boxes.tolist()):
            prediction = {
                "image_id": number,
                "category_id": int(current.classes[row]),
                "bbox": box,
                "score": float(current.scores[row]),
            }
            found.append(prediction)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.params.iouThrs = np.array([iou_min])
        evaluation.params.maxDets = [1_000]
        evaluation.params.areaRng = [list(limits) for limits in AREA_RANGES.values()]
        evaluation.params.areaRngLbl = list(AREA_RANGES)
        evaluation.evaluate()
    names = {limits: name for name, limits in AREA_RANGES.items()}
    return {
        (result["image_id"], result["category_id"], names[tuple(result["aRng"])]): count(result)
        for result in evaluation.evalImgs
        if result is not None
    }


def count(result: dict[str, Any]) -> tuple[int, ...]:
    """The counts of one image, class and range of areas."""
    counted, matched = ~result["dtIgnore"][0].astype(bool), result["dtMatches"][0] > 0
    missed = ~result["gtIgnore"].astype(bool) & (result["gtMatches"][0] == 0)
    right, spurious, ignored = counted & matched, counted & ~matched, ~counted
    return tuple(int(rows.sum()) for rows in (right, missed, spurious, ignored))


@pytest.mark.parametrize("iou_min", [0.2, 0.5, 0.75, 1.0])
def test_counts_are_those_of_pycocotools(iou_min: float) -> None:
    """On 200 random scenes with crowds, ties, empty images and ranges of areas."""
    rng = np.random.default_rng(14)
    scenes = [*(draw_scene(rng) for _ in range(SCENES)), *equal_overlaps()]
    expected = evaluate_with_pycocotools(scenes, iou_min)

    for (number, index, name), counts in expected.items():
        reference, current = scenes[number]
        matches = match_objects(reference, current, iou_min=iou_min, area_range=AREA_RANGES[name])
        assert counts == count_class(matches, reference.classes, current.classes, index)
    # The scenes are not trivial: each outcome occurs often.
    assert min(np.sum(list(expected.values()), axis=0)) > SCENES // 2


def count_class(
    matches: ObjectMatches, reference: NDArray[np.intp], current: NDArray[np.intp], index: int
) -> tuple[int, ...]:
    """Our counts of one class, in COCO's terms."""
    missed = [*matches.missed, *matches.confused[:, 0]]
    spurious = [*matches.spurious, *matches.confused[:, 1]]
    return (
        int((reference[matches.right[:, 0]] == index).sum()),
        int((reference[missed] == index).sum()) if missed else 0,
        int((current[spurious] == index).sum()) if spurious else 0,
        int((current[matches.ignored] == index).sum()),
    )
