"""What a doctor must find: ways to write into ingest's stores behind its back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np
import pytest

from services.doctor.findings import FindingKind
from services.ingest.counters import OUTBOX, Count, budget_used_on
from services.ingest.points import collection_of, sample_point, tenant_of
from services.ingest.projects import PARTITION
from services.ingest.records import (
    DECIDED,
    Mark,
    PendingMatch,
    Row,
    document_key,
    order_keys,
    outbox_key,
    row_key,
)
from services.ingest.submit import submit
from services.ledger.interface import Add, Transaction
from services.records.records import decode, encode
from services.vectors.interface import Points
from sluice.names import CampaignName
from sluice.scoring import normalise
from tests.unit.ingest.harness import (
    DIMENSION,
    MODEL_ID,
    NOON,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    session,
)

EYE: Final = np.eye(DIMENSION, dtype=np.float32)
VECTORS: Final = {"a": EYE[0] * 4 + EYE[1], "b": EYE[0] * 4 + EYE[2] * 1.5, "c": EYE[0] + EYE[3]}
SAMPLES: Final = collection_of(PROJECT, MODEL_ID, DIMENSION)
TENANT: Final = tenant_of(PROJECT, "c")
CAMPAIGN: Final = CampaignName(PROJECT, "c")
TODAY: Final = round(NOON.timestamp() * 1e6)

Tamper = Callable[[IngestHarness], Awaitable[None]]
"""Makes one difference."""


async def send(harness: IngestHarness, seq: int, *frame_ids: str) -> None:
    """Submit frames, all of which match."""
    vectors = [(frame(name), VECTORS[name[0]] * (1 + len(name))) for name in frame_ids]
    await submit(
        harness.ingest, session(), delivery(seq, harness.batch(vectors, override=0.0), str(seq))
    )


async def change(
    harness: IngestHarness,
    *,
    deletes: tuple[str, ...] = (),
    puts: dict[str, bytes] | None = None,
    **adds: int,
) -> None:
    """Write behind the back of ingest; counters are given by the names of `Count`."""
    await harness.stores.ledger.commit(
        Transaction(
            PROJECT,
            puts=puts or {},
            deletes=deletes,
            adds={Count[name].of("c"): Add(delta) for name, delta in adds.items()},
        )
    )


async def row(harness: IngestHarness, frame_id: str) -> Row:
    """A row of the campaign."""
    where = row_key("c", frame_id)
    return decode(Row, (await harness.stores.ledger.get(PROJECT, [where]))[where])


async def places(harness: IngestHarness, frame_id: str) -> tuple[str, str]:
    """Where a sample is listed."""
    found = await row(harness, frame_id)
    return order_keys("c", found.version, found.score, frame_id)


async def first_entry(harness: IngestHarness) -> tuple[str, bytes]:
    """The first entry of the outbox, of `c` in the campaign `c`."""
    [entry, *_] = await harness.stores.ledger.scan(PROJECT, "outbox/", limit=1)
    return entry.key, entry.value


async def counter(harness: IngestHarness) -> None:
    """Two samples too many are counted."""
    await change(harness, COLLECTED=2)


async def budget(harness: IngestHarness) -> None:
    """One place too few of the budget is used."""
    await change(harness, BUDGET_USED=-1)


async def day(harness: IngestHarness) -> None:
    """Five places too many of the day's budget are used."""
    adds = {budget_used_on("c", TODAY): Add(5)}
    await harness.stores.ledger.commit(Transaction(PROJECT, adds=adds))


async def pending_counter(harness: IngestHarness) -> None:
    """One pending match too few is counted."""
    await change(harness, PENDING=-1)


async def accepted(harness: IngestHarness) -> None:
    """One accepted sample too many is counted."""
    await change(harness, ACCEPTED=1)


async def outbox_counter(harness: IngestHarness) -> None:
    """One entry too few is counted."""
    await harness.stores.ledger.commit(Transaction(PROJECT, adds={OUTBOX: Add(-1)}))


async def matches(harness: IngestHarness) -> None:
    """One match too many is counted."""
    await change(harness, MATCHES=1)


async def entry_without_row(harness: IngestHarness) -> None:
    """The outbox has an entry of no match."""
    pending = PendingMatch(
        campaign="c", frame_id="ghost", model_id=MODEL_ID, basis_digest="", vector=EYE[0].tobytes()
    )
    place = outbox_key(TODAY, "other", 1, 0)
    adds = {OUTBOX: Add(1)}
    puts = {place: encode(pending)}
    await harness.stores.ledger.commit(Transaction(PROJECT, puts=puts, adds=adds))


async def decide_only(harness: IngestHarness) -> None:
    """A projector decided, and died before it could write."""
    with pytest.MonkeyPatch.context() as patch:

        async def fail(*_: object) -> None:
            raise RuntimeError

        patch.setattr(type(harness.stores.vectors), "write", fail)
        with pytest.raises(RuntimeError):
            await harness.projector().drain(PROJECT)


