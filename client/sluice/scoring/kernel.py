"""The scoring kernel: many frames against many campaign versions at once."""

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
    """Scores of frames against versions, in columns.

    `scores` are `(frames, versions) float64` in (0, 1); `contrasts` `(frames, versions) float32`,
    which break ties; `rows` `(frames, versions)` name the row of the embeddings that has the score.
    """

    scores: NDArray[np.float64]
    contrasts: NDArray[np.float32]
    rows: NDArray[np.intp]


class Scorer:
    """Scores frames against a fixed list of models of one space; immutable and thread-safe.

    The models are stacked once. A batch is projected once for each basis, compared with the
    background once for each basis, and the elements of all models meet it in one product.
    """

    def __init__(self, models: Sequence[ScoringModel], bases: Mapping[str, Basis]) -> None:
        """`bases` maps digests to all bases that the models name.

        Raises InvalidArgument when the models are not of one dimension, or a basis is not there.
        """
        dimensions = {model.dimension for model in models}
        if len(dimensions) > 1:
            raise InvalidArgument.of("models", f"of several dimensions: {sorted(dimensions)}")
        self.models = tuple(models)
        self.bases = {m.basis_digest: _basis_of(m, bases) for m in models if m.basis_digest}
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
        """Memory held by what is stacked, in bytes."""
        return sum(group.nbytes for group in self._groups)

    def score(
        self,
        unit: NDArray[np.float32],
        frame_of_row: NDArray[np.intp] | None = None,
        frames: int | None = None,
    ) -> Scores:
        """Score `(rows, dim)` normalised rows; each frame by the best of its rows.

        `frame_of_row` `(rows,)` never falls and names each of `frames` frames; without it row i is
        frame i. Raises InvalidArgument for another dimension than the models', and for a frame
        without rows.
        """
        frame_of_row, starts = self._frames(unit, frame_of_row, frames)
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
        """Find the scores at or over the models' thresholds `(models,)`; the rest as in `score`.

        Faster than to score all where few match: what the bounds of a model exclude is skipped.
        Scores are those of `score` up to rounding. Raises InvalidArgument for thresholds outside
        of 0 to 1 too.
        """
        least = _checked(thresholds, len(self.models))
        frame_of_row, starts = self._frames(unit, frame_of_row, frames)
        # One step lower: beside 1 many contrasts have the same score, the least of them counts.
        lower = np.nextafter(least, 0)
        limits = unmap_scores(lower, self._thresholds, self._below, self._above)
        contrasts = np.empty((len(unit), len(self.models)), np.float32)
        for group in self._groups:
            contrasts[:, group.columns] = group.candidates(unit, limits[group.columns])
        contrasts, rows = _best_rows(contrasts, frame_of_row, starts)
        matched, columns = np.nonzero(contrasts > -np.inf)
        contrasts = contrasts[matched, columns]
        curves = (curve[columns] for curve in (self._thresholds, self._below, self._above))
        scores = map_scores(contrasts, *curves)
        at = np.flatnonzero(scores >= least[columns])
        matched, columns = matched[at], columns[at]
        return Matches(matched, columns, scores[at], contrasts[at], rows[matched, columns])

    def _frames(
        self, unit: NDArray[np.float32], frame_of_row: NDArray[np.intp] | None, frames: int | None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The frame of each row, and the first row of each frame; InvalidArgument if not so."""
        if self._dimension is not None:
            check_dimension(unit, self._dimension)
        if frame_of_row is None:
            frame_of_row = np.arange(len(unit))
        return frame_of_row, _frame_starts(frame_of_row, len(unit), frames)

    def project(self, unit: NDArray[np.float32], column: int) -> NDArray[np.float32]:
        """Take normalised rows to where the model of a column compares them."""
        basis = self.bases.get(self.models[column].basis_digest)
        return unit if basis is None else basis.project(unit)


def _basis_of(model: ScoringModel, bases: Mapping[str, Basis]) -> Basis:
    """The basis that a model names; it must be of the model's space."""
    basis = bases.get(model.basis_digest)
    if basis is None:
        raise InvalidArgument.of(
            "bases", f"{model.basis_digest!r}, which a model names, is missing"
        )
    directions = basis.dimension if basis.remainder.shape[1] else 0
    if (basis.dimension, basis.components, len(basis.background), directions) != (
        model.dimension,
        model.elements.shape[1],
        len(model.background_weights),
        len(model.direction),
    ):
        raise InvalidArgument.of("bases", f"{model.basis_digest!r} is not of the model's space")
    return basis


def _checked(thresholds: ArrayLike, count: int) -> NDArray[np.float64]:
    """Thresholds of so many models; one may stand for all."""
    given = np.asarray(thresholds, np.float64)
    if given.shape not in {(), (count,)} or not ((given >= 0) & (given <= 1)).all():
        raise InvalidArgument.of(
            "thresholds", f"{given}: one number from 0 to 1, or {count}, one for each model"
        )
    return np.broadcast_to(given, (count,))


def _frame_starts(
    frame_of_row: NDArray[np.intp], rows: int, frames: int | None
) -> NDArray[np.intp]:
    """The first row of each frame; every frame must have one, and its rows stand together."""
    if frame_of_row.shape != (rows,):
        raise InvalidArgument.of("frame_of_row", f"shape {frame_of_row.shape} for {rows} rows")
    starts = np.flatnonzero(np.diff(frame_of_row, prepend=frame_of_row[:1] - 1))
    expected = len(starts) if frames is None else frames
    if not np.array_equal(frame_of_row[starts], np.arange(expected)):
        raise InvalidArgument.of(
            "frame_of_row",
            f"must name all frames from 0 to {expected - 1}, in order, and no others",
        )
    return starts


def _best_rows(
    contrasts: NDArray[np.float32], frame_of_row: NDArray[np.intp], starts: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The largest contrast of each frame's rows, and the first row that has it."""
    if len(starts) == len(contrasts):
        return contrasts, np.broadcast_to(starts[:, None], contrasts.shape)
    best = np.maximum.reduceat(contrasts, starts, axis=0)
    numbers = np.arange(len(contrasts))[:, None]
    candidates = np.where(contrasts == best[frame_of_row], numbers, len(contrasts))
    return best, np.minimum.reduceat(candidates, starts, axis=0)
