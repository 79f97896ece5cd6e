"""The basis of a space: where cosines are taken, and what is ordinary there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import InvalidArgument
from sluice.scoring.codec import decode, encode
from sluice.scoring.selection import top_values
from sluice.scoring.vectors import blocks, evenly_spaced, group_equal, normalise, read_only

COMPONENTS_MAX = 64
BACKGROUND_ROWS_MAX = 1_000
ROWS_PER_COMPONENT_MIN = 4
PCA_ROWS_MAX = 2_048
"""Rows that the components are computed from: so eigh takes seconds at 8,192 dimensions too."""

NEIGHBOURS = 10
BACKGROUND_WEIGHT = 0.25
SELF_COSINE = 1 - 2e-6
"""From here on a background row is the vector itself.

Rounding moves a cosine of 64 float32 products by some 1e-7 (at most 4e-6), and an error in the
projection only by its square; 2e-6 is an angle of 0.1 degrees.
"""

_RIDGE = 0.05
_NOISE = 1e-6
_KIND = "sluice.basis"


@dataclass(frozen=True, eq=False)
class Basis:
    """A whitening transform and a background sample of one space; immutable.

    `mean` is `(dim,)`, `projection` `(dim, components)` with the whitening in it, `background`
    `(rows, components)` unique projected rows; all float32.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    background: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("mean", "projection", "background"):
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
    def _noise(self) -> float:
        """The length below which a projected vector is the rounding of the mean, no direction."""
        return _NOISE * float(np.sqrt(np.square(self.projection).sum(axis=0).max()))

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

    def background_term(self, projected: NDArray[np.float32]) -> NDArray[np.float32]:
        """How ordinary rows `(rows, components)` are: what the contrast takes off, `(rows,)`.

        A quarter of the mean of the ten largest cosines to the background. A background row leaves
        itself out; the same rule holds for elements and frames, so that all are comparable.
        """
        term = np.empty(len(projected), np.float32)
        for block in blocks(len(projected)):
            cosines = projected[block] @ self.background.T
            term[block] = BACKGROUND_WEIGHT * _mean_of_others(top_values(cosines, NEIGHBOURS + 1))
        return term

    def to_bytes(self) -> bytes:
        """The basis as a safetensors file; equal bases give equal bytes."""
        tensors = {
            "mean": self.mean,
            "projection": self.projection,
            "background": self.background,
        }
        return encode(_KIND, {}, tensors)

    @classmethod
    def from_bytes(cls, data: bytes) -> Basis:
        """The basis that `to_bytes` was called on; raises DataLoss if `data` is not one."""
        file = decode(_KIND, data)
        (dimension,) = file.tensor("mean", np.float32, 1).shape
        components = min(dimension, COMPONENTS_MAX)
        basis = cls(
            mean=file.tensor("mean", np.float32, 1),
            projection=file.tensor("projection", np.float32, 2),
            background=file.tensor("background", np.float32, 2),
        )
        file.check(dimension > 0, "no dimensions")
        file.check(basis.projection.shape == (dimension, components), "shape of the projection")
        file.check(basis.background.shape[1] == components, "shape of the background")
        file.check(0 < len(basis.background) <= BACKGROUND_ROWS_MAX, "number of background rows")
        return basis


def build_basis(embeddings: ArrayLike) -> Basis:
    """Make the basis of a space from a background sample `(rows, dim)`: random frames of it.

    PCA to at most 64 components, each scaled by (λ + 0.05 · mean λ)^(−1/4), "half-whitened";
    up to 1,000 distinct rows are kept as background. Deterministic. Raises InvalidArgument for
    invalid vectors and for fewer than four rows per component.
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
    projection = _half_whitening(sample - mean, components).astype(np.float32)
    whitening = Basis(mean.astype(np.float32), projection, np.empty((0, components), np.float32))
    unique, _ = group_equal(unit)
    kept = unique[evenly_spaced(len(unique), BACKGROUND_ROWS_MAX)]
    background = whitening.project(unit[kept])
    return replace(whitening, background=background[group_equal(background)[0]])


def _half_whitening(centred: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """The `(dim, components)` principal directions of centred rows, scaled by their variance."""
    rows, dimension = centred.shape
    if dimension <= rows:
        variances, vectors = np.linalg.eigh(centred.T @ centred / rows)
        directions = vectors[:, ::-1][:, :components]
    else:  # the Gram matrix is smaller, and has the same variances
        variances, vectors = np.linalg.eigh(centred @ centred.T / rows)
        # QR scales the directions to length 1, and completes those without variance.
        directions = np.linalg.qr(centred.T @ vectors[:, ::-1][:, :components])[0]
    variances = np.maximum(variances[::-1][:components], 0)
    # Eigenvectors have no sign of their own: the largest entry shall be positive.
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.where(directions[largest, np.arange(components)] < 0, -1, 1)
    ridge = _RIDGE * variances.mean() or 1.0  # without any variance there is nothing to scale
    scaled: NDArray[np.float64] = directions * (variances + ridge) ** -0.25
    return scaled


def _mean_of_others(top: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the ten largest of eleven cosines, without the vector itself.

    `top` is `(rows, 11)`, in any order, or narrower for a background of fewer rows.
    """
    width = top.shape[1]
    largest = top.max(axis=1)
    is_self = largest >= SELF_COSINE
    spare = top.min(axis=1) if width > NEIGHBOURS else np.float32(0)
    count = np.where(is_self, width - 1, min(width, NEIGHBOURS))
    others = top.sum(axis=1) - np.where(is_self, largest, spare)
    return np.asarray(others / np.maximum(count, 1), np.float32)
