"""Distinct counts are exact up to 100,000 different hashes, and say so when they are not."""

from __future__ import annotations

import pytest

from services.ledger.interface import EXACT_MAX, Ledger, Transaction
from tests.conformance.ledger.test_interface_distinct import random_hashes

EDGES = [0, 1, 2**63 - 1, 2**63, 2**64 - 1]


async def insert(ledger: Ledger, **distinct: list[int]) -> None:
    """Put hashes into distinct counts of partition p."""
    await ledger.commit(Transaction("p", distinct=distinct))


async def exactly(ledger: Ledger, *names: str) -> int | None:
    """The exact size of the union in partition p."""
    return await ledger.count_exactly("p", names)


@pytest.mark.parametrize("size", [1, 1_115, 20_000])
async def test_hashes_are_counted_once(ledger: Ledger, size: int) -> None:
    """However often and in whichever pieces they come, the count is the number of hashes."""
    hashes = random_hashes(size) + EDGES
    await insert(ledger, ids=hashes + hashes)
    for start in range(0, size, 7_000):
        await insert(ledger, ids=hashes[start : start + 9_000])

    assert len(set(hashes)) == await exactly(ledger, "ids")


async def test_nothing_is_counted_as_nothing(ledger: Ledger) -> None:
    """Counts that were never used, no count at all, and an empty list of hashes count as 0."""
    await insert(ledger, empty=[])

    assert 0 == await exactly(ledger)
    assert 0 == await exactly(ledger, "empty")
    assert 0 == await exactly(ledger, "unknown")
    await insert(ledger, empty=[7])
    assert 1 == await exactly(ledger, "empty", "unknown")


async def test_a_union_counts_the_common_part_once(ledger: Ledger) -> None:
    """The union of overlapping counts is that of all their hashes, in one partition only."""
    hashes = random_hashes(9_000)
    await insert(ledger, a=hashes[:6_000], b=hashes[3_000:])
    await ledger.commit(Transaction("q", distinct={"a": [1, 2]}))

    assert (9_000, 6_000) == (await exactly(ledger, "a", "b", "a"), await exactly(ledger, "a"))
    assert 2 == await ledger.count_exactly("q", ["a", "b"])


async def test_the_limit_is_included(ledger: Ledger) -> None:
    """100,000 different hashes are counted exactly; with one more only the estimate is left."""
    hashes = random_hashes(EXACT_MAX + 1)
    await insert(ledger, ids=hashes[:-1])
    assert EXACT_MAX == await exactly(ledger, "ids")
    await insert(ledger, ids=hashes[:10])
    assert EXACT_MAX == await exactly(ledger, "ids")

    await insert(ledger, ids=hashes[-1:])
    assert await exactly(ledger, "ids") is None
    await insert(ledger, ids=hashes[:1], few=[1])
    assert await exactly(ledger, "few", "ids") is None
    assert 1 == await exactly(ledger, "few")
    assert pytest.approx(EXACT_MAX, rel=0.05) == await ledger.count_distinct("p", ["ids"])


async def test_a_refused_transaction_counts_nothing(ledger: Ledger) -> None:
    """A conflict leaves no hash behind."""
    await insert(ledger, ids=[1])
    with pytest.raises(Exception, match="has revision 0"):
        await ledger.commit(Transaction("p", checks={"key": 7}, distinct={"ids": [2], "new": [3]}))

    assert (1, 0) == (await exactly(ledger, "ids"), await exactly(ledger, "new"))
