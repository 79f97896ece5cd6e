"""The script that applies a transaction is exact, and takes the largest batch."""

from __future__ import annotations

import asyncio
from itertools import product

from services.ledger.interface import ABSENT, Add, Conflict, Transaction
from services.ledger.redis.ledger import RedisLedger

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


# Around what a double, and what ten digits, can hold.
NUMBERS = [
    *[INT64_MIN, INT64_MIN + 1, -(2**53) - 1, -(10**10), -1, 0, 1, 9_999_999_999, 10**10],
    *[2**53 - 1, 2**53, 2**53 + 1, 10**18 + 1, INT64_MAX - 1, INT64_MAX],
]


async def applies(ledger: RedisLedger, transaction: Transaction) -> bool:
    """Whether the transaction was applied, rather than refused by a Conflict."""
    try:
        await ledger.commit(transaction)
    except Conflict:
        return False
    return True


async def test_sums_and_ceilings_are_exact_everywhere(ledger: RedisLedger) -> None:
    """Whatever a counter, what is added and its ceiling: Redis decides and adds as integers do."""
    cases = list(product(NUMBERS, NUMBERS, [*NUMBERS, None]))
    names = [f"n{i}" for i in range(len(cases))]
    values = {name: Add(value) for name, (value, _, _) in zip(names, cases, strict=True)}
    await ledger.commit(Transaction("p", adds=values))
    applied = await asyncio.gather(
        *[
            applies(ledger, Transaction("p", adds={name: Add(delta, ceiling)}))
            for name, (_, delta, ceiling) in zip(names, cases, strict=True)
        ]
    )

    fits = [
        INT64_MIN <= value + delta <= INT64_MAX
        and (delta <= 0 or ceiling is None or value + delta <= ceiling)
        for value, delta, ceiling in cases
    ]
    assert fits == applied
    sums = [value + delta * fit for fit, (value, delta, _) in zip(fits, cases, strict=True)]
    assert dict(zip(names, sums, strict=True)) == await ledger.counters("p", names)


async def test_the_largest_batch_fits(ledger: RedisLedger) -> None:
    """16,384 matches with a row, a document and an entry of the outbox each are one commit."""
    keys = [f"{kind}/{i}" for kind in ["row", "document", "outbox"] for i in range(16_384)]
    checks = dict.fromkeys(keys[:16_384], ABSENT)
    hashes = {f"ids{i}": range(4_096) for i in range(8)}
    await ledger.commit(Transaction("p", checks, dict.fromkeys(keys, b"x" * 160), distinct=hashes))

    stored_keys = [entry.key for entry in await ledger.scan("p", "", limit=len(keys) + 1)]
    assert sorted(keys) == stored_keys
    await ledger.commit(Transaction("p", deletes=keys))
    assert [] == await ledger.scan("p", "", limit=1)
