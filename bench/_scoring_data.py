"""The synthetic space of the scoring benchmark, the same in every run.

Frames belong to kinds, as in real data: each kind is a tight cloud in the space. An issue has 25
elements of each of 12 kinds, drawn from 600, so its campaign looks for 2 % of the kinds. Half of
the frames belong to the 600 kinds; each of the others has a kind of its own. So a frame matches
about 1 % of the campaigns.

A kind is a point in 128 latent dimensions whose variances fall like 1 / (1 + i / 16), as the
spectra of embeddings do; its members lie around it with a third of that deviation. A random
rotation takes them into the space, where a little noise of all dimensions is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sluice.scoring import Basis, ElementId, Scorer, ScoringModel, build_basis, build_model

KINDS: Final = 600
KINDS_PER_ISSUE: Final = 12
MEMBERS_PER_KIND: Final = 25
ELEMENTS: Final = KINDS_PER_ISSUE * MEMBERS_PER_KIND
ORDINARY_SHARE: Final = 0.5
BACKGROUND_ROWS: Final = 2_000
ROWS: Final = 256
"""Frames in a batch."""

LATENT: Final = 128
SPREAD: Final = 1 / 3
NOISE: Final = 0.05

Rows = NDArray[np.float32]


class Space:
    """The frames and issues of a space of some dimension."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        random = np.random.default_rng(dimension)
        self._deviations = (1 + np.arange(LATENT) / 16) ** -0.5
        self._kinds = random.normal(size=(KINDS, LATENT)) * self._deviations
        self._rotation = np.linalg.qr(random.normal(size=(dimension, LATENT)))[0].T

    @cached_property
    def background(self) -> Rows:
        """The background sample."""
        return self.frames(BACKGROUND_ROWS, seed=1)

    @cached_property
    def basis(self) -> Basis:
        """The basis of the background."""
        return build_basis(self.background)

    def frames(self, count: int, seed: int) -> Rows:
        """Random frames, `(count, dimension)`."""
        random = np.random.default_rng([2, seed])
        places = random.normal(size=(count, LATENT)) * self._deviations
        is_of_kind = random.random(count) >= ORDINARY_SHARE
        places[is_of_kind] = self._kinds[random.integers(KINDS, size=is_of_kind.sum())]
        return self._members(places, random)

    def batches(self, count: int, rows: int = ROWS) -> list[Rows]:
        """A number of batches of frames."""
        return [self.frames(rows, seed=100 + number) for number in range(count)]

    def elements(self, campaign: int) -> Rows:
        """The elements of a campaign's issue, kind after kind."""
        random = np.random.default_rng([3, campaign])
        kinds = random.choice(KINDS, KINDS_PER_ISSUE, replace=False)
        return self._members(np.repeat(self._kinds[kinds], MEMBERS_PER_KIND, axis=0), random)

    def model(self, campaign: int) -> ScoringModel:
        """The model of a campaign."""
        ids = [ElementId(f"e{number:03}") for number in range(ELEMENTS)]
        return build_model(self.elements(campaign), ids, self.basis)

    def scorer(self, models: list[ScoringModel]) -> Scorer:
        """The scorer of these models."""
        return Scorer(models, {self.basis.digest: self.basis})

    def _members(self, places: NDArray[np.float64], random: np.random.Generator) -> Rows:
        latent = places + SPREAD * self._deviations * random.normal(size=places.shape)
        noise = NOISE * random.normal(size=(len(places), self.dimension))
        rows: Rows = (latent @ self._rotation + noise).astype(np.float32)
        return rows


def make_models(spaces: Sequence[Space], count: int) -> list[list[ScoringModel]]:
    """The models of a number of campaigns of each space, built on all cores."""
    with ProcessPoolExecutor(initializer=threadpool_limits, initargs=(1,)) as pool:
        return [list(pool.map(space.model, range(count), chunksize=50)) for space in spaces]
