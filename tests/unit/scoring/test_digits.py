"""The kernel on real data: handwritten digits of one class among all ten."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from sluice.scoring import ElementId, Scorer, build_basis, build_model, normalise

ISSUES_PER_CLASS = 3


@pytest.mark.parametrize(
    ("size", "precision_min", "member_share_min", "frame_share_max"),
    [(10, 0.92, 0.70, 0.072), (30, 0.97, 0.82, 0.074)],
)
def test_digits_of_a_class_are_found(
    size: int, precision_min: float, member_share_min: float, frame_share_max: float
) -> None:
    """Scores rank the issue's class first; at 0.5 most of the class passes and few other frames.

    Design, on this data: average precision .84 over issues of 3 to 100; members passing / all
    frames passing .66/.066 and .82/.074 for issues of 10 and 30, where a class is 10 % of all.
    Measured here: .94, .72/.070 and .98, .83/.072; the issue's own elements are not counted.
    """
    pixels, digits = load_digits(return_X_y=True)
    basis = build_basis(pixels)
    unit = normalise(pixels)
    measurements = []
    for digit in range(10):
        for repetition in range(ISSUES_PER_CLASS):
            rng = np.random.default_rng([digit, repetition])
            issue = rng.choice(np.flatnonzero(digits == digit), size, replace=False)
            model = build_model(pixels[issue], [ElementId(str(row)) for row in issue], basis)
            scores = Scorer([model], {basis.digest: basis}).score(unit)
            is_new = np.ones(len(digits), bool)
            is_new[issue] = False
            is_member = digits == digit
            passes = scores.scores[:, 0] >= 0.5
            measurements.append(
                (
                    average_precision_score(is_member[is_new], scores.contrasts[is_new, 0]),
                    passes[is_new & is_member].mean(),
                    passes[is_new].mean(),
                )
            )
    precision, member_share, frame_share = np.mean(measurements, axis=0)
    assert precision >= precision_min
    assert member_share >= member_share_min
    assert frame_share <= frame_share_max
