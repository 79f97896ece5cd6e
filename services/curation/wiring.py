"""What a process runs to serve the frames and rounds of datasets."""

from __future__ import annotations

from services.curation.context import Curation
from services.curation.servicer.frames import FrameServicer
from services.curation.servicer.rounds import RoundServicer
from services.platform.active import ActiveVersions
from services.platform.draining import Draining
from services.platform.models import Models
from services.platform.neighbours import Neighbours
from services.platform.stores import Stores


def servicers(
    stores: Stores,
    others: Neighbours,
    active: ActiveVersions,
    models: Models,
    draining: Draining,
) -> list[object]:
    """The servicers of FrameService and RoundService."""
    curation = Curation(stores, others, active, models)
    return [FrameServicer(curation, draining), RoundServicer(curation)]
