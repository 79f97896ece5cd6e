"""What fitting has to know of a space: how its components are scaled, and what its remainder is.

Both come with the basis; they decide how an issue with few elements is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sluice.scoring.prototype import Widths
from sluice.scoring.regression import Floats
from sluice.scoring.similarity import BasisRows

# The prior of each weight of the remainder, where that is noise and where it has structure.
_PRIOR_OF_NOISE = np.array([0.4, 0.3, 0.2, 0.1])
_PRIOR_OF_STRUCTURE = np.array([0.02, 0.08, 0.40, 0.50])
# Of 1,000 products of noise the largest is some 3.2 deviations.
_NOISE_DEVIATIONS, _STRUCTURE_DEVIATIONS = 4, 6
_NEIGHBOURS_PER_ROW = 100  # one row in this many is a neighbour

# The prior of the prototype: for very few elements, and with how many elements it has halved.
_PROTOTYPE_SHARE, _ELEMENTS_TO_HALVE = 0.8, 4
# With so few components that have most of the variance a mean says nothing of all others.
_FEW_COMPONENTS, _MANY_COMPONENTS = 5, 20


@dataclass(frozen=True, slots=True)
class SpaceFacts:
    """Facts of a space: `structure` is that of the remainder, from 0 (noise) to 1.

    `widths` are those of the basis, None if the lengths of its background rows are not known;
    `evenness` is how evenly the components have the variance, 0 (a few have most of it) to 1.
    """

    structure: float
    widths: Widths | None
    evenness: float

    @classmethod
    def of(cls, background: BasisRows, widths: Widths | None) -> SpaceFacts:
        """The facts by the rows of a background."""
        evenness = 0.0 if widths is None else measure_evenness(background, widths)
        return cls(measure_structure(background), widths, evenness)

    def prototype_prior(self, elements: int) -> float:
        """The prior of a prototype of this many elements."""
        return self.evenness * _PROTOTYPE_SHARE / (1 + elements / _ELEMENTS_TO_HALVE)

    def remainder_prior(self, weights: int) -> Floats:
        """The prior of each weight of the remainder that is tried; of one it is 1."""
        if weights == 1:
            return np.ones(1)
        structured = self.structure * _PRIOR_OF_STRUCTURE
        return np.asarray((1 - self.structure) * _PRIOR_OF_NOISE + structured, np.float64)


def measure_evenness(rows: BasisRows, widths: Widths) -> float:
    """How evenly the components have the variance of background rows, from 0 to 1.

    By the participation ratio of the variances v before whitening, (Σ v)² / Σ v²: the number of
    components if all have the same. It is 5 where a few have nearly everything, and 20 and more in
    the embeddings of transformers and of networks for images.
    """
    has_direction = rows.inverse_lengths > 0
    if not has_direction.any():
        return 0.0
    whitened = rows.projected[has_direction] / rows.inverse_lengths[has_direction, None]
    variances = np.var(whitened, axis=0, dtype=np.float64) / np.square(widths.projected)
    if not variances.any():
        return 0.0
    components = float(variances.sum() ** 2 / np.square(variances).sum())
    span = _MANY_COMPONENTS - _FEW_COMPONENTS
    return float(np.clip((components - _FEW_COMPONENTS) / span, 0, 1))


def measure_structure(rows: BasisRows) -> float:
    """How much structure the remainders of background rows have, from 0 (noise) to 1.

    The largest product of a row's remainder with those of all others but its nearest percent (these
    may be near copies), over the deviation of all products: the median over rows. Some 3.2 is that
    of noise; rare frames that share what the first components leave out have far more.
    """
    count = len(rows)
    if count < 2 or not rows.remainder.shape[1]:
        return 0.0
    similar = rows.similarities(rows)
    products = similar.products
    np.fill_diagonal(products, 0)
    deviation = float(np.sqrt(np.square(products).sum() / (count * (count - 1))))
    np.fill_diagonal(similar.projected, -np.inf)
    rank = count - 1 - max(count // _NEIGHBOURS_PER_ROW, 1)
    limits = np.partition(similar.projected, rank, axis=1)[:, rank, None]
    np.copyto(products, -np.inf, where=similar.projected > limits)
    np.fill_diagonal(products, -np.inf)
    largest = float(np.median(products.max(axis=1)))
    deviations = largest / deviation if deviation else 0.0
    span = _STRUCTURE_DEVIATIONS - _NOISE_DEVIATIONS
    return float(np.clip((deviations - _NOISE_DEVIATIONS) / span, 0, 1))
