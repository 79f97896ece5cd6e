from __future__ import annotations

import numpy as np
import pytest

from demo.truth import Quality, measure_quality

ARCHIVE = np.arange(10, 20)
IS_MEMBER = np.isin(np.arange(30), [1, 10, 11, 12, 13])  # four of the archive's ten
IS_HARD = np.isin(np.arange(30), [2, 12, 19])  # two of the archive's ten


def test_precision_and_recall_are_of_the_archive() -> None:
    """Frames outside the archive count neither for a selection nor for random selection."""
    expected = Quality(
        precision=3 / 5,
        precision_random=4 / 10,
        recall=3 / 4,
        recall_random=5 / 10,
        precision_hard=1 / 5,
        precision_hard_random=2 / 10,
        recall_hard=1 / 2,
    )

    assert expected == measure_quality([10, 11, 12, 18, 17], ARCHIVE, IS_MEMBER, IS_HARD)


@pytest.mark.parametrize(("selected", "precision", "recall"), [([], 0, 0), ([10, 10], 1, 1 / 4)])
def test_a_frame_counts_once(selected: list[int], precision: float, recall: float) -> None:
    """Selecting a frame twice is selecting it; selecting nothing finds nothing."""
    quality = measure_quality(selected, ARCHIVE, IS_MEMBER, IS_HARD)

    assert (precision, recall) == (quality.precision, quality.recall)
