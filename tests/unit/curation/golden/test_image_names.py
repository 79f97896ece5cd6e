"""The names of a round's images."""

from __future__ import annotations

import pytest

from services.curation.golden.annotations import Annotations
from services.curation.golden.image_names import check_images_match, find_renamed
from sluice.errors import InvalidArgument
from tests.unit.curation.golden.annotated_rounds import image


def names(*image_ids: str) -> Annotations:
    """A round with these images."""
    return Annotations.of(map(image, image_ids))


def test_one_common_image_is_enough() -> None:
    """Golden images may be hidden among others, and some may be missing."""
    check_images_match(names("a", "b"), names("b", "x"))


NONE = "is in the golden set, which has '0.jpg', '1.jpg', '2.jpg', …; the round has"
RENAMED = (
    r"'images\\0.jpg', 'images\\1.jpg', 'images\\9.jpg'; without folders and case 2 match, "
    r"'images\\0.jpg' with '0.jpg': give the images the names that the golden set has"
)


@pytest.mark.parametrize(
    ("current", "message"),
    [
        (names(r"images\0.jpg", r"images\1.jpg", r"images\9.jpg"), f"{NONE} {RENAMED}"),
        (names("x.png"), f"images: none of the round's 1 images {NONE} 'x.png'"),
        (names(), "images: no images; at least one of the golden set is required"),
    ],
)
def test_a_round_of_other_images_is_refused(current: Annotations, message: str) -> None:
    """The error has names of both sides, and says where only the folders differ."""
    with pytest.raises(InvalidArgument) as error:
        check_images_match(names("0.jpg", "1.jpg", "2.jpg", "3.jpg"), current)

    assert error.value.message.endswith(message)


def test_names_that_two_images_share_are_not_guessed() -> None:
    """Without its folder, a name may stand for two images."""
    missing = ["a/0.jpg", "b/0.jpg", "a/1.JPG", "a/2.jpg"]

    assert {"a/1.JPG": "x/y/1.jpg"} == find_renamed(missing, ["0.jpg", "x/y/1.jpg", "c/9.jpg"])
