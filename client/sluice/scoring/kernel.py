"""The scoring kernel: many frames against many campaign versions at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.errors import InvalidArgument
from sluice.scoring.basis import Basis
from sluice.scoring.matches import Matches
from sluice.scoring.model import NEIGHBOURS, ScoringModel, mean_nearest
from sluice.scoring.score_map import map_scores
from sluice.scoring.vectors import ROWS_PER_BLOCK, blocks, check_dimension

COSINES_PER_BLOCK = 2**20
"""How many cosines are held at a time, 4 MiB: the largest are selected while they are in cache.

A model of more than 4,096 elements has more, 50 MiB for the 50,000 that an issue may have.
"""

_EXACT_WIDTH_MAX = 8
_NO_COSINE = np.float32(-4)  # added to a cosine, it ends below every other, and finite


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

    The models are stacked once. A batch is projected once for each basis, the background term is
    computed once for each basis, and the elements of all models meet it in one product.
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
            _Group(self.bases.get(digest), _stack(self.models, found))
            for digest, found in columns.items()
        ]
        maps = [model.score_map for model in models]
        self._thresholds = np.array([m.threshold for m in maps], np.float64)
        self._below = np.array([m.below for m in maps], np.float64)
        self._above = np.array([m.above for m in maps], np.float64)

    @property
    def nbytes(self) -> int:
        """Memory held by the stacked elements, in bytes."""
        return sum(stack.elements.nbytes for group in self._groups for stack in group.stacks)

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
        if self._dimension is not None:
            check_dimension(unit, self._dimension)
        if frame_of_row is None:
            frame_of_row = np.arange(len(unit))
        starts = _frame_starts(frame_of_row, len(unit), frames)
        contrasts = np.empty((len(unit), len(self.models)), np.float32)
        for group in self._groups:
            group.contrast(unit, contrasts)
        contrasts, rows = _best_rows(contrasts, frame_of_row, starts)
        scores = map_scores(contrasts, self._thresholds, self._below, self._above)
        return Scores(scores, contrasts, rows)

    def matches(
        self,
        unit: NDArray[np.float32],
        thresholds: NDArray[np.float64],
        frame_of_row: NDArray[np.intp] | None = None,
        frames: int | None = None,
    ) -> Matches:
        """The scores that are at or over the threshold `(versions,)` of their column.

        Otherwise as `score`: the same frames, columns, scores, contrasts and rows.
        """
        found = self.score(unit, frame_of_row, frames)
        at = at_frames, at_columns = np.nonzero(found.scores >= thresholds)
        return Matches(at_frames, at_columns, found.scores[at], found.contrasts[at], found.rows[at])

    def project(self, unit: NDArray[np.float32], column: int) -> NDArray[np.float32]:
        """Take normalised rows to where the model of a column compares them."""
        basis = self.bases.get(self.models[column].basis_digest)
        return unit if basis is None else basis.project(unit)


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """The elements of models of about one size: `(models × width, components)`.

    `columns` says which model each is. Smaller models are filled up with rows whose cosines the
    `filling` `(models × width,)` moves out of the way; None when all have the same size.
    """

    columns: NDArray[np.intp]
    width: int
    elements: NDArray[np.float32]
    filling: NDArray[np.float32] | None


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """The models of one basis, None for those without."""

    basis: Basis | None
    stacks: list[_Stack]

    def contrast(self, unit: NDArray[np.float32], contrasts: NDArray[np.float32]) -> None:
        """Write the contrasts of all rows into the columns of the group's models."""
        projected = unit if self.basis is None else self.basis.project(unit)
        for rows in blocks(len(unit)):
            for stack in self.stacks:
                for part in _parts(stack):
                    contrasts[rows, part.columns] = _nearest(projected[rows], part)
        if self.basis is not None:
            columns = np.concatenate([stack.columns for stack in self.stacks])
            contrasts[:, columns] -= self.basis.background_term(projected)[:, None]


def _nearest(projected: NDArray[np.float32], stack: _Stack) -> NDArray[np.float32]:
    """For each row and model the mean of the largest cosines."""
    cosines = projected @ stack.elements.T
    if stack.filling is not None:
        cosines += stack.filling
    return mean_nearest(cosines.reshape(len(projected), len(stack.columns), stack.width))


def _parts(stack: _Stack) -> Iterator[_Stack]:
    """The stack, cut so that a block of rows against a part stays within the bound of memory."""
    models = max(COSINES_PER_BLOCK // (ROWS_PER_BLOCK * stack.width), 1)
    for start in range(0, len(stack.columns), models):
        rows = slice(start * stack.width, (start + models) * stack.width)
        filling = None if stack.filling is None else stack.filling[rows]
        columns = stack.columns[start : start + models]
        yield _Stack(columns, stack.width, stack.elements[rows], filling)


def _stack(models: Sequence[ScoringModel], columns: Sequence[int]) -> list[_Stack]:
    """Stack the models of those columns, those of about one size in one stack."""
    of_width: defaultdict[int, list[int]] = defaultdict(list)
    for column in columns:
        of_width[_width(len(models[column].elements))].append(column)
    return [_stack_of(models, found) for found in of_width.values()]


def _stack_of(models: Sequence[ScoringModel], columns: Sequence[int]) -> _Stack:
    components = models[columns[0]].elements.shape[1]
    width = max(len(models[column].elements) for column in columns)
    elements = np.zeros((len(columns), width, components), np.float32)
    filling = np.zeros((len(columns), width), np.float32)
    for index, column in enumerate(columns):
        rows = models[column].elements
        elements[index, : len(rows)] = rows
        filling[index, len(rows) :] = _NO_COSINE
    return _Stack(
        np.array(columns, np.intp),
        width,
        elements.reshape(-1, components),
        filling.ravel() if filling.any() else None,
    )


def _width(elements: int) -> int:
    """The number of elements, rounded up so that few widths serve all models.

    At most an eighth is filling. Where there are not more than the neighbours, filling would be
    taken for one: such sizes have a width of their own.
    """
    if elements <= max(_EXACT_WIDTH_MAX, NEIGHBOURS):
        return elements
    step = 1 << (elements.bit_length() - 4)
    return -(-elements // step) * step


def _basis_of(model: ScoringModel, bases: Mapping[str, Basis]) -> Basis:
    """The basis that a model names; it must be of the model's space."""
    basis = bases.get(model.basis_digest)
    if basis is None:
        raise InvalidArgument.of(
            "bases", f"{model.basis_digest!r}, which a model names, is missing"
        )
    if (basis.dimension, basis.components) != (model.dimension, model.elements.shape[1]):
        raise InvalidArgument.of("bases", f"{model.basis_digest!r} is not of the model's space")
    return basis


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
