"""The servicer of scores, with its threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.peers.active import ActiveVersions
from services.peers.models import Models
from services.scorer.score import BatchScorer
from services.scorer.servicer import ScorerServicer
from services.server.draining import Draining
from services.server.settings import ScoringSettings


@asynccontextmanager
async def servicers(
    active: ActiveVersions, models: Models, draining: Draining, settings: ScoringSettings
) -> AsyncIterator[list[object]]:
    """The servicer of ScorerService, with its threads for as long as this is entered."""
    scoring = BatchScorer(
        active,
        models,
        threads=settings.scoring_threads,
        group_rows_max=settings.group_rows_max,
    )
    try:
        yield [ScorerServicer(scoring, draining)]
    finally:
        scoring.close()
