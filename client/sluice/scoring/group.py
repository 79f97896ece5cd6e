"""All models of one basis: a batch is projected and compared with the background once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.basis import Basis
from sluice.scoring.model import ScoringModel
from sluice.scoring.stacks import COSINES_PER_BLOCK, Stack, stack
from sluice.scoring.vectors import ROWS_PER_BLOCK, blocks

_SLACK = 1e-4
"""Tolerance below a limit within which a bound still counts; far above its rounding error."""

_ROWS_APART_MAX = ROWS_PER_BLOCK // 8
"""For more rows of a block than this, comparing the model's whole stack is faster."""


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Products of rows less the mean with `directions` `(dim, models)`.

    A model without one has zeros. `offsets` `(models,)` are the products of the mean.
    """

    directions: NDArray[np.float32]
    offsets: NDArray[np.float32]

    @classmethod
    def of(cls, directions: Sequence[NDArray[np.float32]], basis: Basis | None) -> Linear | None:
        """The linear terms of models; None if none of them has any."""
        if basis is None or not any(direction.size for direction in directions):
            return None
        stacked = np.zeros((basis.dimension, len(directions)), np.float32)
        for column, direction in enumerate(directions):
            if direction.size:
                stacked[:, column] = direction
        return cls(stacked, basis.mean @ stacked)

    def products(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """The products of normalised rows `(rows, dim)`, `(rows, models)`."""
        products: NDArray[np.float32] = unit @ self.directions
        products -= self.offsets
        return products


@dataclass(frozen=True, slots=True, eq=False)
class ModelGroup:
    """The models of one basis (None: without a basis); `columns` are their indices.

    `background_weights` and `background_gains` are `(background, models)`. `directions` are the
    linear terms of the remainder, `prototypes` those that count over a row's length; see `Linear`.
    """

    basis: Basis | None
    columns: NDArray[np.intp]
    stacks: list[Stack]
    bounds: list[Stack]
    background_weights: NDArray[np.float32]
    background_gains: NDArray[np.float32]
    directions: Linear | None
    prototypes: Linear | None

    @classmethod
    def of(
        cls, models: Sequence[ScoringModel], columns: Sequence[int], basis: Basis | None
    ) -> ModelGroup:
        """Group the models at `columns`, all of which use `basis`."""
        members = [models[column] for column in columns]
        rows = [np.concatenate([model.elements, model.negatives]) for model in members]
        return cls(
            basis=basis,
            columns=np.array(columns, np.intp),
            stacks=stack(rows, [model.weights for model in members]),
            bounds=stack(*zip(*map(_collect_bounds, members), strict=True)),
            background_weights=np.stack([model.background_weights for model in members], axis=1),
            background_gains=np.stack([model.background_gains for model in members], axis=1),
            directions=Linear.of([model.direction for model in members], basis),
            prototypes=Linear.of([model.prototype for model in members], basis),
        )

    @property
    def nbytes(self) -> int:
        """Memory, in bytes."""
        stacked = sum(part.nbytes for part in [*self.stacks, *self.bounds])
        linear = [part.directions.nbytes for part in (self.directions, self.prototypes) if part]
        return stacked + 2 * self.background_weights.nbytes + sum(linear)

    def contrasts(self, unit: NDArray[np.float32]) -> NDArray[np.float32]:
        """The contrasts of normalised rows `(rows, dim)` to all models, `(rows, models)`."""
        projected, inverse_lengths = self._project(unit)
        scratch = self._allocate_scratch(len(unit))
        contrasts = np.empty((len(unit), len(self.columns)), np.float32)
        for block in blocks(len(unit)):
            sums = self._sum_background(unit[block], projected[block], inverse_lengths[block])
            for part in self.stacks:
                sums[:, part.columns] += part.sums(projected[block], scratch)
            contrasts[block] = sums
        return contrasts

    def candidates(
        self, unit: NDArray[np.float32], limits: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """The contrasts that may reach their model's limit `(models,)`; −∞ for all others.

        Rows that the bounds of a model exclude are not compared with its elements.
        """
        projected, inverse_lengths = self._project(unit)
        scratch = self._allocate_scratch(len(unit))
        contrasts = np.full((len(unit), len(self.columns)), -np.inf, np.float32)
        for block in blocks(len(unit)):
            ordinary = self._sum_background(unit[block], projected[block], inverse_lengths[block])
            upper = ordinary.copy()
            for part in self.bounds:
                upper[:, part.columns] += part.sums(projected[block], scratch)
            reachable = upper >= limits - _SLACK
            sums = np.where(reachable, ordinary, -np.inf)
            for part in self.stacks:
                _add_reachable(part, projected[block], reachable, sums, scratch)
            contrasts[block] = sums
        return contrasts

    def _project(
        self, unit: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.basis is None:
            return unit, np.ones(len(unit), np.float32)
        return self.basis.locate(unit)

    def _allocate_scratch(self, rows: int) -> NDArray[np.float32]:
        """A buffer for the similarities of a block of rows to any stack."""
        widest = max(len(part.rows) for part in [*self.stacks, *self.bounds])
        return np.empty(min(rows, ROWS_PER_BLOCK) * widest, np.float32)

    def _sum_background(
        self,
        unit: NDArray[np.float32],
        projected: NDArray[np.float32],
        inverse_lengths: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """All terms but those of elements and negatives for a block of rows, `(rows, models)`."""
        if self.basis is None:
            return np.zeros((len(unit), len(self.columns)), np.float32)
        similar, own = self.basis.background_similarity(projected)
        sums = similar @ self.background_weights
        if own is not None:
            np.subtract.at(sums, own.rows, self.background_gains[own.background])
        if self.directions is not None:
            sums += self.directions.products(unit)
        if self.prototypes is not None:
            sums += self.prototypes.products(unit) * inverse_lengths[:, None]
        return sums


def _collect_bounds(model: ScoringModel) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The rows and weights that bound a model's sum.

    These are its cluster bounds, and each negative with a positive weight.
    """
    negative_weights = model.weights[len(model.elements) :]
    is_positive = negative_weights > 0
    return (
        np.concatenate([model.bound_centres, model.negatives[is_positive]]),
        np.append(model.bound_weights, negative_weights[is_positive]),
    )


def _add_reachable(
    part: Stack,
    projected: NDArray[np.float32],
    reachable: NDArray[np.bool_],
    sums: NDArray[np.float32],
    scratch: NDArray[np.float32],
) -> None:
    """Add the sums of a stack to the reachable pairs of a block, `(rows, models)`."""
    models, rows = np.nonzero(reachable[:, part.columns].T)
    if not rows.size:
        return
    counts = np.bincount(models)
    gathered_size = np.count_nonzero(counts) * counts.max() * projected.shape[1]
    if counts.max() > _ROWS_APART_MAX or gathered_size > COSINES_PER_BLOCK:
        sums[:, part.columns] += part.sums(projected, scratch)
    else:
        sums[rows, part.columns[models]] += part.sums_of(projected, rows, models)
