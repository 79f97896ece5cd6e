"""The rows that each tool writes: 600 frames, of which some are near the hard ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

ROWS, DIMENSION, HARD = 600, 8, 30
_STEPS = 64
"""Values are multiples of 1/64 below 32, which float16 holds exactly."""


@dataclass(frozen=True)
class Corpus:
    """Ids, vectors `(rows, dimension) float32`, times in UTC, and texts of few values."""

    ids: list[str]
    vectors: NDArray[np.float32]
    times: list[datetime]
    devices: list[str]
    weather: list[str]

    @property
    def naive_times(self) -> list[datetime]:
        """The times without their zone."""
        return [time.replace(tzinfo=None) for time in self.times]


def make_corpus() -> Corpus:
    """The same frames in each process; the last ones are hard."""
    random = np.random.default_rng(1)
    vectors = random.normal(size=(ROWS, DIMENSION))
    vectors[-HARD:] = make_hard(random)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return Corpus(
        [f"f{index:03}" for index in range(ROWS)],
        round_values(vectors),
        [start + timedelta(minutes=index) for index in range(ROWS)],
        [f"truck-{index % 3}" for index in range(ROWS)],
        [("fog", "sun", "rain", "snow")[index % 4] for index in range(ROWS)],
    )


def make_hard(random: np.random.Generator) -> NDArray[np.float64]:
    """Vectors of hard frames, `(30, dimension)`."""
    centre = np.array([6, 3, 0, 0, 0, 0, 0, 0])
    return centre + 0.2 * random.normal(size=(HARD, DIMENSION))


def round_values(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    """Vectors that every type of floats holds exactly."""
    return np.asarray(np.round(vectors * _STEPS) / _STEPS, np.float32)
