"""What a process runs to serve what curation is for."""

from __future__ import annotations

from services.curation.context import Curation
from services.curation.servicer.batches import BatchServicer
from services.curation.servicer.frames import FrameServicer
from services.curation.servicer.golden_sets import GoldenSetServicer
from services.curation.servicer.progress import ProgressServicer
from services.curation.servicer.rounds import RoundServicer
from services.peers.active import ActiveVersions
from services.peers.curation_peers import CurationPeers
from services.peers.models import Models
from services.records.stores import Stores
from services.server.draining import Draining


def servicers(
    stores: Stores,
    others: CurationPeers,
    active: ActiveVersions,
    models: Models,
    draining: Draining,
) -> list[object]:
    """The servicers of all services of curation."""
    curation = Curation(stores, others, active, models)
    return [
        FrameServicer(curation, draining),
        RoundServicer(curation),
        GoldenSetServicer(curation),
        BatchServicer(curation),
        ProgressServicer(curation),
    ]
