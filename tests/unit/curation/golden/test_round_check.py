"""The check of a round."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.curation.golden.annotations import Annotations
from services.curation.golden.limits import GoldenLimits
from services.curation.golden.round_check import CheckDetails, check_round
from services.curation.golden.verdict import GoldenVerdict
from services.ledger.interface import Entry
from services.records.records import decode, encode
from sluice.errors import InvalidArgument
from tests.unit.curation.golden.annotated_rounds import CLASSES, box, image, round_of

Names = tuple[str, ...]
SCENES: list[Names] = [("car", "car", "van"), ("car", "tram"), ("car", "van"), ()]
IMAGES: list[Names] = SCENES * 10


def check(images: Sequence[Names], reference: Sequence[Names] = IMAGES) -> CheckDetails:
    """The check of a round, each image given by the classes of its objects."""
    return check_round(round_of(*reference), round_of(*images), CLASSES)


def test_no_common_image_is_insufficient() -> None:
    """Without an image of both rounds there is nothing to compare."""
    details = check([])

    assert (GoldenVerdict.INSUFFICIENT, None, None) == (
        details.verdict,
        details.drift,
        details.agreement,
    )
    assert 40 == len(details.missing)


def test_other_classes_are_listed_and_do_not_count() -> None:
    """Buses in every image do not change the verdict; the summary counts them apart."""
    details = check([(*names, "bus") for names in IMAGES])

    assert (GoldenVerdict.PASS, {"bus": 40}) == (details.verdict, details.current.other_classes)
    assert details.current.class_counts == details.reference.class_counts


@given(st.permutations(range(40)), st.permutations(range(40)))
def test_the_order_of_images_does_not_matter(first: list[int], second: list[int]) -> None:
    """All figures of a check are equal for any order of the images."""
    reference = round_of(*IMAGES).images
    current = round_of(*[names[1:] for names in IMAGES[:20]], *IMAGES[20:]).images

    shuffled = check_round(
        Annotations.of(reference[index] for index in first),
        Annotations.of(current[index] for index in second),
        CLASSES,
    )

    assert shuffled == check_round(Annotations(reference), Annotations(current), CLASSES)


def test_a_check_is_stored_and_read_whole() -> None:
    """A decoded check equals the encoded one."""
    details = check([()] * 20 + IMAGES[20:36])

    assert details == decode(CheckDetails, Entry(key="k", value=encode(details), revision=1))


def test_a_duplicate_class_is_refused() -> None:
    """Counts of one class in two columns would show a drift that does not exist."""
    with pytest.raises(InvalidArgument, match="duplicate class 'car'"):
        check_round(round_of(), round_of(), ("car", "car"))


def test_objects_are_matched_within_their_image() -> None:
    """An object never matches one of another image, even at the same place."""
    reference = Annotations.of([image(f"i{i:03}", box("car")) for i in range(40)])
    current = Annotations.of(
        [image(f"i{i:03}", *([box("car")] if i < 20 else [])) for i in range(40)]
    )

    agreement = check_round(reference, current, CLASSES).agreement

    assert agreement is not None
    assert (20, 40) == (agreement.recall.count, agreement.recall.total)


def test_limits_out_of_range_are_refused() -> None:
    """A check never runs with a limit that has no meaning."""
    with pytest.raises(InvalidArgument, match=r"limits.iou_warn: 2 is not in 0…1"):
        check_round(round_of(), round_of(), CLASSES, limits=GoldenLimits(iou_warn=2))
