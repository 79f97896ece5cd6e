"""Methods that score frames for an issue: ours, and those it is compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from sluice.scoring import Basis, ElementId, Scorer, Scores, build_model
from sluice.scoring.model import FitSummary

Floats = NDArray[np.float32]


def ours(
    issue: Floats, basis: Basis, frames: Floats, negatives: Floats | None = None
) -> tuple[Scores, FitSummary]:
    """The scores of Sluice, and what its model chose from data."""
    ids = [ElementId(f"{number:05}") for number in range(len(issue))]
    model = build_model(issue, ids, basis, negatives)
    assert model.summary is not None
    return Scorer([model], {basis.digest: basis}).score(frames), model.summary


def contrast(issue: Floats, basis: Basis, frames: Floats) -> Floats:
    """The former score of Sluice: 5 nearest elements minus a quarter of 10 nearest background."""
    projected = basis.project(frames)
    near = _largest(projected @ basis.project(issue).T, 5)
    return np.asarray(near - _largest(projected @ basis.background.T, 10) / 4, np.float32)


def max_cosine(issue: Floats, background: Floats, frames: Floats) -> Floats:
    """The largest cosine to an element."""
    return np.asarray((frames @ issue.T).max(axis=1), np.float32)


def mean_of_5(issue: Floats, background: Floats, frames: Floats) -> Floats:
    """The mean of the five largest cosines to elements."""
    return _largest(frames @ issue.T, 5)


def logistic(issue: Floats, background: Floats, frames: Floats) -> Floats:
    """Logistic regression of elements against background, C = 1."""
    return _logistic(issue, background, frames, 1)


def logistic_c100(issue: Floats, background: Floats, frames: Floats) -> Floats:
    """Logistic regression with weak regularisation, C = 100."""
    return _logistic(issue, background, frames, 100)


def microclusters(issue: Floats, background: Floats, frames: Floats) -> Floats:
    """PCA on the background, clusters of the issue, and the distance in radii, at least 0.

    The method of Aquarium's client, as far as it is public. The radius of a single element is the
    background's median distance.
    """
    mean = background.mean(axis=0)
    directions = np.linalg.svd(background - mean, full_matrices=False)[2][:64].T
    rows, projected = (issue - mean) @ directions, (frames - mean) @ directions
    count = max(1, round(np.sqrt(len(rows) / 2)))
    kmeans = KMeans(count, n_init=3, random_state=0).fit(rows)
    centres = kmeans.cluster_centers_.astype(np.float32)
    own = np.linalg.norm(rows - centres[kmeans.labels_], axis=1)
    radii = np.array([own[kmeans.labels_ == cluster].max() for cluster in range(count)])
    typical = np.median(np.linalg.norm((background - mean) @ directions, axis=1))
    radii = np.where(radii > 1e-6, radii, typical)
    squares = np.square(projected).sum(1)[:, None] - 2 * projected @ centres.T
    distances = np.sqrt(np.maximum(squares + np.square(centres).sum(1), 0))
    return np.asarray(np.maximum(1 - distances / (2 * radii), 0).max(axis=1), np.float32)


OTHERS = (max_cosine, mean_of_5, logistic, logistic_c100, microclusters)


def _largest(cosines: Floats, count: int) -> Floats:
    count = min(count, cosines.shape[1])
    return np.asarray(np.partition(cosines, -count, axis=1)[:, -count:].mean(axis=1), np.float32)


def _logistic(issue: Floats, background: Floats, frames: Floats, c: float) -> Floats:
    rows = np.concatenate([issue, background])
    targets = np.arange(len(rows)) < len(issue)
    fitted = LogisticRegression(C=c, class_weight="balanced", max_iter=300).fit(rows, targets)
    return np.asarray(frames @ fitted.coef_[0], np.float32)
