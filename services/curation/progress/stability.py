"""The stability of predictions: agreement of two rounds beyond chance."""

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

    `agreeing` is the share of samples with the same prediction in both.
    """

    agreeing: Share
    kappa: float
    interval: Interval


def measure_stability(first: Sequence[str], second: Sequence[str], *, seed: int = 0) -> Stability:
    """The stability of predicted classes of the same samples, in one order (Cohen 1960).

    Raises InvalidArgument for lengths that differ, and for no samples.
    """
    if len(first) != len(second):
        problem = f"{len(second)} predictions, but {len(first)} in the round before"
        raise InvalidArgument.of("second", problem)
    if not len(first):
        raise InvalidArgument.of("first", "no predictions; at least one is required")
    names, codes = np.unique([*first, *second], return_inverse=True)
    pairs, counts = np.unique(codes.reshape(2, -1), axis=1, return_counts=True)
    rows, columns = (_one_hot(side, len(names)) for side in pairs)
    shares = counts / len(first)
    return Stability(
        agreeing=Share.of(int(counts[pairs[0] == pairs[1]].sum()), len(first)),
        kappa=float(_kappa(shares[None, :], rows, columns)[0]),
        interval=_bootstrap_kappa(shares, len(first), rows, columns, seed),
    )


def _one_hot(codes: NDArray[np.intp], classes: int) -> csr_array:
    """The class of each cell as a sparse one-hot matrix, `(cells, classes)`.

    A dense one would not fit into memory if each sample has a class of its own.
    """
    cells = np.arange(len(codes))
    return csr_array((np.ones(len(codes)), (cells, codes)), shape=(len(codes), classes))


def _kappa(shares: NDArray[np.float64], rows: csr_array, columns: csr_array) -> NDArray[np.float64]:
    """Kappa of `(tables, cells)` shares, with the `(cells, classes)` classes of both rounds.

    If all samples have one class, so that chance always agrees, kappa is 1.
    """
    observed = shares @ rows.multiply(columns).sum(axis=1)
    chance = ((shares @ rows) * (shares @ columns)).sum(axis=1)
    certain = chance >= 1 - 1e-12
    kappa = (observed - chance) / np.where(certain, 1, 1 - chance)
    return np.where(certain, 1.0, kappa)


def _bootstrap_kappa(
    shares: NDArray[np.float64],
    samples: int,
    rows: csr_array,
    columns: csr_array,
    seed: int,
) -> Interval:
    """The bootstrap interval; samples are drawn again by drawing the cells of their table."""
    rng = np.random.default_rng(seed)
    drawn = [
        _kappa(rng.multinomial(samples, shares, size=count) / samples, rows, columns)
        for count in split_draws(RESAMPLES, sum(rows.shape))
    ]
    return percentile(np.concatenate(drawn))
