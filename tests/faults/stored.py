"""What the stores of a cluster hold of one campaign, read past its services."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from deploy.local.cluster import Cluster
from services.ingest import counters
from services.ingest.counters import Count
from services.ingest.records import DECIDED, DecidedEntries, PendingMatch, Row, RowState, Session
from services.ledger.interface import Entry, Ledger
from services.ledger.redis.ledger import RedisLedger
from services.records.records import decode, prefix, segments
from services.vectors.interface import Collection, Kind, Points, Space, Vectors
from services.vectors.qdrant.vectors import QdrantVectors
from sluice.names import CampaignName
from tests.e2e.team import DIMENSION, MODEL

PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Stored:
    """The rows of a campaign by frame id, what belongs to them, and the project's outbox.

    `entries` are all entries of the project; `points` the frame ids in Qdrant.
    """

    campaign: str
    entries: dict[str, Entry] = field(repr=False)
    counters: dict[Count, int]
    outbox_counter: int
    budget_used_by_day: dict[str, int]
    points: list[str] = field(repr=False)
    vectors: bytes = field(repr=False)

    @property
    def rows(self) -> dict[str, Row]:
        """The matches."""
        return {name: decode(Row, entry) for name, entry in self._below("row").items()}

    @property
    def documents(self) -> set[str]:
        """The frames whose document is there."""
        return set(self._below("document"))

    @property
    def collected(self) -> list[str]:
        """The frames that are samples."""
        return [name for name, row in self.rows.items() if row.state is RowState.COLLECTED]

    @property
    def collected_by_day(self) -> dict[str, int]:
        """How many samples were received on each UTC day."""
        rows = self.rows
        return Counter(_day(rows[name].received_us) for name in self.collected)

    @property
    def watermarks(self) -> dict[str, int]:
        """How far each session of the project has come."""
        return {
            segments(key)[-1]: decode(Session, entry).watermark
            for key, entry in self.entries.items()
            if key.startswith(prefix("session"))
        }

    @property
    def outbox(self) -> list[str]:
        """What waits for the projector, or for its last step."""
        waits = [key for key in self.entries if key.startswith(prefix("outbox"))]
        return waits + [key for key in self.entries if key == DECIDED]

    @property
    def decided(self) -> list[str]:
        """The frames that a projector has decided, with its page not yet finished."""
        if DECIDED not in self.entries:
            return []
        places = decode(DecidedEntries, self.entries[DECIDED]).entries
        return [decode(PendingMatch, self.entries[place]).frame_id for place in places]

    @property
    def settled(self) -> bool:
        """Whether the projector has nothing left to do."""
        return not self.outbox

    def _below(self, kind: str) -> dict[str, Entry]:
        below = prefix(kind, self.campaign)
        return {
            segments(key)[-1]: entry for key, entry in self.entries.items() if key.startswith(below)
        }


@asynccontextmanager
async def stores_of(cluster: Cluster) -> AsyncIterator[tuple[Ledger, Vectors]]:
    """The ledger and the vectors of a cluster."""
    ledger = await RedisLedger.open(f"redis://{cluster.address('redis')}")
    vectors = await QdrantVectors.open(f"http://{cluster.address('qdrant')}")
    try:
        yield ledger, vectors
    finally:
        await vectors.close()
        await ledger.close()


async def read_stored(cluster: Cluster, name: CampaignName) -> Stored:
    """Read all that is stored of a campaign."""
    async with stores_of(cluster) as (ledger, vectors):
        entries = await _entries(ledger, name.project)
        counts = {count: count.of(name.campaign) for count in Count}
        received = [decode(Row, row).received_us for row in _below(entries, "row", name.campaign)]
        used = {_day(at): counters.budget_used_on(name.campaign, at) for at in received}
        values = await ledger.counters(
            name.project, [*counts.values(), *used.values(), counters.OUTBOX]
        )
        points = await _points(vectors, name)
        order = np.argsort([str(each) for each in points.ids])
        return Stored(
            campaign=name.campaign,
            entries=entries,
            counters={count: values[key] for count, key in counts.items()},
            outbox_counter=values[counters.OUTBOX],
            budget_used_by_day={day: values[key] for day, key in used.items() if values[key]},
            points=[str(payload["frame_id"]) for payload in points.payloads],
            vectors=points.vectors[order].tobytes(),
        )


def _below(entries: dict[str, Entry], *parents: str) -> list[Entry]:
    return [entry for key, entry in entries.items() if key.startswith(prefix(*parents))]


async def _entries(ledger: Ledger, project: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    after = ""
    while page := await ledger.scan(project, "", after=after, limit=PAGE):
        found |= {entry.key: entry for entry in page}
        after = page[-1].key
    return found


async def _points(vectors: Vectors, name: CampaignName) -> Points:
    samples = Collection(Kind.SAMPLES, Space(name.project, MODEL, DIMENSION))
    return await vectors.read(samples, f"{name.project}/campaigns/{name.campaign}")


def _day(received_us: int) -> str:
    return datetime.fromtimestamp(received_us / 1e6, tz=UTC).date().isoformat()