async def entry_of_decided(harness: IngestHarness) -> None:
    """A projector decided, and its list of what is to be written was lost."""
    await decide_only(harness)
    await change(harness, deletes=(DECIDED,))


async def unknown_project(harness: IngestHarness) -> None:
    """The projector has forgotten the project."""
    ledger = harness.stores.ledger
    await ledger.commit(Transaction(PARTITION, deletes=[f"project/{PROJECT}"]))


async def document_orphan(harness: IngestHarness) -> None:
    """There is a document of no match."""
    where = document_key("c", "a")
    found = (await harness.stores.ledger.get(PROJECT, [where]))[where]
    await change(harness, puts={document_key("c", "ghost"): found.value})


async def not_listed(harness: IngestHarness) -> None:
    """A sample has lost its place by version."""
    await change(harness, deletes=((await places(harness, "b"))[1],))


async def listed_orphan(harness: IngestHarness) -> None:
    """The listing by score has a place of no sample."""
    await change(harness, puts={order_keys("c", 1, 0.7, "ghost")[0]: encode(Mark())})


async def sample_orphan(harness: IngestHarness) -> None:
    """A near duplicate has a point."""
    point = sample_point(PROJECT, "c", "aa")  # a near duplicate
    payload = {"frame_id": "aa", "version": 1, "score": 0.5}
    await harness.stores.vectors.write(SAMPLES, TENANT, Points([point], EYE[:1], [payload]))


async def sample_payload(harness: IngestHarness) -> None:
    """A point says another version."""
    point = sample_point(PROJECT, "c", "a")
    found = await harness.stores.vectors.retrieve(SAMPLES, TENANT, [point])
    wrong = {**found.payloads[0], "version": 7}
    await harness.stores.vectors.write(SAMPLES, TENANT, Points([point], found.vectors, [wrong]))


async def pending_without_entry(harness: IngestHarness) -> None:
    """An entry of the outbox is lost."""
    place, _ = await first_entry(harness)
    adds = {OUTBOX: Add(-1)}
    await harness.stores.ledger.commit(Transaction(PROJECT, deletes=[place], adds=adds))


async def document_missing(harness: IngestHarness) -> None:
    """A document is lost."""
    await change(harness, deletes=(document_key("c", "a"),))


async def sample_missing(harness: IngestHarness) -> None:
    """A point is lost."""
    await harness.stores.vectors.delete(SAMPLES, TENANT, [sample_point(PROJECT, "c", "a")])


async def sample_vector(harness: IngestHarness) -> None:
    """A point has another's vector."""
    point = sample_point(PROJECT, "c", "a")
    found = await harness.stores.vectors.retrieve(SAMPLES, TENANT, [point])
    vector = normalise(EYE[:1] + EYE[4:5])
    await harness.stores.vectors.write(SAMPLES, TENANT, Points([point], vector, found.payloads))


MENDED: Final[list[tuple[Tamper, FindingKind, str]]] = [
    (counter, FindingKind.COUNTER, f"{CAMPAIGN} collected"),
    (budget, FindingKind.COUNTER, f"{CAMPAIGN} budget-used"),
    (day, FindingKind.COUNTER, f"{CAMPAIGN} budget-used-on 2026-01-01"),
    (pending_counter, FindingKind.COUNTER, f"{CAMPAIGN} pending"),
    (accepted, FindingKind.COUNTER, f"{CAMPAIGN} accepted"),
    (outbox_counter, FindingKind.COUNTER, "projects/p outbox"),
    (matches, FindingKind.FUNNEL_SUM, f"{CAMPAIGN} matches"),
    (entry_without_row, FindingKind.ENTRY_WITHOUT_ROW, f"{CAMPAIGN}/samples/ghost"),
    (unknown_project, FindingKind.PROJECT_UNKNOWN, "projects/p"),
    (document_orphan, FindingKind.DOCUMENT_ORPHAN, f"{CAMPAIGN}/samples/ghost"),
    (not_listed, FindingKind.LISTING_MISSING, f"{CAMPAIGN}/samples/b"),
    (listed_orphan, FindingKind.LISTING_ORPHAN, f"{CAMPAIGN}/samples/ghost"),
    (
        sample_orphan,
        FindingKind.SAMPLE_ORPHAN,
        f"{CAMPAIGN}/samples/aa, point {sample_point(PROJECT, 'c', 'aa')}",
    ),
    (sample_payload, FindingKind.SAMPLE_PAYLOAD, f"{CAMPAIGN}/samples/a"),
]
"""What can be mended, each with the finding that names it."""

LOST: Final[list[tuple[Tamper, FindingKind, str]]] = [
    (pending_without_entry, FindingKind.PENDING_WITHOUT_ENTRY, "c"),
    (document_missing, FindingKind.DOCUMENT_MISSING, "a"),
    (sample_missing, FindingKind.SAMPLE_MISSING, "a"),
    (sample_vector, FindingKind.SAMPLE_VECTOR, "a"),
]
"""What cannot, each with its finding and frame."""
