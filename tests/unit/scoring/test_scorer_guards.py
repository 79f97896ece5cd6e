"""A scorer rejects models without their basis, and malformed `frame_of_row`."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.scoring import ElementId, Scorer, build_basis, build_model, normalise

DIMENSION = 10


def draw(seed: int, rows: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    """Rows that all differ."""
    return (1 + np.random.default_rng(seed).normal(size=(rows, dimension))).astype(np.float32)


IDS = [ElementId(f"frame-{number}") for number in range(4)]
BASIS = build_basis(draw(1, 80))


def test_a_scorer_needs_the_bases_of_its_models() -> None:
    """A basis that is missing or not of the model's space is rejected by digest."""
    built = build_model(draw(1, 4), IDS, BASIS)
    with pytest.raises(InvalidArgument, match=f"{BASIS.digest}.*missing"):
        Scorer([built], {})
    with pytest.raises(InvalidArgument, match=f"{BASIS.digest}.*not of the model's space"):
        Scorer([built], {BASIS.digest: build_basis(draw(1, 80, 12))})


@pytest.mark.parametrize(
    ("frame_of_row", "frames"),
    [
        ([0, 0, 2], 3),  # frame 1 has no row
        ([0, 1, 1], 3),  # frame 2 has none
        ([0, 1, 2], 2),  # one frame too many
        ([1, 1, 2], 3),  # frame 0 has none
        ([0, 1, 0], None),  # frame 0 in two places
        ([-1, 0, 1], None),
        ([0, 1], None),  # a row without a frame
        ([[0], [1], [2]], None),
    ],
)
def test_rows_that_do_not_make_frames_are_refused(
    frame_of_row: list[int], frames: int | None
) -> None:
    """Every frame must have rows, these must be adjacent, and every row needs a frame."""
    scorer = Scorer([build_model(draw(1, 4), IDS, None)], {})
    with pytest.raises(InvalidArgument, match="frame_of_row"):
        scorer.score(normalise(draw(2, 3)), np.array(frame_of_row), frames)


def test_rows_without_a_frame_are_counted_too() -> None:
    """Without `frame_of_row` the number of frames must equal the number of rows."""
    scorer = Scorer([build_model(draw(1, 4), IDS, None)], {})
    with pytest.raises(InvalidArgument, match="frame_of_row"):
        scorer.score(normalise(draw(2, 3)), None, 4)
