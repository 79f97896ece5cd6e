"""The kernel and the scoring methods that it is compared with, each over one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import faiss
import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from bench._scoring_data import ELEMENTS, KINDS_PER_ISSUE, ROWS, Rows, Space
from bench._turns import ROUNDS, by_turns, log
from sluice.scoring import Scorer, ScoringModel, normalise
from sluice.scoring.basis import COMPONENTS_MAX

NEIGHBOURS: Final = 5
"""Nearest elements that the search-based methods look for."""

Figures = dict[str, float]

CAMPAIGNS: Final = (1, 10, 100, 1_000)
THREADS: Final = (1, 2)
ROUNDS_OF_OTHERS: Final = 3
LOOPED: Final = (1, 100)
LOOP_FRAMES: Final = 8
FAISS: Final = (1, 10, 100)
BARE_COSINES: Final = (2**18, 2**19, 2**20)
"""Sizes of the product buffer to try; the fastest counts."""


def measure(spaces: Sequence[tuple[Space, list[ScoringModel]]]) -> Figures:
    """The kernel's figures; those of the first space have no dimension in their names."""
    figures: Figures = {}
    log("campaigns  dimension  threads  frames/s  over products")
    for space, models in spaces:
        for threads in THREADS:
            for count in CAMPAIGNS:
                plain = space is spaces[0][0] and threads == 1
                with threadpool_limits(threads):
                    rounds = ROUNDS if plain else ROUNDS_OF_OTHERS
                    speed, ratio = _over_products(space, models[:count], rounds)
                log(f"{count:9,}  {space.dimension:9}  {threads:7}  {speed:8,.0f}  {ratio:13.2f}")
                which = "" if plain else f"{space.dimension}d.{threads}threads."
                figures[f"scoring.kernel_over_products.{which}{count}"] = ratio
    space, models = spaces[0]
    for count in LOOPED:
        figures[f"scoring.over_cluster_loop.{count}"] = _over_loop(space, models[:count], 1)
    figures["scoring.over_cluster_loop.2threads.1"] = _over_loop(space, models[:1], 2)
    with threadpool_limits(1):
        for count in FAISS:
            figures[f"scoring.over_faiss.{count}"] = _over_faiss(space, models[:count])
        figures[f"scoring.matches_only_cost.{CAMPAIGNS[-1]}"] = _matches_only(space, models)
    return figures


def scoring(scorer: Scorer, batch: Rows) -> Callable[[], object]:
    """A call that normalises and scores a batch."""
    return lambda: scorer.score(normalise(batch))


def _over_products(space: Space, models: list[ScoringModel], rounds: int) -> tuple[float, float]:
    """The kernel's frames per second, and its time over that of the bare products."""
    batch = space.frames(ROWS, seed=5)
    things = {"kernel": scoring(space.scorer(models), batch)}
    bare = {f"bare{cosines}": bare_products(space, models, cosines) for cosines in BARE_COSINES}
    taken_s = by_turns(things | bare, rounds=rounds)
    kernel_s = taken_s.pop("kernel")
    return ROWS / kernel_s, kernel_s / min(taken_s.values())


