"""Explain a score by the nearest cluster and the nearest elements of the issue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sluice.scoring.clusters import nearest_centroids
from sluice.scoring.kernel import Scorer
from sluice.scoring.model import ElementId, ScoringModel
from sluice.scoring.selection import top_columns
from sluice.scoring.vectors import blocks

NEIGHBOURS_NAMED = 3


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest cluster of a frame (numbered from 0), and the nearest elements with cosines."""

    cluster: int
    cluster_size: int
    distance: float
    radius: float
    elements: tuple[tuple[ElementId, float], ...]


def nearest(scorer: Scorer, unit: NDArray[np.float32], columns: NDArray[np.intp]) -> list[Nearest]:
    """The nearest cluster and elements of each normalised row `(rows, dim)`.

    `columns` `(rows,)` is the index of each row's model in the scorer. Of equal elements only the
    first is named.
    """
    nearest_of_row: dict[int, Nearest] = {}
    for column in np.unique(columns).tolist():
        column_rows = np.flatnonzero(columns == column)
        for block in blocks(len(column_rows)):
            rows = column_rows[block]
            projected = scorer.project(unit[rows], column)
            nearest_of_row |= zip(
                rows.tolist(), _explain_rows(scorer.models[column], projected), strict=True
            )
    return [nearest_of_row[row] for row in range(len(columns))]


def _explain_rows(model: ScoringModel, projected: NDArray[np.float32]) -> list[Nearest]:
    clusters = nearest_centroids(projected, model.centroids)
    distances = np.linalg.norm(projected - model.centroids[clusters], axis=1)
    cosines = projected @ model.elements.T
    neighbours = top_columns(cosines, NEIGHBOURS_NAMED)
    return [
        Nearest(
            cluster=int(cluster),
            cluster_size=int(model.cluster_sizes[cluster]),
            distance=float(distances[row]),
            radius=float(model.radii[cluster]),
            elements=tuple(
                (model.element_ids[model.named[element]], float(cosines[row, element]))
                for element in neighbours[row]
            ),
        )
        for row, cluster in enumerate(clusters)
    ]
