"""A slow and plain float64 implementation of the scoring formulas, to test the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.scoring import Basis, ElementId, ScoringModel, build_model, normalise
from sluice.scoring.members import MemberShare, estimate_share

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
    """Frames in a basis: their directions (for cosines) and their remainders.

    `plain` are the embeddings less the mean, not whitened, over the lengths of their projections;
    of no dimensions if there is no prototype.
    """

    directions: Rows
    remainders: Rows
    plain: Rows

    @classmethod
    def of(
        cls,
        directions: ArrayLike,
        remainders: ArrayLike | None = None,
        plain: ArrayLike | None = None,
    ) -> Located:
        """Rows with these directions and remainders (default: none)."""
        rows = np.array(directions, np.float64)
        none = np.zeros((len(rows), 0))
        parts = [none if part is None else np.array(part) for part in (remainders, plain)]
        return cls(rows, *(part.astype(np.float64) for part in parts))

    def __len__(self) -> int:
        return len(self.directions)

    def only(self, rows: ArrayLike) -> Located:
        """These rows alone."""
        chosen = np.atleast_1d(np.asarray(rows, np.intp))
        return Located(self.directions[chosen], self.remainders[chosen], self.plain[chosen])


def joined(*parts: Located) -> Located:
    """The rows of all."""
    return Located(
        np.concatenate([part.directions for part in parts]),
        np.concatenate([part.remainders for part in parts]),
        np.concatenate([part.plain for part in parts]),
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
    plain = (exact - basis.mean) @ components_of(basis) / bounded(lengths, basis)
    return Located(projected / lengths, remainders, plain)


def bounded(lengths: Rows, basis: Basis) -> Rows:
    """Lengths of projections, but at least the smallest of the background."""
    largest = basis.background_inverse_lengths.max(initial=0)
    return np.maximum(lengths, 1 / largest) if largest else lengths


def components_of(basis: Basis) -> Rows:
    """All components of a basis with length 1; those of a remainder without variance are 0."""
    factors = np.concatenate([basis.projection, basis.remainder], axis=1).astype(np.float64)
    lengths = np.sqrt((factors**2).sum(axis=0))
    return np.asarray(factors / np.where(lengths > 0, lengths, 1), np.float64)


def background_of(basis: Basis | None, like: Located) -> Located:
    """The background rows; none without a basis."""
    if basis is None:
        return like.only([])
    # Undo the whitening, row by row and column by column.
    inverse_lengths = basis.background_inverse_lengths[:, None].astype(np.float64)
    whitened = np.concatenate(
        [basis.background, basis.background_remainder * inverse_lengths], axis=1
    )
    factors = np.concatenate([basis.projection, basis.remainder], axis=1).astype(np.float64)
    lengths = np.sqrt((factors**2).sum(axis=0))
    plain = np.where(lengths > 0, whitened / np.where(lengths > 0, lengths, 1), 0)
    return Located.of(basis.background, basis.background_remainder, plain)


def similarities(rows: Located, others: Located, remainder_weight: float = 1.0) -> Rows:
    """exp(4 · (cosine − 1)) and the weighted product of the remainders, of all pairs."""
    similar: Rows = np.exp(4 * (rows.directions @ others.directions.T - 1))
    return similar + remainder_weight * (rows.remainders @ others.remainders.T)


@dataclass(frozen=True)
class Regression:
    """All rows, first elements, then negatives, then background, with targets and ridges."""

    rows: Located
    targets: Row
    ridges: Row
    remainder_weight: float = 1.0

    @classmethod
    def of(
        cls,
        elements: Located,
        negatives: Located,
        background: Located,
        remainder_weight: float = 1.0,
    ) -> Regression:
        """Ridges of 0.1 for elements, 1 for negatives; background weighs at most as elements do."""
        counts = [len(elements), len(negatives), len(background)]
        of_background = max(0.1 * len(background) / len(elements), 1.0) * (1 + 3 / len(elements))
        targets = np.repeat([1.0, -1.0, -1.0], counts)
        ridges = np.repeat([0.1, 1.0, of_background], counts)
        return cls(joined(elements, negatives, background), targets, ridges, remainder_weight)

    def without(self, rows: list[int]) -> Regression:
        """The regression of all other rows, with their ridges."""
        kept = np.delete(np.arange(len(self.rows)), rows)
        return Regression(
            self.rows.only(kept), self.targets[kept], self.ridges[kept], self.remainder_weight
        )

    def regularised(self) -> Rows:
        """The similarities of all rows plus the ridges."""
        similar = similarities(self.rows, self.rows, self.remainder_weight)
        return similar + np.diag(self.ridges)

    def weights(self) -> Row:
        """The solution of the regression over all rows at once."""
        return np.asarray(np.linalg.solve(self.regularised(), self.targets), np.float64)

    def contrasts(self, frames: Located) -> Row:
        """The contrasts of frames to the solution."""
        return similarities(frames, self.rows, self.remainder_weight) @ self.weights()

    def left_out(self, index: int) -> float:
        """The contrast of a row to the regression of all other rows."""
        return float(self.without([index]).contrasts(self.rows.only(index))[0])

    def all_left_out(self) -> Row:
        """The contrast of every row to the regression of all others, by its closed form."""
        inverse = np.linalg.inv(self.regularised())
        return np.asarray(self.targets - self.weights() / inverse.diagonal(), np.float64)


@dataclass(frozen=True)
class Average:
    """Regressions with different weights of the remainder, averaged with these shares.

    `prototype` is the mean of the elements times `prototype_factor`; of no dimensions if there is
    none. `probabilities` are those of the regressions and the prototype. `aside` are the rows of
    the background that were set aside; `complete` the regressions with them.
    """

    regressions: list[Regression]
    shares: Row
    prototype: Row
    prototype_factor: float
    probabilities: Row
    complete: list[Regression]
    aside: list[int]
    members: MemberShare | None

    def contrasts(self, frames: Located) -> Row:
        """The contrasts of frames."""
        parts = [regression.contrasts(frames) for regression in self.regressions]
        of_prototype = frames.plain @ self.prototype
        return np.asarray(self.shares @ np.array(parts) + of_prototype, np.float64)

    def weights(self) -> Row:
        """The weights of all rows; those set aside have none."""
        parts = [regression.weights() for regression in self.regressions]
        weights = np.zeros(len(self.complete[0].rows))
        weights[self._kept()] = self.shares @ np.array(parts)
        return weights

    def remainder(self) -> Row:
        """The weighted sum of all remainders."""
        parts = [
            share
            * regression.remainder_weight
            * (regression.weights() @ regression.rows.remainders)
            for share, regression in zip(self.shares, self.regressions, strict=True)
        ]
        return np.asarray(np.sum(parts, axis=0), np.float64)

    def left_out(self) -> Row:
        """The contrasts of all rows to a fit without the row."""
        parts = [regression.all_left_out() for regression in self.regressions]
        rows, count = self.complete[0].rows, int((self.complete[0].targets > 0).sum())
        contrasts = np.zeros(len(rows))
        contrasts[self._kept()] = self.shares @ np.array(parts)
        contrasts += self.prototype_factor * prototype_left_out(rows, count)
        if self.aside:
            contrasts[self.aside] = self.contrasts(rows.only(self.aside))
        return contrasts

    def _kept(self) -> NDArray[np.intp]:
        return np.delete(np.arange(len(self.complete[0].rows)), self.aside)


def prototype_left_out(rows: Located, count: int) -> Row:
    """The product of each row with the mean of the first `count` rows, but not with itself."""
    products = []
    for index, plain in enumerate(rows.plain):
        others = [other for other in range(count) if other != index]
        products.append(plain @ rows.plain[others].mean(axis=0) if others else 0.0)
    return np.array(products, np.float64)


def average(
    elements: Located,
    negatives: Located,
    background: Located,
    structure: float,
    evenness: float,
) -> Average:
    """The average of an issue; `structure` and `evenness` are those of the space."""
    count, first = len(elements), len(elements) + len(negatives)
    has_remainder = elements.remainders.shape[1] > 0
    has_prototype = background.plain.size > 0 < evenness
    candidates = (0.0, 0.1, 0.3, 1.0) if has_remainder else (0.0,)
    fits = [Regression.of(elements, negatives, background, weight) for weight in candidates]
    trials = [fit.all_left_out() for fit in fits]
    prior = np.ones(1)
    if has_remainder:
        noise, full = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.02, 0.08, 0.4, 0.5])
        prior = (1 - structure) * noise + structure * full
    if has_prototype:
        trials.append(prototype_left_out(fits[0].rows, count))
        share = evenness * 3.2 / (count + 4)
        prior = np.append((1 - share) * prior, share)
    left_out = np.array(trials)
    probabilities = prior.copy()
    if count > 1:
        for index, contrasts in enumerate(left_out):
            ordinary = contrasts[first:]
            ranks = [(ordinary >= contrast).sum() + 10 for contrast in contrasts[:count]]
            evidence = -np.log(np.array(ranks) / (len(ordinary) + 10)).mean()
            probabilities[index] *= np.exp(2 * count / np.sqrt(count + 9) * evidence)
    probabilities /= probabilities.sum()
    factors = probabilities.copy()
    if len(background):
        for index, contrasts in enumerate(left_out):
            median, low = np.quantile(contrasts[first:], [0.5, 0.16])
            factors[index] /= median - low
    regressions = len(candidates)
    factors *= probabilities[:regressions].sum() / factors[:regressions].sum()
    mean = factors @ left_out
    members, aside = None, list[int]()
    if count >= 3 and len(background):
        members = estimate_share(mean[:count], mean[first:])
        number = round(min(members.estimate, 0.1) / (1 + count / 30) * len(background))
        aside = sorted((first + np.argsort(-mean[first:], kind="stable")[:number]).tolist())
    factor = float(factors[regressions]) if has_prototype else 0.0
    return Average(
        regressions=[fit.without(aside) for fit in fits],
        shares=factors[:regressions],
        prototype=factor * elements.plain.mean(axis=0),
        prototype_factor=factor,
        probabilities=probabilities,
        complete=fits,
        aside=aside,
        members=members,
    )


def fitted(
    elements: NDArray[np.float32],
    basis: Basis | None = None,
    negatives: NDArray[np.float32] | None = None,
    shared_rows: int = 0,
) -> Average:
    """The fit of an issue of unequal elements, the first of which are of the background too."""
    of_issue = locate(elements, basis)
    unlike = locate(elements[:0] if negatives is None else negatives, basis)
    background = background_of(basis, of_issue)
    other_rows = background.only(np.arange(shared_rows, len(background)))
    facts = (basis.space.structure, basis.space.evenness) if basis else (0.0, 0.0)
    return average(of_issue, unlike, other_rows, *facts)


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
    unit = frame.astype(np.float64) / np.sqrt((frame.astype(np.float64) ** 2).sum())
    if model.direction.size:
        total += float((unit - basis.mean) @ model.direction.astype(np.float64))
    if model.prototype.size:
        length = np.linalg.norm((unit - basis.mean) @ basis.projection.astype(np.float64))
        product = (unit - basis.mean) @ model.prototype.astype(np.float64)
        total += float(product / bounded(np.array([length]), basis)[0])
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
