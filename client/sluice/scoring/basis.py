"""The basis of a space: where cosines are taken, and what is ordinary there."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import InvalidArgument
from sluice.scoring.codec import decode, encode
from sluice.scoring.regression import Background
from sluice.scoring.similarity import AT_RIGHT_ANGLE, SHARPNESS, BasisRows
from sluice.scoring.vectors import blocks, evenly_spaced, group_equal, normalise, read_only

COMPONENTS_MAX = 64
"""Where cosines are taken: what elements are stacked in, so scoring costs in proportion to it."""

REMAINDER_MAX = 448
"""Further components, which only a linear term sees: scoring costs one product whatever it is.

What is rare may vary where the background hardly does, so all of a space of 512 dimensions counts.
"""

_ROWS_PER_REMAINDER_MIN = 2

BACKGROUND_ROWS_MAX = 1_000
ROWS_PER_COMPONENT_MIN = 4
PCA_ROWS_MAX = 2_048
"""Rows that the components are computed from: so eigh takes seconds at 8,192 dimensions too."""

SELF_COSINE = 1 - 2e-6
"""From here on a background row is the vector itself.

Rounding moves a cosine of 64 float32 products by some 1e-7 (at most 4e-6), and an error in the
projection only by its square; 2e-6 is an angle of 0.1 degrees.
"""

_RIDGE = 0.05
_RIDGE_MIN = 1e-16  # what rounding alone makes of variances
_NOISE = 1e-6
# Scaled by less, frames unlike the background would be so long that their products drown the ridge.
_VARIANCE_MIN = 1e-8
_KIND = "sluice.basis"


class Pairs(NamedTuple):
    """Rows of a block and the background rows that they are, both `(pairs,)`."""

    rows: NDArray[np.intp]
    background: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Basis:
    """A whitening transform and a background sample of one space; immutable.

    `mean` is `(dim,)`; `projection` `(dim, components)` with the whitening in it; `remainder`
    `(dim, further)` the next components, of whose rows the lengths mean something: they are short
    in spaces with most of their variance in the first. `background` `(rows, components)` are unique
    projected rows and `background_remainder` `(rows, further)` their remainders; all float32.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    remainder: NDArray[np.float32]
    background: NDArray[np.float32]
    background_remainder: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in _TENSORS:
            object.__setattr__(self, name, read_only(getattr(self, name), np.float32))

    @property
    def dimension(self) -> int:
        """The dimension of the space."""
        return len(self.projection)

    @property
    def components(self) -> int:
        """The dimension of the basis."""
        return int(self.projection.shape[1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `to_bytes()`, hexadecimal."""
        return sha256(self.to_bytes()).hexdigest()

    @cached_property
    def ordinary(self) -> Background:
        """The background as regression sees it."""
        return Background(BasisRows(self.background, self.background_remainder))

    @cached_property
    def _noise(self) -> float:
        """The length below which a projected vector is the rounding of the mean, no direction."""
        return _NOISE * float(np.sqrt(np.square(self.projection).sum(axis=0).max()))

    @cached_property
    def _sharpened(self) -> NDArray[np.float32]:
        return SHARPNESS * self.background

    def project(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take normalised rows `(rows, dim)` into the basis: `(rows, components)`, length 1.

        A row that is the mean of the background has no direction and becomes zero: unlike all.
        """
        projected = np.empty((len(unit), self.components), np.float32)
        for block in blocks(len(unit)):
            np.matmul(unit[block] - self.mean, self.projection, out=projected[block])
        lengths = np.sqrt(np.einsum("ij,ij->i", projected, projected))
        lengths[lengths <= self._noise] = np.inf
        projected /= lengths[:, None]
        return projected

    def project_rows(self, unit: NDArray[np.float32]) -> BasisRows:
        """Where normalised rows `(rows, dim)` are, with all that similarities look at."""
        remainders = np.empty((len(unit), self.remainder.shape[1]), np.float32)
        for block in blocks(len(unit)):
            np.matmul(unit[block] - self.mean, self.remainder, out=remainders[block])
        return BasisRows(self.project(unit), remainders)

    def background_similarity(
        self, projected: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], Pairs | None]:
        """How similar a block of projected rows is to the background: `(rows, background rows)`.

        Also tells which rows are background rows themselves, of which rows these are, None if
        none: contrasts are to be taken without these.
        """
        similar = projected @ self._sharpened.T
        limit = SHARPNESS * SELF_COSINE
        # Rarely any: to look where they are takes longer than the similarities.
        own = np.nonzero(similar >= limit) if similar.max(initial=0) >= limit else None
        np.exp(similar, out=similar)
        similar *= AT_RIGHT_ANGLE
        return similar, None if own is None else Pairs(*own)

    def to_bytes(self) -> bytes:
        """The basis as a safetensors file; equal bases give equal bytes."""
        return encode(_KIND, {}, {name: getattr(self, name) for name in _TENSORS})

    @classmethod
    def from_bytes(cls, data: bytes) -> Basis:
        """The basis that `to_bytes` was called on; raises DataLoss if `data` is not one."""
        file = decode(_KIND, data)
        axes = [1, 2, 2, 2, 2]
        tensors = (file.tensor(name, np.float32, n) for name, n in zip(_TENSORS, axes))
        basis = cls(*tensors)
        (dimension,) = basis.mean.shape
        rows, further = basis.background_remainder.shape
        components = min(dimension, COMPONENTS_MAX)
        file.check(dimension > 0, "no dimensions")
        file.check(basis.projection.shape == (dimension, components), "shape of the projection")
        file.check(basis.remainder.shape == (dimension, further), "shape of the remainder")
        file.check(further <= min(dimension - components, REMAINDER_MAX), "size of the remainder")
        file.check(basis.background.shape == (rows, components), "shape of the background")
        file.check(0 < rows <= BACKGROUND_ROWS_MAX, "number of background rows")
        file.check_lengths("background", basis.background)
        file.check_lengths("mean", basis.mean[None])
        return basis


_TENSORS = tuple(field.name for field in fields(Basis))


def build_basis(embeddings: ArrayLike) -> Basis:
    """Make the basis of a space from a background sample `(rows, dim)`: random frames of it.

    PCA to at most 64 components, each scaled by (λ + 0.05 · mean λ)^(−1/4), "half-whitened", and
    up to 448 more, the remainder, as far as there are two rows for each of all; up to 1,000
    distinct rows are kept as background. Deterministic. Raises InvalidArgument for invalid
    vectors and for fewer than four rows per component.
    """
    unit = normalise(embeddings)
    rows, dimension = unit.shape
    components = min(dimension, COMPONENTS_MAX)
    if rows < ROWS_PER_COMPONENT_MIN * components:
        raise InvalidArgument.of(
            "embeddings",
            f"{rows} background rows; with {dimension} dimensions "
            f"at least {ROWS_PER_COMPONENT_MIN * components} are needed",
        )
    sample = unit[evenly_spaced(rows, PCA_ROWS_MAX)].astype(np.float64)
    mean = sample.mean(axis=0)
    count = min(dimension, COMPONENTS_MAX + REMAINDER_MAX, rows // _ROWS_PER_REMAINDER_MIN)
    principal = _principal(sample - mean, count)
    projection, remainder = _half_whitened(principal, components)
    none = np.empty((0, count), np.float32)
    empty = Basis(
        mean.astype(np.float32),
        projection.astype(np.float32),
        remainder.astype(np.float32),
        none[:, :components],
        none[:, components:],
    )
    unique, _ = group_equal(unit)
    kept = empty.project_rows(unit[unique[evenly_spaced(len(unique), BACKGROUND_ROWS_MAX)]])
    kept = kept[group_equal(kept.projected)[0]]
    return replace(empty, background=kept.projected, background_remainder=kept.remainder)


@dataclass(frozen=True, slots=True)
class _Principal:
    """Principal directions `(dim, count)`, largest variance first, and the variance of all."""

    directions: NDArray[np.float64]
    variances: NDArray[np.float64]
    total: float


def _principal(centred: NDArray[np.float64], count: int) -> _Principal:
    rows, dimension = centred.shape
    if dimension <= rows:
        variances, vectors = np.linalg.eigh(centred.T @ centred / rows)
        directions = vectors[:, ::-1][:, :count]
    else:  # the Gram matrix is smaller, and has the same variances
        variances, vectors = np.linalg.eigh(centred @ centred.T / rows)
        # QR scales the directions to length 1, and completes those without variance.
        directions = np.linalg.qr(centred.T @ vectors[:, ::-1][:, :count])[0]
    variances = np.maximum(variances[::-1], 0)
    # Eigenvectors have no sign of their own: the largest entry shall be positive.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.where(directions[largest, np.arange(count)] < 0, -1, 1)
    return _Principal(directions, variances[:count], float(variances.sum()))


def _half_whitened(
    principal: _Principal, components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first directions, scaled by their variance, and the others so that less counts less.

    These are scaled so that a background row would be of length 1 by the first on average, times
    the square root of all other variance over that of the first: what little the first leave out
    is mostly noise.
    """
    variances, inside = principal.variances, principal.variances[:components].sum()
    ridge = max(_RIDGE * inside / components, _RIDGE_MIN)
    scaled: NDArray[np.float64] = principal.directions * (variances + ridge) ** -0.25
    share = 0.0
    if principal.total > _VARIANCE_MIN:
        squares = (variances * (variances + ridge) ** -0.5)[:components].sum()
        share = (principal.total - inside) / inside / squares
    return scaled[:, :components], scaled[:, components:] * np.sqrt(share)
