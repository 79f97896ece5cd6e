"""A slow and plain float64 implementation of the scoring formulas, to test the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.scoring import Basis, ElementId, ScoringModel, build_model, normalise

Row = NDArray[np.float64]
Rows = NDArray[np.float64]


def random_rows(seed: int, rows: int, dimension: int) -> NDArray[np.float32]:
    """Rows around eight centres, so that some are near each other and none are equal."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(8, dimension))
    drawn = centres[rng.integers(0, 8, rows)] + 0.5 * rng.normal(size=(rows, dimension))
    return drawn.astype(np.float32)


def numbered(count: int) -> list[ElementId]:
    """Consecutive ids, in canonical order."""
    return [ElementId(f"frame-{index:05}") for index in range(count)]


def random_model(
    seed: int, elements: int, dimension: int, basis: Basis | None, negatives: int = 0
) -> ScoringModel:
    """A model of this many random elements and negatives."""
    unlike = random_rows(seed + 50, negatives, dimension)
    return build_model(random_rows(seed, elements, dimension), numbered(elements), basis, unlike)


@dataclass(frozen=True)
class Located:
    """Frames in a basis: their directions (for cosines) and their remainders."""

    directions: Rows
    remainders: Rows

    @classmethod
    def of(cls, directions: ArrayLike, remainders: ArrayLike | None = None) -> Located:
        """Rows with these directions and remainders (default: none)."""
        rows = np.array(directions, np.float64)
        none = np.zeros((len(rows), 0))
        return cls(rows, none if remainders is None else np.array(remainders, np.float64))

    def __len__(self) -> int:
        return len(self.directions)

    def without(self, index: int) -> Located:
        """All rows but this one."""
        kept = np.delete(self.directions, index, axis=0)
        return Located(kept, np.delete(self.remainders, index, axis=0))

    def only(self, index: int) -> Located:
        """One row alone."""
        return Located(self.directions[[index]], self.remainders[[index]])


def joined(*parts: Located) -> Located:
    """The rows of all."""
    return Located(
        np.concatenate([part.directions for part in parts]),
        np.concatenate([part.remainders for part in parts]),
    )


def locate(frames: NDArray[np.float32], basis: Basis | None) -> Located:
    """Frames at length 1; with a basis, their projections at length 1 and their remainders."""
    exact = frames.astype(np.float64)
    exact /= np.sqrt((exact**2).sum(axis=1, keepdims=True))
    if basis is None:
        return Located.of(exact)
    projected = (exact - basis.mean) @ basis.projection.astype(np.float64)
    lengths = np.sqrt((projected**2).sum(axis=1, keepdims=True))
    remainders = (exact - basis.mean) @ basis.remainder.astype(np.float64)
    return Located(projected / lengths, remainders)


def background_of(basis: Basis | None, like: Located) -> Located:
    """The background rows; none without a basis."""
    if basis is None:
        return Located(like.directions[:0], like.remainders[:0])
    return Located.of(basis.background, basis.background_remainder)


def similarities(rows: Located, others: Located) -> Rows:
    """exp(4 · (cosine − 1)) and the product of the remainders, of all pairs."""
    similar: Rows = np.exp(4 * (rows.directions @ others.directions.T - 1))
    return similar + rows.remainders @ others.remainders.T


@dataclass(frozen=True)
class Regression:
    """All rows, first elements, then negatives, then background, with targets and ridges."""

    rows: Located
    targets: Row
    ridges: Row

    @classmethod
    def of(cls, elements: Located, negatives: Located, background: Located) -> Regression:
        """Ridges of 0.1 for elements and 1 for negatives; background weighs as much as elements."""
        counts = [len(elements), len(negatives), len(background)]
        of_background = max(0.1 * len(background) / len(elements), 1.0)
        targets = np.repeat([1.0, -1.0, -1.0], counts)
        ridges = np.repeat([0.1, 1.0, of_background], counts)
        return cls(joined(elements, negatives, background), targets, ridges)

    def weights(self) -> Row:
        """The solution of the regression over all rows at once."""
        regularised = similarities(self.rows, self.rows) + np.diag(self.ridges)
        return np.asarray(np.linalg.solve(regularised, self.targets), np.float64)

    def contrasts(self, frames: Located) -> Row:
        """The contrasts of frames to the solution."""
        return similarities(frames, self.rows) @ self.weights()

    def left_out(self, index: int) -> float:
        """The contrast of a row to the regression of all other rows."""
        targets, ridges = np.delete(self.targets, index), np.delete(self.ridges, index)
        other = Regression(self.rows.without(index), targets, ridges)
        return float(other.contrasts(self.rows.only(index))[0])


def fitted(
    elements: NDArray[np.float32],
    basis: Basis | None = None,
    negatives: NDArray[np.float32] | None = None,
) -> Regression:
    """The regression of an issue of unequal elements, none of which is of the background."""
    of_issue = locate(elements, basis)
    unlike = locate(elements[:0] if negatives is None else negatives, basis)
    return Regression.of(of_issue, unlike, background_of(basis, of_issue))


def contrast(frame: NDArray[np.float32], model: ScoringModel, basis: Basis | None) -> float:
    """The weighted sum of a frame's similarities; a background row leaves itself out."""
    located = locate(frame[None], basis)
    rows = np.concatenate([model.elements, model.negatives]).astype(np.float64)
    total = float(np.exp(4 * (rows @ located.directions[0] - 1)) @ model.weights)
    if basis is None:
        return total
    background = background_of(basis, located)
    similar = np.exp(4 * (background.directions @ located.directions[0] - 1))
    is_same = np.abs(background.directions - located.directions[0]).max(axis=1) < 1e-5
    total += float(similar @ model.background_weights - is_same @ model.background_gains)
    if model.direction.size:
        unit = frame.astype(np.float64) / np.sqrt((frame.astype(np.float64) ** 2).sum())
        total += float((unit - basis.mean) @ model.direction.astype(np.float64))
    return total


def frame_contrasts(
    frames: NDArray[np.float32], model: ScoringModel, basis: Basis | None
) -> list[float]:
    """The contrast of each frame to a model, one after another."""
    return [contrast(frame, model, basis) for frame in normalise(frames)]


def score(value: float, threshold: float, below: float, above: float) -> float:
    """The curve from contrasts to scores."""
    if value < threshold:
        return float(0.5 * np.exp((value - threshold) / below))
    return float(1 - 0.5 * np.exp(-(value - threshold) / above))


def two_point_bound(rows: Rows, weights: Row, cluster_of: NDArray[np.intp], frame: Row) -> float:
    """The bound on a frame's sum, cluster by cluster; negative weights are left out."""
    total = 0.0
    for number in np.unique(cluster_of):
        chosen = (cluster_of == number) & (weights > 0)
        if not chosen.any():
            continue
        weight = float(weights[chosen].sum())
        mean = weights[chosen] @ rows[chosen] / weight
        apart = rows[chosen] - mean
        radius = float(np.linalg.norm(apart, axis=1).max())
        variance = float(np.linalg.eigvalsh((apart.T * weights[chosen]) @ apart / weight)[-1])
        worst = 1.0
        if radius > 1e-9 and variance > 0:
            rarely = variance / (variance + radius**2)
            worst = rarely * np.exp(4 * radius) + (1 - rarely) * np.exp(-4 * variance / radius)
        total += weight * worst * float(np.exp(4 * (frame @ mean - 1)))
    return total
