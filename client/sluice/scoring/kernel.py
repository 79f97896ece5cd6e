"""Score many frames against many campaign versions at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sluice.errors import InvalidArgument
from sluice.scoring.basis import Basis
from sluice.scoring.group import ModelGroup
from sluice.scoring.matches import Matches
from sluice.scoring.model import ScoringModel
from sluice.scoring.score_map import map_scores, unmap_scores
from sluice.scoring.vectors import check_dimension


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of frames (rows) against versions (columns).

    `scores` are `(frames, versions) float64` in (0, 1); `contrasts` `(frames, versions) float32`,
    which break ties; `rows` `(frames, versions)` is the embedding row with the best score.
    """

    scores: NDArray[np.float64]
    contrasts: NDArray[np.float32]
    rows: NDArray[np.intp]


class Scorer:
    """Scores frames against a fixed list of models of one space; immutable and thread-safe.

    The models are stacked once. A batch is projected and compared with the background once per
    basis, and compared with the elements of all models in one product.
    """

    def __init__(self, models: Sequence[ScoringModel], bases: Mapping[str, Basis]) -> None:
        """`bases` holds every basis that the models require, by digest.

        Raises InvalidArgument if the models differ in dimension, or a basis is missing.
        """
        dimensions = {model.dimension for model in models}
        if len(dimensions) > 1:
            raise InvalidArgument.of("models", f"expected one dimension, got {sorted(dimensions)}")
        self.models = tuple(models)
        self.bases = {m.basis_digest: _find_basis(m, bases) for m in models if m.basis_digest}
        self._dimension = dimensions.pop() if dimensions else None
        columns: defaultdict[str, list[int]] = defaultdict(list)
        for column, model in enumerate(models):
            columns[model.basis_digest].append(column)
        self._groups = [
            ModelGroup.of(self.models, members, self.bases.get(digest))
            for digest, members in columns.items()
        ]
        maps = [model.score_map for model in models]
        self._thresholds = np.array([m.threshold for m in maps], np.float64)
        self._below = np.array([m.below for m in maps], np.float64)
        self._above = np.array([m.above for m in maps], np.float64)

    @property
    def nbytes(self) -> int:
        """Memory of the stacked models, in bytes."""
        return sum(group.nbytes for group in self._groups)

    def score(
        self,
        unit: NDArray[np.float32],
        frame_of_row: NDArray[np.intp] | None = None,
        frames: int | None = None,
    ) -> Scores:
        """Score normalised rows `(rows, dim)`; a frame has the best score of its rows.

        `frame_of_row` `(rows,)` is in ascending order and contains each of `frames` frame numbers;
        without it row i is frame i. Raises InvalidArgument for another dimension than the models',
        and for a frame without rows.
        """
        frame_of_row, starts = self._locate_frames(unit, frame_of_row, frames)
        contrasts = np.empty((len(unit), len(self.models)), np.float32)
        for group in self._groups:
            contrasts[:, group.columns] = group.contrasts(unit)
        contrasts, rows = _best_rows(contrasts, frame_of_row, starts)
        scores = map_scores(contrasts, self._thresholds, self._below, self._above)
        return Scores(scores, contrasts, rows)

    def matches(
        self,
        unit: NDArray[np.float32],
        thresholds: ArrayLike,
        frame_of_row: NDArray[np.intp] | None = None,
        frames: int | None = None,
    ) -> Matches:
        """Find the scores at or over the models' thresholds `(models,)`.

        Faster than `score` if few frames match: rows that the bounds of a model exclude are
        skipped. The scores equal those of `score` up to rounding. Raises InvalidArgument as
        `score` does, and for thresholds outside of 0 to 1.
        """
        minimums = _check_thresholds(thresholds, len(self.models))
        frame_of_row, starts = self._locate_frames(unit, frame_of_row, frames)
        # One step lower: just below 1 many contrasts share a score, and all of them match.
        lowered = np.nextafter(minimums, 0)
        limits = unmap_scores(lowered, self._thresholds, self._below, self._above)
        contrasts = np.empty((len(unit), len(self.models)), np.float32)
        for group in self._groups:
            contrasts[:, group.columns] = group.candidates(unit, limits[group.columns])
        contrasts, rows = _best_rows(contrasts, frame_of_row, starts)
        matched_frames, columns = np.nonzero(contrasts > -np.inf)
        contrasts = contrasts[matched_frames, columns]
        curves = (curve[columns] for curve in (self._thresholds, self._below, self._above))
        scores = map_scores(contrasts, *curves)
        passing = np.flatnonzero(scores >= minimums[columns])
        matched_frames, columns = matched_frames[passing], columns[passing]
        best_rows = rows[matched_frames, columns]
        return Matches(matched_frames, columns, scores[passing], contrasts[passing], best_rows)

    def _locate_frames(
        self, unit: NDArray[np.float32], frame_of_row: NDArray[np.intp] | None, frames: int | None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The frame of each row and the first row of each frame; raises InvalidArgument."""
        if self._dimension is not None:
            check_dimension(unit, self._dimension)
        if frame_of_row is None:
            frame_of_row = np.arange(len(unit))
        return frame_of_row, _frame_starts(frame_of_row, len(unit), frames)

    def project(self, unit: NDArray[np.float32], column: int) -> NDArray[np.float32]:
        """Project normalised rows into the basis of the model at `column`."""
        basis = self.bases.get(self.models[column].basis_digest)
        return unit if basis is None else basis.project(unit)


def _find_basis(model: ScoringModel, bases: Mapping[str, Basis]) -> Basis:
    """The basis of a model; raises InvalidArgument if it is missing or of another space."""
    basis = bases.get(model.basis_digest)
    if basis is None:
        problem = f"{model.basis_digest!r} is missing; a model requires it"
        raise InvalidArgument.of("bases", problem)
    directions = basis.dimension if basis.remainder.shape[1] else 0
    if (basis.dimension, basis.components, len(basis.background), directions) != (
        model.dimension,
        model.elements.shape[1],
        len(model.background_weights),
        len(model.direction),
    ):
        raise InvalidArgument.of("bases", f"{model.basis_digest!r} is not of the model's space")
    return basis


def _check_thresholds(thresholds: ArrayLike, count: int) -> NDArray[np.float64]:
    """The thresholds of `count` models; a single number applies to all."""
    array = np.asarray(thresholds, np.float64)
    if array.shape not in {(), (count,)} or not ((array >= 0) & (array <= 1)).all():
        problem = f"expected one number from 0 to 1, or {count} (one per model), got {array}"
        raise InvalidArgument.of("thresholds", problem)
    return np.broadcast_to(array, (count,))


def _frame_starts(
    frame_of_row: NDArray[np.intp], rows: int, frames: int | None
) -> NDArray[np.intp]:
    """The first row of each frame; every frame must have rows, and they must be adjacent."""
    if frame_of_row.shape != (rows,):
        raise InvalidArgument.of("frame_of_row", f"shape {frame_of_row.shape} for {rows} rows")
    starts = np.flatnonzero(np.diff(frame_of_row, prepend=frame_of_row[:1] - 1))
    expected = len(starts) if frames is None else frames
    if not np.array_equal(frame_of_row[starts], np.arange(expected)):
        raise InvalidArgument.of(
            "frame_of_row",
            f"expected every frame number from 0 to {expected - 1}, in ascending order",
        )
    return starts


def _best_rows(
    contrasts: NDArray[np.float32], frame_of_row: NDArray[np.intp], starts: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The largest contrast among each frame's rows, and the first row with it."""
    if len(starts) == len(contrasts):
        return contrasts, np.broadcast_to(starts[:, None], contrasts.shape)
    best = np.maximum.reduceat(contrasts, starts, axis=0)
    numbers = np.arange(len(contrasts))[:, None]
    candidates = np.where(contrasts == best[frame_of_row], numbers, len(contrasts))
    return best, np.minimum.reduceat(candidates, starts, axis=0)
