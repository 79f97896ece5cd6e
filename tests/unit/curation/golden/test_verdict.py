"""The verdict on a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.golden.annotations import Annotations
from services.curation.golden.verdict import (
    IMAGES_MIN,
    CheckDetails,
    GoldenLimits,
    GoldenVerdict,
    check_round,
)
from services.ledger.interface import Entry
from services.records.records import decode, encode
from sluice.errors import InvalidArgument
from sluice.labels import Box2D
from tests.unit.curation.golden.rounds import CLASSES, box, image, round_of

Names = tuple[str, ...]
SCENES: list[Names] = [("car", "car", "van"), ("car", "tram"), ("car", "van"), ()]
IMAGES: list[Names] = SCENES * 10


def check(images: Sequence[Names], reference: Sequence[Names] = IMAGES) -> CheckDetails:
    """The check of a round, each image given by the classes of its objects."""
    return check_round(round_of(*reference), round_of(*images), CLASSES)


def said(images: Sequence[Names], reference: Sequence[Names] = IMAGES) -> tuple[GoldenVerdict, str]:
    """Verdict and reason of a round."""
    found = check(images, reference)
    return found.verdict, found.reason


def test_the_same_again_passes() -> None:
    """A round that agrees in everything passes, and says of how many images."""
    assert (GoldenVerdict.PASS, "no drift was found in 40 images") == said(IMAGES)


def test_too_few_images_are_insufficient() -> None:
    """Under 30 images nothing is concluded, however large the drift; with 30 it is."""
    few: list[Names] = [("car",)] * (IMAGES_MIN - 1)
    gone: list[Names] = [()] * IMAGES_MIN

    found = said(gone[:-1], few)

    assert (
        GoldenVerdict.INSUFFICIENT,
        "only 29 golden images were annotated; 30 are needed",
    ) == found
    assert GoldenVerdict.FAIL is said(gone, [*few, ("car",)])[0]


def test_no_common_image_is_insufficient() -> None:
    """Where nothing was annotated again there is nothing to compare."""
    found = check([])

    assert (GoldenVerdict.INSUFFICIENT, None, None) == (found.verdict, found.drift, found.agreement)
    assert 40 == len(found.missing)


def test_a_class_that_is_missed_fails_the_round() -> None:
    """Half of the vans gone: the class, both counts, the change and the p-value are said."""
    images = [tuple(name for name in names if name != "van") for names in IMAGES[:20]]

    verdict, reason = said([*images, *IMAGES[20:]])

    assert GoldenVerdict.FAIL is verdict
    assert reason.startswith("class 'van' has 10 objects where the reference has 20 (-50%, p = 0.0")


def test_a_small_certain_change_warns() -> None:
    """One car in thirty gone is no chance among 300 images, and does not stop anybody."""
    reference: list[Names] = [("car",) * 6] * 60
    current: list[Names] = [("car",) * 5] * 12 + [("car",) * 6] * 48

    verdict, reason = said(current, reference)

    assert GoldenVerdict.WARN is verdict
    assert "class 'car' has 348 objects where the reference has 360 (-3%" in reason


def test_a_symmetric_confusion_is_found_though_counts_stay() -> None:
    """Cars and vans exchanged in half of the images: no count changes, agreement does."""
    swap = {"car": "van", "van": "car"}
    reference: list[Names] = [("car", "van")] * 40
    current = [tuple(swap[name] for name in names) for names in reference[:20]] + reference[20:]

    verdict, reason = said(current, reference)

    assert GoldenVerdict.FAIL is verdict
    assert "40 of 80 of the reference's objects agree, surely under 75%" in reason


def test_a_rare_class_that_is_mostly_wrong_is_found() -> None:
    """Trams and vans exchanged, each one object of ten: agreement as a whole stays over 75 %."""
    reference: list[Names] = [(*["car"] * 8, "van", "tram")] * 40
    current: list[Names] = [(*["car"] * 8, "tram", "van")] * 40

    reasons = [finding.reason for finding in check(current, reference).findings]

    assert "0 of 40 of the reference's 'tram' objects agree, surely under 50%" in reasons


def test_images_that_became_empty_fail_the_round() -> None:
    """Nine images lost their labels, none got any; the classes change too little to be said."""
    reference: list[Names] = [("car",)] * 100
    found = check([()] * 9 + reference[9:], reference)

    [reason] = [f.reason for f in found.findings if "empty" in f.reason]
    assert reason == "9 of 100 images are empty where 0 were (p = 0.0039)"
    assert GoldenVerdict.FAIL is next(f.verdict for f in found.findings if "empty" in f.reason)


def test_detections_that_vanish_over_all_classes_warn() -> None:
    """Four objects of each class gone are chance, twelve of all classes are not."""
    reference: list[Names] = [CLASSES] * 60
    current = [tuple(n for n in CLASSES if n != CLASSES[i % 3]) for i in range(9)] + reference[9:]

    found = check(current, reference)

    assert GoldenVerdict.WARN is found.verdict
    assert "images have 2.85 detections where they had 3.00 (p = 0.00" in found.reason


def test_loose_boxes_warn() -> None:
    """Objects are found, but boxes half again as large overlap by two thirds."""
    images = round_of(*IMAGES).images
    loose = Annotations.of(
        replace(x, labels=tuple(replace(label, shape=wider(label.shape)) for label in x.labels))
        for x in images
    )

    found = check_round(Annotations(images), loose, CLASSES)

    expected = "matched boxes overlap by 0.67, surely under 0.75"
    assert (GoldenVerdict.WARN, expected) == (found.verdict, found.reason)


def wider(shape: object) -> Box2D:
    """The box, half again as wide."""
    assert isinstance(shape, Box2D)
    return replace(shape, width=1.5 * shape.width)


def test_images_that_were_left_out_warn() -> None:
    """A round without some golden images is judged by the others, and says so."""
    found = check(IMAGES[:36])

    assert (GoldenVerdict.WARN, ("i036", "i037", "i038", "i039")) == (found.verdict, found.missing)
    assert found.reason.startswith("4 of 40 golden images were not annotated, 'i036' first")
    assert (36, 40) == (found.current.images, found.reference.images)


def test_other_classes_are_listed_and_play_no_part() -> None:
    """Buses everywhere change nothing of the verdict; the summary counts them apart."""
    found = check([(*names, "bus") for names in IMAGES])

    assert (GoldenVerdict.PASS, {"bus": 40}) == (found.verdict, found.current.other_classes)
    assert found.current.class_counts == found.reference.class_counts


def test_the_worst_finding_is_the_reason() -> None:
    """It stands first, and the sentence says how many more there are."""
    found = check([()] * 20 + IMAGES[20:36])

    assert GoldenVerdict.FAIL is found.findings[0].verdict
    assert (
        found.reason == f"{found.findings[0].reason} (and {len(found.findings) - 1} more findings)"
    )
    assert GoldenVerdict.WARN is found.findings[-1].verdict


def test_a_team_sets_its_own_limits() -> None:
    """What fails by default passes where the limits are wide enough to allow it."""
    swap = {"car": "van", "van": "car"}
    reference: list[Names] = [("car", "van")] * 40
    current = [tuple(swap[name] for name in names) for names in reference[:20]] + reference[20:]
    wide = GoldenLimits(agreement_fail=0.3, agreement_warn=0.4, class_agreement_fail=0.3)

    found = check_round(round_of(*reference), round_of(*current), CLASSES, limits=wide)

    assert GoldenVerdict.PASS is found.verdict


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan")])
def test_a_limit_that_is_no_share_is_refused(limit: float) -> None:
    """A limit of 90 instead of 0.9 would let nothing pass, one of -1 everything."""
    with pytest.raises(InvalidArgument, match=r"limits.agreement_fail: \S+ is not in 0…1"):
        check_round(round_of(), round_of(), CLASSES, limits=GoldenLimits(agreement_fail=limit))


@given(st.permutations(range(40)), st.permutations(range(40)))
def test_the_order_of_images_means_nothing(first: list[int], second: list[int]) -> None:
    """The whole check is the same, figure by figure, however the images come."""
    reference = round_of(*IMAGES).images
    current = round_of(*[names[1:] for names in IMAGES[:20]], *IMAGES[20:]).images

    shuffled = check_round(
        Annotations.of(reference[index] for index in first),
        Annotations.of(current[index] for index in second),
        CLASSES,
    )

    assert shuffled == check_round(Annotations(reference), Annotations(current), CLASSES)


def test_a_check_is_stored_and_read_whole() -> None:
    """What the ledger gives back is the check that was put in."""
    found = check([()] * 20 + IMAGES[20:36])

    assert found == decode(CheckDetails, Entry(key="k", value=encode(found), revision=1))


def test_a_class_map_with_a_name_twice_is_refused() -> None:
    """Counts of one class in two columns would be a drift of nothing."""
    with pytest.raises(InvalidArgument, match="'car' stands twice"):
        check_round(round_of(), round_of(), ("car", "car"))


def test_images_of_one_object_each_are_matched_in_their_image() -> None:
    """An object is never that of another image, even at the same place."""
    reference = Annotations.of([image(f"i{i:03}", box("car")) for i in range(40)])
    current = Annotations.of(
        [image(f"i{i:03}", *([box("car")] if i < 20 else [])) for i in range(40)]
    )

    agreement = check_round(reference, current, CLASSES).agreement

    assert agreement is not None
    assert (20, 40) == (agreement.recall.count, agreement.recall.total)
