"""Drift: whether two rounds of the same images differ by more than chance, and by how much.

All tests are paired: an image is compared with itself, so differences between images cost no power.
Random numbers are drawn from a seed, so equal rounds give equal results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from services.curation.golden.annotations import check_classes
from services.curation.intervals import Interval, Share, bootstrap_mean, split_draws
from services.records.records import Record
from sluice.errors import InvalidArgument

PERMUTATIONS: Final = 10_000
"""Enough to tell p = 0.03 within 0.004 (two standard errors)."""

SMOOTHING: Final = 0.5
"""What is added to each class's count for the two divergences, so that none is infinite."""

_P_STEPS = 10
"""Steps of the smallest p-value below the level of one class, at least. More classes need more
permutations, or no class of a large map could ever be significant."""

_LEVEL_FINEST = 0.01


class ClassDrift(Record, frozen=True, kw_only=True):
    """How a class's count changed: p-values before and after Holm's correction."""

    name: str
    reference: int
    current: int
    p_value: float
    p_adjusted: float

    @property
    def change(self) -> float | None:
        """The change relative to the reference; None where the reference has none."""
        return (self.current - self.reference) / self.reference if self.reference else None


class EmptyDrift(Record, frozen=True, kw_only=True):
    """Images without a label: shares in both rounds, and McNemar's exact p-value.

    `emptied` counts images that lost all labels, `filled` those that got their first.
    """

    reference: Share
    current: Share
    emptied: int
    filled: int
    p_value: float


class DetectionsDrift(Record, frozen=True, kw_only=True):
    """Detections per image: means of both rounds, and the sign-flip p-value of their difference.

    The intervals, at 95 %, are bootstrapped over images.
    """

    reference: float
    current: float
    current_interval: Interval
    difference: float
    difference_interval: Interval
    p_value: float


class Drift(Record, frozen=True, kw_only=True):
    """All comparisons of two rounds. The divergences are for display: they test nothing."""

    classes: tuple[ClassDrift, ...]
    empty: EmptyDrift
    detections: DetectionsDrift
    jensen_shannon: float
    psi: float


def measure_drift(
    reference: NDArray[np.int64],
    current: NDArray[np.int64],
    classes: Sequence[str],
    *,
    seed: int = 0,
) -> Drift:
    """Compare class counts of the same images, both `(images, classes)`.

    Raises InvalidArgument for shapes that differ or do not fit the classes, and for no image.
    """
    _check_counts(reference, current, classes)
    p_values = sign_flip(current - reference, seed=seed)
    totals = reference.sum(axis=0), current.sum(axis=0)
    # A class that never changed cannot have a p-value below 1, so Holm's correction skips it.
    tested = (current != reference).any(axis=0)
    adjusted = np.ones(len(classes))
    adjusted[tested] = holm(p_values[tested])
    return Drift(
        classes=tuple(
            ClassDrift(
                name=name,
                reference=int(totals[0][column]),
                current=int(totals[1][column]),
                p_value=float(p_values[column]),
                p_adjusted=float(adjusted[column]),
            )
            for column, name in enumerate(classes)
        ),
        empty=_compare_empty(reference.sum(axis=1) == 0, current.sum(axis=1) == 0),
        detections=_compare_detections(reference.sum(axis=1), current.sum(axis=1), seed),
        jensen_shannon=jensen_shannon(*totals),
        psi=psi(*totals),
    )


def sign_flip(differences: NDArray[np.int64], *, seed: int = 0) -> NDArray[np.float64]:
    """Two-sided p-values of the sums of paired differences `(images, columns)`: `(columns,)`.

    Without drift each image's difference is as likely as its negative (Fisher 1935), so the sum
    is compared with sums under random signs. The sum itself counts as one of the draws, so no
    p-value is 0, and the test is valid for any number of draws (Phipson and Smyth 2010).
    """
    rng = np.random.default_rng(seed)
    changed = differences[differences.any(axis=1)].astype(np.float32)  # exact below 2²⁴
    observed = np.abs(changed.sum(axis=0))
    draws = _permutations(int(differences.any(axis=0).sum()))
    extreme = np.zeros(differences.shape[1], np.int64)
    for count in split_draws(draws, sum(changed.shape)):
        signs = _signs(rng, count, len(changed))
        extreme += (np.abs(signs @ changed) >= observed).sum(axis=0)
    return np.asarray((extreme + 1) / (draws + 1), np.float64)


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-values corrected for several hypotheses (Holm 1979), `(hypotheses,)`."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.maximum.accumulate(np.minimum(p_values[order] * factors, 1))
    return adjusted


def mcnemar(first: int, second: int) -> float:
    """McNemar's exact two-sided p-value of the pairs that changed in either direction."""
    changed = first + second
    if not changed:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(first, second), changed, 0.5)))


def jensen_shannon(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """The Jensen–Shannon divergence of two class mixes, in bits, 0 to 1; counts are smoothed."""
    p, q = _smooth(first), _smooth(second)
    middle = (p + q) / 2
    bits = (p * np.log2(p / middle) + q * np.log2(q / middle)).sum() / 2
    return max(0.0, float(bits))


def psi(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """The population stability index of two class mixes, in nats; counts are smoothed."""
    p, q = _smooth(first), _smooth(second)
    return float(((q - p) * np.log(q / p)).sum())


def _smooth(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    smoothed = counts + SMOOTHING
    return np.asarray(smoothed / smoothed.sum(), np.float64)


def _permutations(columns: int) -> int:
    return max(PERMUTATIONS, math.ceil(columns * _P_STEPS / _LEVEL_FINEST))


def _signs(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float32]:
    """Random signs `(rows, columns)`, one bit each."""
    random = np.frombuffer(rng.bytes(rows * -(-columns // 8)), np.uint8).reshape(rows, -1)
    return np.unpackbits(random, axis=1, count=columns).astype(np.float32) * 2 - 1


def _compare_empty(reference: NDArray[np.bool_], current: NDArray[np.bool_]) -> EmptyDrift:
    emptied, filled = int((current & ~reference).sum()), int((reference & ~current).sum())
    return EmptyDrift(
        reference=Share.of(int(reference.sum()), len(reference)),
        current=Share.of(int(current.sum()), len(current)),
        emptied=emptied,
        filled=filled,
        p_value=mcnemar(emptied, filled),
    )


def _compare_detections(
    reference: NDArray[np.int64], current: NDArray[np.int64], seed: int
) -> DetectionsDrift:
    difference = current - reference
    return DetectionsDrift(
        reference=float(reference.mean()),
        current=float(current.mean()),
        current_interval=bootstrap_mean(current.astype(np.float64)),
        difference=float(difference.mean()),
        difference_interval=bootstrap_mean(difference.astype(np.float64)),
        p_value=float(sign_flip(difference[:, None], seed=seed)[0]),
    )


def _check_counts(
    reference: NDArray[np.int64], current: NDArray[np.int64], classes: Sequence[str]
) -> None:
    check_classes(classes)
    if reference.shape != current.shape or reference.shape[1:] != (len(classes),):
        problem = f"{current.shape} and {reference.shape}; both must be (images, {len(classes)})"
        raise InvalidArgument.of("current", problem)
    if not len(reference):
        raise InvalidArgument.of("reference", "no images; a comparison needs at least one")
