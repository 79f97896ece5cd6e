"""How far the predictions of two rounds agree beyond chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from services.curation.intervals import RESAMPLES, Interval, Share, percentile, split_draws
from services.records.records import Record
from sluice.errors import InvalidArgument


class Stability(Record, frozen=True, kw_only=True):
    """Cohen's kappa of two rounds' predictions, 1 at most, with its bootstrap interval.

    `agreeing` is the plain share of samples with one prediction in both.
    """

    agreeing: Share
    kappa: float
    interval: Interval


def measure_stability(first: Sequence[str], second: Sequence[str], *, seed: int = 0) -> Stability:
    """The stability of predicted classes of the same samples, in one order (Cohen 1960).

    Raises InvalidArgument for different numbers of samples, and for none.
    """
    if len(first) != len(second):
        problem = f"{len(second)} predictions beside {len(first)} of the round before"
        raise InvalidArgument.of("second", problem)
    if not len(first):
        raise InvalidArgument.of("first", "has no prediction; at least one is needed")
    names, codes = np.unique([*first, *second], return_inverse=True)
    pairs, counts = np.unique(codes.reshape(2, -1), axis=1, return_counts=True)
    rows, columns = (_one_hot(side, len(names)) for side in pairs)
    shares = counts / len(first)
    return Stability(
        agreeing=Share.of(int(counts[pairs[0] == pairs[1]].sum()), len(first)),
        kappa=float(_kappa(shares[None, :], rows, columns)[0]),
        interval=_interval(shares, len(first), rows, columns, seed),
    )


def _one_hot(codes: NDArray[np.intp], classes: int) -> csr_array:
    """Which class each cell is of, `(cells, classes)`.

    Sparse: where each sample has a class of its own, it would not fit into memory otherwise.
    """
    cells = np.arange(len(codes))
    return csr_array((np.ones(len(codes)), (cells, codes)), shape=(len(codes), classes))


def _kappa(shares: NDArray[np.float64], rows: csr_array, columns: csr_array) -> NDArray[np.float64]:
    """Kappa of tables `(tables, cells)`, whose cells have those `(cells, classes)` one-hot classes.

    Where chance alone would always agree, since all is of one class, kappa is 1.
    """
    observed = shares @ rows.multiply(columns).sum(axis=1)
    chance = ((shares @ rows) * (shares @ columns)).sum(axis=1)
    certain = chance >= 1 - 1e-12
    kappa = (observed - chance) / np.where(certain, 1, 1 - chance)
    return np.where(certain, 1.0, kappa)


def _interval(
    shares: NDArray[np.float64],
    samples: int,
    rows: csr_array,
    columns: csr_array,
    seed: int,
) -> Interval:
    """Drawing samples again is drawing the cells of their table."""
    rng = np.random.default_rng(seed)
    drawn = [
        _kappa(rng.multinomial(samples, shares, size=count) / samples, rows, columns)
        for count in split_draws(RESAMPLES, sum(rows.shape))
    ]
    return percentile(np.concatenate(drawn))
