"""The servicer of ingest, with its projector."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.ingest.background import BackgroundProjector
from services.ingest.context import Ingest
from services.ingest.projector import Projector
from services.ingest.servicer import IngestServicer
from services.ingest.sessions import SessionSweeper
from services.peers.active import ActiveVersions
from services.peers.models import Models
from services.records.stores import Stores
from services.server.draining import Draining
from services.server.settings import IntakeSettings


@asynccontextmanager
async def servicers(
    stores: Stores,
    active: ActiveVersions,
    models: Models,
    draining: Draining,
    settings: IntakeSettings,
    *,
    owner: str,
) -> AsyncIterator[list[object]]:
    """The servicer of IngestService, with the projector at work for as long as this is entered.

    `owner` names the projector in leases: a restarted process with the same name resumes its lease
    without waiting.
    """
    ingest = Ingest(stores, active, models, settings.outbox_entries_max)
    background = BackgroundProjector(stores.ledger, Projector(ingest, owner))
    async with background.running(), SessionSweeper(ingest).running():
        yield [IngestServicer(ingest, draining, background.wake, settings.in_flight_max)]
