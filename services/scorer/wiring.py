"""What a process runs to serve scores."""

from __future__ import annotations

from services.platform.active import ActiveVersions
from services.platform.draining import Draining
from services.platform.models import Models
from services.scorer.score import Scoring
from services.scorer.servicer import ScorerServicer


def servicers(
    active: ActiveVersions, models: Models, draining: Draining, threads: int
) -> list[object]:
    """The servicer of ScorerService."""
    return [ScorerServicer(Scoring(active, models, threads), draining)]
