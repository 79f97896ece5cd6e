"""The verdict on a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.curation.golden.annotations import Annotations
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.round_check import CheckDetails, check_round
from services.curation.golden.verdict import IMAGES_MIN, GoldenVerdict
from sluice.labels import Box2D
from tests.unit.curation.golden.annotated_rounds import CLASSES, round_of

Names = tuple[str, ...]
SCENES: list[Names] = [("car", "car", "van"), ("car", "tram"), ("car", "van"), ()]
IMAGES: list[Names] = SCENES * 10


def check(images: Sequence[Names], reference: Sequence[Names] = IMAGES) -> CheckDetails:
    """The check of a round, each image given by the classes of its objects."""
    return check_round(round_of(*reference), round_of(*images), CLASSES)


def judge(
    images: Sequence[Names], reference: Sequence[Names] = IMAGES
) -> tuple[GoldenVerdict, str]:
    """Verdict and reason of a round."""
    result = check(images, reference)
    return result.verdict, result.reason


def test_the_same_again_passes() -> None:
    """A round without a difference passes, and the reason has the number of images."""
    assert (GoldenVerdict.PASS, "no drift was found in 40 images") == judge(IMAGES)


def test_too_few_images_are_insufficient() -> None:
    """Under 30 images nothing is concluded, however large the drift; with 30 it is."""
    few: list[Names] = [("car",)] * (IMAGES_MIN - 1)
    gone: list[Names] = [()] * IMAGES_MIN

    result = judge(gone[:-1], few)

    assert (
        GoldenVerdict.INSUFFICIENT,
        "only 29 golden images were annotated; 30 are needed",
    ) == result
    assert GoldenVerdict.FAIL is judge(gone, [*few, ("car",)])[0]


def test_nothing_compared_is_insufficient() -> None:
    """Without a label that counts in either round, nothing is concluded."""
    empty: list[Names] = [()] * 40
    uncounted: list[Names] = [("Car",)] * 40

    for images, reference in ((uncounted, empty), (empty, uncounted), (uncounted, uncounted)):
        verdict, reason = judge(images, reference)

        assert GoldenVerdict.INSUFFICIENT is verdict
        assert reason.startswith("nothing was compared: none of ")
        assert "'Car' (" in reason
        assert "did you mean 'car'?" in reason
    assert GoldenVerdict.PASS is judge(empty, empty)[0]


def test_a_round_in_which_no_label_counts_fails_by_name() -> None:
    """The first reason has the classes that were not counted, and what they may mean."""
    verdict, reason = judge([("Car",) for _ in IMAGES])

    assert GoldenVerdict.FAIL is verdict
    expected = "none of 40 labels has a class of the class map: 'Car' (40; did you mean 'car'?)"
    assert reason.startswith(expected)


def test_labels_under_a_similar_name_warn() -> None:
    """Some labels of a class under another name are a mistake; classes of their own are not."""
    images: list[Names] = [*(("car", "Car", "bus") for _ in range(2)), *[("car",)] * 38]

    result = check(images, [("car",)] * 40)

    expected = "labels of the round were not counted: 'Car' (2; did you mean 'car'?)"
    assert (GoldenVerdict.WARN, expected) == (result.verdict, result.reason)


def test_a_class_that_is_missed_fails_the_round() -> None:
    """Half of the vans gone: the reason has the class, both counts, the change and the p-value."""
    images = [tuple(name for name in names if name != "van") for names in IMAGES[:20]]

    verdict, reason = judge([*images, *IMAGES[20:]])

    assert GoldenVerdict.FAIL is verdict
    assert reason.startswith("class 'van' has 10 objects where the reference has 20 (-50%, p = 0.0")


def test_a_small_certain_change_warns() -> None:
    """One car in thirty gone is significant in this many images, but too little to fail."""
    reference: list[Names] = [("car",) * 6] * 60
    current: list[Names] = [("car",) * 5] * 12 + [("car",) * 6] * 48

    verdict, reason = judge(current, reference)

    assert GoldenVerdict.WARN is verdict
    assert "class 'car' has 348 objects where the reference has 360 (-3%" in reason


def test_a_symmetric_confusion_fails_though_counts_stay() -> None:
    """Cars and vans exchanged in half of the images: no count changes, agreement does."""
    swap = {"car": "van", "van": "car"}
    reference: list[Names] = [("car", "van")] * 40
    current = [tuple(swap[name] for name in names) for names in reference[:20]] + reference[20:]

    verdict, reason = judge(current, reference)

    assert GoldenVerdict.FAIL is verdict
    assert "40 of 80 of the reference's objects agree, surely under 75%" in reason


def test_a_rare_class_that_is_mostly_wrong_is_found() -> None:
    """Trams and vans exchanged, each one object of ten: agreement as a whole stays over 75 %."""
    reference: list[Names] = [(*["car"] * 8, "van", "tram")] * 40
    current: list[Names] = [(*["car"] * 8, "tram", "van")] * 40

    reasons = [finding.reason for finding in check(current, reference).findings]

    assert "0 of 40 of the reference's 'tram' objects agree, surely under 50%" in reasons


def test_images_that_became_empty_fail_the_round() -> None:
    """Nine images lost their labels, none got any; the classes change too little to be reported."""
    reference: list[Names] = [("car",)] * 100
    result = check([()] * 9 + reference[9:], reference)

    [reason] = [f.reason for f in result.findings if "empty" in f.reason]
    assert reason == "9 of 100 images are empty where 0 were (p = 0.0039)"
    assert GoldenVerdict.FAIL is next(f.verdict for f in result.findings if "empty" in f.reason)


def test_detections_that_vanish_over_all_classes_warn() -> None:
    """Four objects of each class gone may be chance, twelve of all classes are not."""
    reference: list[Names] = [CLASSES] * 60
    current = [tuple(n for n in CLASSES if n != CLASSES[i % 3]) for i in range(9)] + reference[9:]

    result = check(current, reference)

    assert GoldenVerdict.WARN is result.verdict
    assert "images have 2.85 detections where they had 3.00 (p = 0.00" in result.reason


def test_loose_boxes_warn() -> None:
    """Objects match, but boxes that are half as wide again overlap by two thirds."""
    images = round_of(*IMAGES).images
    loose = Annotations.of(
        replace(x, labels=tuple(replace(label, shape=wider(label.shape)) for label in x.labels))
        for x in images
    )

    result = check_round(Annotations(images), loose, CLASSES)

    expected = "matched boxes overlap by 0.67, surely under 0.75"
    assert (GoldenVerdict.WARN, expected) == (result.verdict, result.reason)


def wider(shape: object) -> Box2D:
    """The box, half as wide again."""
    assert isinstance(shape, Box2D)
    return replace(shape, width=1.5 * shape.width)


def test_images_that_were_left_out_warn() -> None:
    """A round without some golden images is judged by the others, and the reason says so."""
    result = check(IMAGES[:36])

    assert (GoldenVerdict.WARN, ("i036", "i037", "i038", "i039")) == (
        result.verdict,
        result.missing,
    )
    assert result.reason.startswith("4 of 40 golden images were not annotated, 'i036' first")
    assert (36, 40) == (result.current.images, result.reference.images)


def test_images_under_other_names_are_named() -> None:
    """Where missing images may be in the round under another name, the reason says so."""
    reference = round_of(*IMAGES)
    moved = [replace(x, id=f"batch/{x.id}") for x in reference.images]

    some = check_round(reference, Annotations.of([*reference.images[4:], *moved[:4]]), CLASSES)
    most = check_round(reference, Annotations.of([*reference.images[:4], *moved[4:]]), CLASSES)

    named = "may have other names: 'batch/i000' in the round for 'i000'"
    assert some.reason.endswith(f"; 4 {named}")
    assert most.reason.startswith("only 4 golden images were annotated; 30 are needed; 36 may have")


def test_the_worst_reason_is_first() -> None:
    """It decides the verdict, and its sentence has the number of further reasons."""
    result = check([()] * 20 + IMAGES[20:36])

    assert GoldenVerdict.FAIL is result.findings[0].verdict
    assert (
        result.reason
        == f"{result.findings[0].reason} (and {len(result.findings) - 1} more findings)"
    )
    assert GoldenVerdict.WARN is result.findings[-1].verdict


def test_a_team_sets_its_own_limits() -> None:
    """A round that fails by default passes with wide enough limits."""
    swap = {"car": "van", "van": "car"}
    reference: list[Names] = [("car", "van")] * 40
    current = [tuple(swap[name] for name in names) for names in reference[:20]] + reference[20:]
    wide = GoldenLimits(agreement_fail=0.3, agreement_warn=0.4, class_agreement_fail=0.3)

    result = check_round(round_of(*reference), round_of(*current), CLASSES, limits=wide)

    assert GoldenVerdict.PASS is result.verdict
