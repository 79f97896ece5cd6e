"""The servicers of curation."""

from __future__ import annotations

from dataclasses import replace

from services.curation.context import Curation
from services.curation.datasets.delete_dataset import ExistingDatasets
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
    peers: CurationPeers,
    active: ActiveVersions,
    models: Models,
    draining: Draining,
) -> list[object]:
    """The servicers of the frame, round, golden set, batch and progress services."""
    existing = ExistingDatasets(stores.ledger, peers.datasets)
    curation = Curation(stores, replace(peers, datasets=existing), active, models)
    return [
        FrameServicer(curation, draining),
        RoundServicer(curation),
        GoldenSetServicer(curation),
        BatchServicer(curation),
        ProgressServicer(curation),
    ]
