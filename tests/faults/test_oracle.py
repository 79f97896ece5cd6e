"""The oracle notices each way in which a campaign's accounts may be wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import islice

import pytest

from services.ingest.counters import Count
from services.ingest.records import Row, document_key, order_keys, row_key, session_key
from services.ledger.interface import Add, Ledger, Transaction
from services.records.records import decode
from services.vectors.interface import Collection, Kind, Space, Vectors
from services.vectors.naming import point_id
from sluice.names import CampaignName
from tests.e2e.team import DIMENSION, MODEL
from tests.faults.fleet import Fleet
from tests.faults.oracle import check_accounts
from tests.faults.stored import Stored, stores_of

BATCHES = 4

Tamper = Callable[[Ledger, Vectors, CampaignName, Stored], Awaitable[None]]


def delete(*keys: Callable[[CampaignName, Stored], str]) -> Tamper:
    """Delete entries of the ledger."""

    async def tamper(ledger: Ledger, _: Vectors, name: CampaignName, stored: Stored) -> None:
        deletes = [key(name, stored) for key in keys]
        assert deletes == list(await ledger.get(name.project, deletes))
        await ledger.commit(Transaction(name.project, deletes=deletes))

    return tamper


def add(deltas: Mapping[Count, int]) -> Tamper:
    """Change counters of the campaign."""

    async def tamper(ledger: Ledger, _: Vectors, name: CampaignName, __: Stored) -> None:
        adds = {count.of(name.campaign): Add(delta) for count, delta in deltas.items()}
        await ledger.commit(Transaction(name.project, adds=adds))

    return tamper


async def delete_point(_: Ledger, vectors: Vectors, name: CampaignName, stored: Stored) -> None:
    """Delete a sample from Qdrant."""
    samples = Collection(Kind.SAMPLES, Space(name.project, MODEL, DIMENSION))
    tenant = f"{name.project}/campaigns/{name.campaign}"
    point = point_id("sample", name.project, name.campaign, stored.collected[0])
    await vectors.delete(samples, tenant, [point])


def a_row(name: CampaignName, stored: Stored) -> str:
    """The key of a sample's row."""
    return row_key(name.campaign, stored.collected[0])


def its_document(name: CampaignName, stored: Stored) -> str:
    """The key of its document."""
    return document_key(name.campaign, stored.collected[0])


def its_place(by_version: int) -> Callable[[CampaignName, Stored], str]:
    """The key of its place in an order."""

    def key(name: CampaignName, stored: Stored) -> str:
        row = decode(Row, stored.entries[a_row(name, stored)])
        orders = order_keys(name.campaign, row.version, row.score, stored.collected[0])
        return orders[by_version]

    return key


def a_session(_: CampaignName, stored: Stored) -> str:
    """The key of a session's watermark."""
    return session_key(next(iter(stored.watermarks)))


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(delete(a_row, its_document), id="a match is lost"),
        pytest.param(delete(its_document), id="a document is lost"),
        pytest.param(delete(its_place(0)), id="a sample is not listed by score"),
        pytest.param(delete(its_place(1)), id="a sample is not listed by version"),
        pytest.param(delete(a_session), id="a session is lost"),
        pytest.param(delete_point, id="a sample is not in Qdrant"),
        pytest.param(add({Count.SEEN: 1}), id="a frame is counted twice"),
        pytest.param(add({Count.MATCHES: 1, Count.DUPLICATE: 1}), id="a duplicate nobody sent"),
        pytest.param(add({Count.MATCHES: 1, Count.COLLECTED: 1}), id="a sample nobody sent"),
        pytest.param(add({Count.SCORE_SUM: 1}), id="a score is counted wrongly"),
        pytest.param(add({Count.BUDGET_USED: 1}), id="a refund is lost"),
        pytest.param(
            add({Count.COLLECTED: 1, Count.NEAR_DUPLICATE: -1}), id="counted as another state"
        ),
    ],
)
def test_what_is_wrong_is_noticed(fleet: Fleet, tamper: Tamper) -> None:
    """Accounts that are right pass; with one thing tampered with, they do not."""
    logger = fleet.logger()
    for batch in islice(fleet.load().batches("a"), BATCHES):
        logger.submit(batch)
    stored = fleet.check_accounts()

    async def tamper_with_stores() -> None:
        async with stores_of(fleet.cluster) as (ledger, vectors):
            await tamper(ledger, vectors, CampaignName.parse(fleet.campaign, "campaign"), stored)

    asyncio.run(tamper_with_stores())
    with pytest.raises(AssertionError):
        fleet.check_accounts()


def test_a_batch_that_was_acknowledged_and_is_not_there_is_noticed(fleet: Fleet) -> None:
    """What loggers were told must be stored: one batch more, and the accounts are wrong."""
    logger = fleet.logger()
    logger.submit(next(fleet.load().batches("a")))
    fleet.check_accounts()
    report = logger.report
    more = replace(report, session_id="lost")
    with pytest.raises(AssertionError):
        check_accounts(fleet.cluster, fleet.campaign, [report, more])
