"""The basis of a space: a whitening transform and a sample of ordinary frames."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import InvalidArgument
from sluice.scoring.codec import decode, encode
from sluice.scoring.prototype import Widths
from sluice.scoring.regression import Background
from sluice.scoring.similarity import AT_RIGHT_ANGLE, SHARPNESS, BasisRows
from sluice.scoring.space import SpaceFacts
from sluice.scoring.vectors import blocks, evenly_spaced, group_equal, normalise, read_only

COMPONENTS_MAX = 64
"""Components in which cosines are computed; the cost of scoring is proportional to them."""

REMAINDER_MAX = 448
"""Further components, used in a linear term only: one product, however many there are.

Rare frames may vary in directions in which the background hardly does, so a space of 512
dimensions is used in full.
"""

_ROWS_PER_REMAINDER_MIN = 2

BACKGROUND_ROWS_MAX = 1_000
ROWS_PER_COMPONENT_MIN = 4
PCA_ROWS_MAX = 2_048
"""Rows used to compute the components: eigh then takes seconds even at 8,192 dimensions."""

SELF_COSINE = 1 - 2e-6
"""A vector with at least this cosine to a background row is that row.

Rounding moves a cosine of 64 float32 products by some 1e-7 (at most 4e-6), and an error in the
projection only by its square; 2e-6 is an angle of 0.1 degrees.
"""

_RIDGE = 0.05
_RIDGE_MIN = 1e-16  # variances below it are rounding
_NOISE = 1e-6
# Scaled by a smaller variance, frames unlike the background get products that dwarf the ridge.
_VARIANCE_MIN = 1e-8
_KIND = "sluice.basis"
_FORMAT = 3
_FORMAT_BEFORE = 2  # without inverse lengths; still read


class Pairs(NamedTuple):
    """Rows of a block, and the background row equal to each; both `(pairs,)`."""

    rows: NDArray[np.intp]
    background: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Basis:
    """A whitening transform and a background sample of one space; immutable.

    `mean` is `(dim,)`; `projection` `(dim, components)` includes the whitening; `remainder`
    `(dim, further)` holds the next components, short where the first have most of the variance.
    `background` `(rows, components)` are unique projected rows and `background_remainder`
    `(rows, further)` their remainders; all float32. `background_inverse_lengths` `(rows,)` are 1
    over the lengths of the projected rows before these were scaled to 1 (0 for rows without
    direction); empty in bases of format 2, which earlier versions of Sluice wrote.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    remainder: NDArray[np.float32]
    background: NDArray[np.float32]
    background_remainder: NDArray[np.float32]
    background_inverse_lengths: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in _AXES:
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
        """The background rows, prepared for the regression."""
        rows = BasisRows(
            self.background, self.background_remainder, self.background_inverse_lengths
        )
        return Background(rows)

    @cached_property
    def space(self) -> SpaceFacts:
        """What fitting has to know of the space."""
        widths = None
        if self.background_inverse_lengths.size:
            widths = Widths(_column_lengths(self.projection), _column_lengths(self.remainder))
        return SpaceFacts.of(self.ordinary.rows, widths)

    @cached_property
    def _noise_length(self) -> float:
        """Projected vectors up to this length are rounding errors, without direction."""
        return _NOISE * float(np.sqrt(np.square(self.projection).sum(axis=0).max()))

    @cached_property
    def _scaled_background(self) -> NDArray[np.float32]:
        return SHARPNESS * self.background

    def project(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project normalised rows `(rows, dim)` to `(rows, components)` of length 1.

        A row equal to the background mean has no direction; it becomes zero, similar to nothing.
        """
        return self.locate(unit)[0]

    def locate(self, unit: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Project normalised rows as `project` does; returns the inverse lengths `(rows,)` too.

        These are at most the largest of the background, lest the prototype outweigh all else in
        frames that the projection hardly sees.
        """
        projected = np.empty((len(unit), self.components), np.float32)
        for block in blocks(len(unit)):
            np.matmul(unit[block] - self.mean, self.projection, out=projected[block])
        lengths = np.sqrt(np.einsum("ij,ij->i", projected, projected))
        lengths[lengths <= self._noise_length] = np.inf
        projected /= lengths[:, None]
        limit = self.background_inverse_lengths.max(initial=0) or np.inf
        return projected, np.minimum(1 / lengths, np.float32(limit))

    def project_rows(self, unit: NDArray[np.float32]) -> BasisRows:
        """Project normalised rows `(rows, dim)` with all that fitting needs."""
        remainders = np.empty((len(unit), self.remainder.shape[1]), np.float32)
        for block in blocks(len(unit)):
            np.matmul(unit[block] - self.mean, self.remainder, out=remainders[block])
        projected, inverse_lengths = self.locate(unit)
        return BasisRows(projected, remainders, inverse_lengths)

    def background_similarity(
        self, projected: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], Pairs | None]:
        """The similarities of projected rows to the background, `(rows, background rows)`.

        Also returns the rows that are background rows themselves (None if there are none), since
        their contrasts leave these background rows out.
        """
        similar = projected @ self._scaled_background.T
        limit = SHARPNESS * SELF_COSINE
        # Check the maximum first: there is rarely any, and nonzero costs more than the product.
        own = np.nonzero(similar >= limit) if similar.max(initial=0) >= limit else None
        np.exp(similar, out=similar)
        similar *= AT_RIGHT_ANGLE
        return similar, None if own is None else Pairs(*own)

    def to_bytes(self) -> bytes:
        """The basis as a safetensors file; equal bases give equal bytes."""
        tensors = {name: getattr(self, name) for name in _AXES}
        if self.background_inverse_lengths.size:
            return encode(_KIND, _FORMAT, {}, tensors)
        del tensors["background_inverse_lengths"]
        return encode(_KIND, _FORMAT_BEFORE, {}, tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Basis:
        """Read a basis from the bytes of `to_bytes`; raises DataLoss for any other content."""
        file = decode(_KIND, {_FORMAT_BEFORE, _FORMAT}, data)
        axes = dict(_AXES)
        if file.facts["format"] == _FORMAT_BEFORE:
            del axes["background_inverse_lengths"]
        tensors = {name: file.tensor(name, np.float32, count) for name, count in axes.items()}
        basis = cls(**{"background_inverse_lengths": np.empty(0, np.float32)} | tensors)
        (dimension,) = basis.mean.shape
        rows, further = basis.background_remainder.shape
        components = min(dimension, COMPONENTS_MAX)
        file.check(dimension > 0, "dimension")
        file.check(basis.projection.shape == (dimension, components), "shape of the projection")
        file.check(basis.remainder.shape == (dimension, further), "shape of the remainder")
        file.check(further <= min(dimension - components, REMAINDER_MAX), "size of the remainder")
        file.check(basis.background.shape == (rows, components), "shape of the background")
        file.check(0 < rows <= BACKGROUND_ROWS_MAX, "number of background rows")
        file.check_lengths("background", basis.background)
        inverse_lengths = basis.background_inverse_lengths
        expected = rows if "background_inverse_lengths" in axes else 0
        file.check(inverse_lengths.shape == (expected,), "number of inverse lengths")
        file.check(bool((inverse_lengths >= 0).all()), "values of 'background_inverse_lengths'")
        file.check_lengths("mean", basis.mean[None])
        return basis


_AXES = {field.name: 2 for field in fields(Basis)} | {"mean": 1, "background_inverse_lengths": 1}


def _column_lengths(matrix: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(matrix.astype(np.float64), axis=0), np.float64)


def build_basis(embeddings: ArrayLike) -> Basis:
    """Build the basis of a space from a background sample `(rows, dim)` of random frames.

    PCA to at most 64 components, each scaled by (λ + 0.05 · mean λ)^(−1/4), "half-whitened". Up to
    448 more are the remainder, as long as there are two rows per component. Up to 1,000 distinct
    rows are kept as background. Deterministic. Raises InvalidArgument for invalid vectors and for
    fewer than four rows per component.
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
    principal = _find_principal(sample - mean, count)
    projection, remainder = _half_whiten(principal, components)
    no_rows = np.empty((0, count), np.float32)
    basis = Basis(
        mean.astype(np.float32),
        projection.astype(np.float32),
        remainder.astype(np.float32),
        no_rows[:, :components],
        no_rows[:, components:],
        np.empty(0, np.float32),
    )
    unique, _ = group_equal(unit)
    spaced = unique[evenly_spaced(len(unique), BACKGROUND_ROWS_MAX)]
    rows_kept = basis.project_rows(unit[spaced])
    rows_kept = rows_kept[group_equal(rows_kept.projected)[0]]
    return replace(
        basis,
        background=rows_kept.projected,
        background_remainder=rows_kept.remainder,
        background_inverse_lengths=rows_kept.inverse_lengths,
    )


@dataclass(frozen=True, slots=True)
class _Principal:
    """Principal directions `(dim, count)`, largest variance first, and the total variance."""

    directions: NDArray[np.float64]
    variances: NDArray[np.float64]
    total: float


def _find_principal(centred: NDArray[np.float64], count: int) -> _Principal:
    rows, dimension = centred.shape
    if dimension <= rows:
        variances, vectors = np.linalg.eigh(centred.T @ centred / rows)
        directions = vectors[:, ::-1][:, :count]
    else:  # the Gram matrix is smaller, and has the same variances
        variances, vectors = np.linalg.eigh(centred @ centred.T / rows)
        # QR scales the directions to length 1, and completes those without variance.
        directions = np.linalg.qr(centred.T @ vectors[:, ::-1][:, :count])[0]
    variances = np.maximum(variances[::-1], 0)
    # The sign of an eigenvector is arbitrary: make its largest entry positive.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.where(directions[largest, np.arange(count)] < 0, -1, 1)
    return _Principal(directions, variances[:count], float(variances.sum()))


def _half_whiten(
    principal: _Principal, components: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The first directions half-whitened, and the others half-whitened and scaled down.

    The others are scaled by the square root of the variance outside the first directions over the
    variance inside, relative to the mean length of a half-whitened background row: variance that
    the first directions leave out is mostly noise.
    """
    variances, inside = principal.variances, principal.variances[:components].sum()
    ridge = max(_RIDGE * inside / components, _RIDGE_MIN)
    scaled: NDArray[np.float64] = principal.directions * (variances + ridge) ** -0.25
    share = 0.0
    if principal.total > _VARIANCE_MIN:
        squares = (variances * (variances + ridge) ** -0.5)[:components].sum()
        share = (principal.total - inside) / inside / squares
    return scaled[:, :components], scaled[:, components:] * np.sqrt(share)
