"""The learning curve: the error by the number of labelled groups, and the gain of more groups.

error(n) = a · n^−b + c, the power law of learning curves (Hestness et al. 2017). For a given
exponent b, a and c are a bounded linear fit in closed form. So only b is searched, and a thousand
resampled curves take a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.curation.intervals import Interval, percentile
from services.curation.progress.metric import check_shares
from services.records.records import Record
from sluice.errors import InvalidArgument

SIZES_MIN: Final = 4
"""Three parameters fit any three points exactly; a fourth one tests the fit."""

EXPONENT_MIN, EXPONENT_MAX = 0.05, 2.0
"""Measured exponents are between 0.07 and 1; flatter is constant, steeper is a single step."""

NOT_FALLING_MAX: Final = 0.05
"""If a larger share of resampled curves does not fall, noise explains the points as well."""

_ROUNDING = 1e-12  # a smaller fall is a rounding error
_DRAWS = 1_000
_EXPONENTS = 48  # tried at a time: first over the whole range, then twice around the best one

_Array = NDArray[np.float64]


class CurveEstimate(Record, frozen=True, kw_only=True):
    """A value of the curve, with its 95 % interval."""

    value: float
    interval: Interval


class NoCurve(Record, frozen=True, kw_only=True):
    """Why no curve can be fitted, as a sentence."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """Curves, `(curves,)` each: error(n) = fall · (n / unit)^−exponent + floor."""

    unit: float
    fall: _Array
    exponent: _Array
    floor: _Array

    def error(self, size: float) -> _Array:
        """The error of each curve at a number of groups."""
        return np.asarray(self.fall * (size / self.unit) ** -self.exponent + self.floor)


@dataclass(frozen=True, slots=True, eq=False)
class LearningCurve:
    """A fitted curve, and those fitted to resampled errors."""

    fitted: _Curves
    resampled: _Curves

    @property
    def scale(self) -> float:
        """`a` of a · n^−b + c."""
        return float(self.fitted.fall[0] * self.fitted.unit ** self.fitted.exponent[0])

    @property
    def exponent(self) -> float:
        """`b`, how steeply the error falls."""
        return float(self.fitted.exponent[0])

    @property
    def floor(self) -> float:
        """`c`, the error that remains with any number of groups."""
        return float(self.fitted.floor[0])

    def error(self, size: int) -> CurveEstimate:
        """The error expected at a number of labelled groups; InvalidArgument under 1."""
        _check_size("size", size)
        return _estimate(self.fitted.error(size), self.resampled.error(size))

    def gain(self, size: int, more: int) -> CurveEstimate:
        """The fall of the error with `more` groups than `size`; InvalidArgument under 1."""
        _check_size("size", size)
        _check_size("more", more)
        fitted, resampled = self.fitted, self.resampled
        return _estimate(
            fitted.error(size) - fitted.error(size + more),
            resampled.error(size) - resampled.error(size + more),
        )


def fit_curve(
    sizes: Sequence[int],
    errors: Sequence[float],
    *,
    standard_errors: Sequence[float] | None = None,
    seed: int = 0,
) -> LearningCurve | NoCurve:
    """Fit errors in 0…1 by number of labelled groups; NoCurve if that cannot be done.

    Points are resampled around the curve by its residuals' deviation, or by `standard_errors`
    where these are larger. Raises InvalidArgument for lengths that differ and values out of range.
    """
    size_array, error_array, noise_floor = _check_points(sizes, errors, standard_errors)
    distinct = len(np.unique(size_array))
    if distinct < SIZES_MIN:
        reason = f"{distinct} numbers of labelled groups were measured; a curve needs {SIZES_MIN}"
        return NoCurve(reason=reason)
    fitted = _fit(size_array, error_array[None, :])
    if not fitted.fall[0]:
        return NoCurve(reason="the error does not fall with more labelled groups")
    expected = np.array([fitted.error(size)[0] for size in size_array])
    residual = ((error_array - expected) ** 2).sum() / (len(size_array) - (SIZES_MIN - 1))
    noise = np.maximum(residual**0.5, noise_floor)
    drawn = np.random.default_rng(seed).normal(expected, noise, (_DRAWS, len(size_array)))
    resampled = _fit(size_array, drawn.clip(0, 1))
    constant = float((resampled.fall == 0).mean())
    if constant > NOT_FALLING_MAX:
        reason = f"the fall may be noise: {constant:.0%} of resampled curves do not fall at all"
        return NoCurve(reason=reason)
    return LearningCurve(fitted, resampled)


def _fit(sizes: _Array, errors: _Array) -> _Curves:
    """The curves of `(curves, points)` errors: least squares, all parameters bounded."""
    unit = float(sizes.max())
    logs = np.log(sizes / unit)
    low, high = np.full((2, len(errors), 1), np.log([[[EXPONENT_MIN]], [[EXPONENT_MAX]]]))
    for _ in range(3):
        steps = low + (high - low) * np.linspace(0, 1, _EXPONENTS)
        powers = np.exp(-np.exp(steps)[..., None] * logs)
        fall, floor, squares = _linear(powers, errors)
        best = squares.argmin(axis=1)[:, None]
        middle = np.take_along_axis(steps, best, axis=1)
        width = (high - low) / (_EXPONENTS - 1)
        low, high = np.maximum(low, middle - width), np.minimum(high, middle + width)
    return _Curves(
        unit,
        np.take_along_axis(fall, best, axis=1)[:, 0],
        np.exp(middle[:, 0]),
        np.take_along_axis(floor, best, axis=1)[:, 0],
    )


def _linear(powers: _Array, errors: _Array) -> tuple[_Array, _Array, _Array]:
    """The best fall and floor, neither below 0, and the sum of squares, each `(curves, exponents)`.

    `powers` is `(curves, exponents, points)`. A negative floor is set to 0 and the fall fitted
    alone; where errors rise, the floor is their mean.
    """
    target = errors[:, None, :]
    mean = powers.mean(axis=2)
    centred = powers - mean[..., None]
    fall = (centred * target).sum(axis=2) / (centred**2).sum(axis=2)
    fall = np.where(fall > _ROUNDING, fall, 0)
    floor = target.mean(axis=2) - fall * mean
    below = floor < 0
    through_zero = (powers * target).sum(axis=2) / (powers**2).sum(axis=2)
    fall, floor = np.where(below, through_zero, fall), np.where(below, 0, floor)
    residuals = fall[..., None] * powers + floor[..., None] - target
    return fall, floor, (residuals**2).sum(axis=2)


def _estimate(value: _Array, draws: _Array) -> CurveEstimate:
    return CurveEstimate(value=float(value[0]), interval=percentile(draws))


def _check_size(field: str, size: int) -> None:
    if size < 1:
        raise InvalidArgument.of(field, f"{size} is not over 0")


def _check_points(
    sizes: Sequence[int], errors: Sequence[float], standard_errors: Sequence[float] | None
) -> tuple[_Array, _Array, _Array]:
    """Sizes, errors and standard errors (0 if not given) as arrays, `(points,)` each."""
    size_array, error_array = np.asarray(sizes, np.float64), np.asarray(errors, np.float64)
    noise_floor = (
        np.zeros(len(size_array)) if standard_errors is None else np.asarray(standard_errors)
    )
    for field, values in (("errors", error_array), ("standard_errors", noise_floor)):
        if values.shape != size_array.shape:
            problem = f"{len(values)} values for {len(size_array)} sizes"
            raise InvalidArgument.of(field, problem)
        check_shares(field, values)
    for index, size in enumerate(sizes):
        _check_size(f"sizes[{index}]", size)
    return size_array, error_array, noise_floor
