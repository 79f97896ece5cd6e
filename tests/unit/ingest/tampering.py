"""Writing into ingest's stores directly, to make the differences that a doctor must find."""

from __future__ import annotations

from typing import Final

import pytest

from services.ingest.counters import Count
from services.ingest.points import collection_of, tenant_of
from services.ingest.submit import submit
from services.ledger.interface import Add, Transaction
from tests.unit.ingest.harness import (
    CAMPAIGN,
    DIMENSION,
    EYE,
    MODEL_ID,
    NOON,
    PROJECT,
    IngestHarness,
    delivery,
    frame,
    session,
)

VECTORS: Final = {"a": EYE[0] * 4 + EYE[1], "b": EYE[0] * 4 + EYE[2] * 1.5, "c": EYE[0] + EYE[3]}
"""Vectors by the first letter of a frame id; frames with the same letter are near duplicates."""

SAMPLES: Final = collection_of(PROJECT, MODEL_ID, DIMENSION)
TENANT: Final = tenant_of(PROJECT, CAMPAIGN.campaign)
TODAY_US: Final = round(NOON.timestamp() * 1e6)


async def send(harness: IngestHarness, seq: int, *frame_ids: str) -> None:
    """Submit frames, all of which match."""
    vectors = [(frame(name), VECTORS[name[0]] * (1 + len(name))) for name in frame_ids]
    batch = harness.batch(vectors, override=0.0)
    await submit(harness.ingest, session(), delivery(seq, batch, str(seq)))


async def write_directly(
    harness: IngestHarness,
    *,
    deletes: tuple[str, ...] = (),
    puts: dict[str, bytes] | None = None,
    **adds: int,
) -> None:
    """Write into the ledger, bypassing ingest; `adds` has the names of `Count` members."""
    await harness.stores.ledger.commit(
        Transaction(
            PROJECT,
            puts=puts or {},
            deletes=deletes,
            adds={Count[name].of(CAMPAIGN.campaign): Add(delta) for name, delta in adds.items()},
        )
    )


async def add_to_counter(harness: IngestHarness, counter: str, delta: int) -> None:
    """Change a counter that has no member in `Count`."""
    await harness.stores.ledger.commit(Transaction(PROJECT, adds={counter: Add(delta)}))


async def decide_without_writing(harness: IngestHarness) -> None:
    """Let a projector decide all matches, and fail before it writes the samples."""
    with pytest.MonkeyPatch.context() as patch:

        async def fail(*_: object) -> None:
            raise RuntimeError

        patch.setattr(type(harness.stores.vectors), "write", fail)
        with pytest.raises(RuntimeError):
            await harness.projector().drain(PROJECT)
