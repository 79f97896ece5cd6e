"""What of an issue a frame is like: the nearest cluster and the nearest elements."""

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
    """The nearest cluster of a frame, from 0, and the nearest elements with their cosines."""

    cluster: int
    cluster_size: int
    distance: float
    radius: float
    elements: tuple[tuple[ElementId, float], ...]


def nearest(scorer: Scorer, unit: NDArray[np.float32], columns: NDArray[np.intp]) -> list[Nearest]:
    """For each of `(rows, dim)` normalised rows what is near it in the model of its column.

    `columns` `(rows,)` are indices of the scorer's models. Equal elements are named once.
    """
    nearest_of_row: dict[int, Nearest] = {}
    for column in np.unique(columns).tolist():
        of_column = np.flatnonzero(columns == column)
        for block in blocks(len(of_column)):
            rows = of_column[block]
            projected = scorer.project(unit[rows], column)
            nearest_of_row |= zip(
                rows.tolist(), _nearest(scorer.models[column], projected), strict=True
            )
    return [nearest_of_row[row] for row in range(len(columns))]


def _nearest(model: ScoringModel, projected: NDArray[np.float32]) -> list[Nearest]:
    clusters = nearest_centroids(projected, model.centroids)
    distances = np.linalg.norm(projected - model.centroids[clusters], axis=1)
    cosines = projected @ model.elements.T
    near = top_columns(cosines, NEIGHBOURS_NAMED)
    return [
        Nearest(
            cluster=int(cluster),
            cluster_size=int(model.cluster_sizes[cluster]),
            distance=float(distances[row]),
            radius=float(model.radii[cluster]),
            elements=tuple(
                (model.element_ids[model.named[element]], float(cosines[row, element]))
                for element in near[row]
            ),
        )
        for row, cluster in enumerate(clusters)
    ]
