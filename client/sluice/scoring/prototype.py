"""The prototype of an issue: the mean of its elements, without whitening.

Whitening helps a regression to tell many elements from the background. Of one or a few elements it
makes the noise in rare components count as much as what they show, and their plain mean ranks
better (prototypes: Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning", 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sluice.scoring.regression import Contrasts, Floats
from sluice.scoring.similarity import BasisRows


@dataclass(frozen=True, slots=True)
class Widths:
    """By how much a basis multiplies each component: `(components,)` and `(further,)`, float64.

    Those of the remainder are 0 in a space without variance there.
    """

    projected: Floats
    remainder: Floats


@dataclass(frozen=True, slots=True)
class Prototype:
    """The mean of the elements, as factors of projected rows and of remainders.

    Embeddings count relative to the length of their projection, without whitening: the contrast of
    a row is the product of its mean-free embedding with the mean of the elements'. `projected` is
    `(components,)`, `remainder` `(further,)`, float64.
    """

    projected: Floats
    remainder: Floats

    @classmethod
    def of(cls, elements: BasisRows, widths: Widths) -> Prototype:
        """The prototype of elements."""
        inverse_lengths = np.asarray(elements.inverse_lengths, np.float64)
        mean = elements.projected.mean(axis=0, dtype=np.float64)
        of_remainder = inverse_lengths @ elements.remainder / len(elements)
        return cls(mean * _unwhiten(widths.projected), of_remainder * _unwhiten(widths.remainder))

    def times(self, factor: float) -> Prototype:
        """The prototype with all contrasts multiplied."""
        return Prototype(factor * self.projected, factor * self.remainder)

    def contrast(self, rows: BasisRows) -> Floats:
        """The contrasts of rows, `(rows,)`."""
        products = rows.projected @ self.projected
        products += rows.inverse_lengths * (rows.remainder @ self.remainder)
        return np.asarray(products, np.float64)

    def contrasts(self, elements: BasisRows, background: BasisRows, widths: Widths) -> Contrasts:
        """The contrasts of its elements and of a background; only elements change the mean."""
        own = self.contrast(elements)
        squares = np.square(elements.projected) @ _unwhiten(widths.projected)
        of_remainder = np.square(elements.remainder) @ _unwhiten(widths.remainder)
        squares += np.square(elements.inverse_lengths) * of_remainder
        count = len(elements)
        leave_one_out = (count * own - squares) / max(count - 1, 1)
        return Contrasts(own, leave_one_out, self.contrast(background))


def _unwhiten(widths: Floats) -> Floats:
    """The factor of a product of two whitened components."""
    return np.divide(1, np.square(widths), out=np.zeros_like(widths), where=widths > 0)
