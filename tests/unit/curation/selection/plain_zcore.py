"""ZCore as its description reads: a draw at a time, each over whole columns.

It shares the random numbers with the service, and nothing else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.curation.selection.zcore import Draws


def plain_changes(
    embeddings: NDArray[np.float32], drawn: Draws, neighbours: int
) -> NDArray[np.float64]:
    """What draws add to the scores of embeddings `(rows, dim)`, of which two or more columns vary.

    Dimensions of `drawn` are columns of `embeddings`; in whichever layout these are given.
    """
    change = np.zeros(len(embeddings))
    for first, second, point in zip(drawn.first, drawn.second, drawn.points):
        one, other = embeddings[:, first], embeddings[:, second]
        row = int(np.argmin(np.abs(one - point[0]) + np.abs(other - point[1])))
        distances = np.abs(one - one[row]) + np.abs(other - other[row])
        distances[row] = np.inf
        nearest = distances.argmin()
        if distances[nearest] == 0:
            _share(change, distances, row)
            continue
        losing = _nearest(distances, neighbours)
        weights = distances[losing].astype(np.float64) ** -4.0
        change[row] += 1
        change[losing] -= weights / weights.sum()
    return change


def _nearest(distances: NDArray[np.float32], neighbours: int) -> NDArray[np.intp]:
    """The nearest rows, and those as near as the last of them."""
    if neighbours >= len(distances) - 1:
        return np.flatnonzero(distances < np.inf)
    found = np.argpartition(distances, neighbours - 1)[:neighbours]
    last = distances[found].max()
    if np.count_nonzero(distances <= last) == neighbours:
        return found
    return np.flatnonzero(distances <= last)


def _share(change: NDArray[np.float64], distances: NDArray[np.float32], row: int) -> None:
    """Rows in one place gain a share each, and lose to each other what all of them gain."""
    place = np.append(np.flatnonzero(distances == 0), row)
    others = len(place) - 1
    change[place] += 1 / len(place)
    change[place] -= others * (1 / len(place) / others)