def bare_products(space: Space, models: list[ScoringModel], cosines: int) -> Callable[[], object]:
    """A call that computes only the matrix products that scoring needs, in allocated memory."""
    basis = space.basis
    unit = normalise(space.frames(ROWS, seed=5))
    stacked = np.concatenate([model.elements for model in models])
    step = max(cosines // ROWS // ELEMENTS, 1) * ELEMENTS
    parts = [stacked[start : start + step].T for start in range(0, len(stacked), step)]
    projected = np.empty((ROWS, basis.components), np.float32)
    background = np.empty((ROWS, len(basis.background)), np.float32)
    buffer = np.empty(ROWS * max(part.shape[1] for part in parts), np.float32)
    products = [buffer[: ROWS * part.shape[1]].reshape(ROWS, -1) for part in parts]

    def multiply() -> None:
        np.matmul(unit, basis.projection, out=projected)
        for part, product in zip(parts, products, strict=True):
            np.matmul(projected, part, out=product)
        np.matmul(projected, basis.background.T, out=background)

    return multiply


def _over_loop(space: Space, models: list[ScoringModel], threads: int) -> float:
    """The speed of the kernel over that of a loop over frames, campaigns and clusters."""
    batch = space.frames(ROWS, seed=5)
    loop = ClusterLoop(space, len(models), batch[:LOOP_FRAMES])
    with threadpool_limits(threads):
        taken_s = by_turns({"kernel": scoring(space.scorer(models), batch), "loop": loop.score})
    loop_s = taken_s["loop"] / LOOP_FRAMES
    ratio = loop_s / (taken_s["kernel"] / ROWS)
    log(
        f"{len(models):,} campaigns, {threads} threads: {ratio:.0f} × the cluster loop, "
        f"which does {len(models) / loop_s:,.0f} frames a second for each"
    )
    return ratio


class ClusterLoop:
    """The microcluster formula by itself, for each frame, campaign and cluster.

    Score max(0, 1 − distance / (2 · radius)) of the best of a campaign's 12 clusters, in the
    principal components of the background; the radius is that of the farthest member. A frame is a
    list of numbers, and each cluster converts and projects it anew.
    """

    def __init__(self, space: Space, campaigns: int, frames: Rows) -> None:
        self._frames = frames.tolist()
        pca = PCA(COMPONENTS_MAX, svd_solver="full").fit(space.background)
        self._mean, self._components = pca.mean_, np.ascontiguousarray(pca.components_.T)
        self._campaigns = [
            _clusters(pca.transform(space.elements(number))) for number in range(campaigns)
        ]

    def score(self) -> list[list[float]]:
        """The scores of all frames, by campaign."""
        return [
            [
                max(self._score(frame, *cluster) for cluster in clusters)
                for clusters in self._campaigns
            ]
            for frame in self._frames
        ]

    def _score(self, frame: list[float], centre: Rows, radius: float) -> float:
        vector: Rows = np.array(frame, np.float32)
        placed = np.matmul(vector - self._mean, self._components)
        return max(0.0, 1 - float(np.linalg.norm(placed - centre)) / (2 * radius))


def _clusters(placed: Rows) -> list[tuple[Rows, float]]:
    """The centres and radii of an issue's clusters, with members in consecutive rows."""
    members = placed.reshape(KINDS_PER_ISSUE, -1, placed.shape[1])
    centres = members.mean(axis=1)
    radii = np.linalg.norm(members - centres[:, None], axis=2).max(axis=1)
    return [*zip(centres, radii.tolist(), strict=True)]


def _over_faiss(space: Space, models: list[ScoringModel]) -> float:
    """The speed of the kernel over that of a flat FAISS index per campaign.

    One index over the elements of all campaigns would not find the five nearest of each campaign.
    The batch is projected once for all; the background term is left out.
    """
    basis, batch = space.basis, space.frames(ROWS, seed=5)
    indexes = []
    for model in models:
        index = faiss.IndexFlatIP(basis.components)
        index.add(model.elements)
        indexes.append(index)

    def search() -> None:
        projected = basis.project(normalise(batch))
        for index in indexes:
            index.search(projected, NEIGHBOURS)

    taken_s = by_turns({"kernel": scoring(space.scorer(models), batch), "faiss": search})
    ratio = taken_s["faiss"] / taken_s["kernel"]
    log(f"{len(models):,} campaigns: {ratio:.2f} × a flat index for each")
    return ratio


def _matches_only(space: Space, models: list[ScoringModel]) -> float:
    """The time of finding only matches over that of full scoring."""
    scorer, batch = space.scorer(models), space.frames(ROWS, seed=5)
    thresholds = np.full(len(models), 0.5)
    things = {
        "full": scoring(scorer, batch),
        "matches": lambda: scorer.matches(normalise(batch), thresholds),
    }
    taken_s = by_turns(things)
    matches = len(scorer.matches(normalise(batch), thresholds).frames)
    share = matches / ROWS / len(models)
    ratio = taken_s["matches"] / taken_s["full"]
    log(f"matches only, {share:.2%} of all: {ratio:.2f} of the time")
    return ratio
