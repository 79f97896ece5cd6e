"""The kernel against one Qdrant query per frame; its engine runs in this process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final
from uuid import UUID

from threadpoolctl import threadpool_limits

from bench._scoring_data import ELEMENTS, ROWS, Space
from bench._scoring_kernel import NEIGHBOURS, Figures, scoring
from bench._turns import log
from services.vectors.edge.vectors import EdgeVectors
from services.vectors.interface import Collection, Kind, Points
from services.vectors.interface import Space as VectorSpace
from sluice.scoring import ScoringModel, normalise

CAMPAIGNS: Final = (1, 10, 100)
QUERIES: Final = 400
"""Queries per turn: a frame needs one for each campaign."""

ROUNDS: Final = 3


def measure(space: Space, models: list[ScoringModel], folder: Path) -> Figures:
    """The kernel's speed over Qdrant's, by campaigns; the best of a few turns of each."""
    return asyncio.run(_measure(space, models, folder))


async def _measure(space: Space, models: list[ScoringModel], folder: Path) -> Figures:
    vectors = await EdgeVectors.open(folder / "vectors")
    collection = Collection(Kind.ELEMENTS, VectorSpace("bench", "bench", space.dimension))
    figures, written = {}, 0
    for count in CAMPAIGNS:
        for campaign in range(written, count):
            await vectors.write(collection, f"c{campaign}", _points(space, campaign))
        written = count
        score = scoring(space.scorer(models[:count]), space.frames(ROWS, seed=5))
        query_s, kernel_s = float("inf"), float("inf")
        with threadpool_limits(1):
            score()
            for _ in range(ROUNDS):
                query_s = min(query_s, await _query(vectors, collection, space, count))
                start = time.perf_counter()
                score()
                kernel_s = min(kernel_s, time.perf_counter() - start)
        figures[f"scoring.over_qdrant_per_frame.{count}"] = query_s * count / (kernel_s / ROWS)
        log(f"{count:,} campaigns: a query of Qdrant takes {1e6 * query_s:.0f} µs")
    await vectors.close()
    return figures


async def _query(
    vectors: EdgeVectors, collection: Collection, space: Space, campaigns: int
) -> float:
    """The mean seconds of a query for the nearest elements of a campaign."""
    frames = normalise(space.frames(max(QUERIES // campaigns, 1), seed=5))
    start = time.perf_counter()
    for frame in frames:
        for campaign in range(campaigns):
            await vectors.search(collection, f"c{campaign}", frame, limit=NEIGHBOURS)
    return (time.perf_counter() - start) / len(frames) / campaigns


def _points(space: Space, campaign: int) -> Points:
    ids = [UUID(int=campaign * ELEMENTS + number) for number in range(ELEMENTS)]
    return Points(ids, normalise(space.elements(campaign)), [{}] * ELEMENTS)
