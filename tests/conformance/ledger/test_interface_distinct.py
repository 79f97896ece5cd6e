"""Distinct counts of every ledger are within the error of HyperLogLog."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from services.ledger.interface import Ledger, Transaction

STANDARD_ERROR = 0.0081


def random_hashes(count: int, seed: int = 0) -> list[int]:
    """Well mixed hashes, the same for the same seed."""
    hashes: list[int] = np.random.default_rng(seed).integers(0, 2**64, count, np.uint64).tolist()
    return hashes


async def count(ledger: Ledger, *names: str) -> int:
    """The size of the union in partition p."""
    return await ledger.count_distinct("p", names)


async def insert(ledger: Ledger, name: str, hashes: Sequence[int]) -> None:
    """Put hashes into one distinct count of partition p."""
    await ledger.commit(Transaction("p", distinct={name: hashes}))


@pytest.mark.parametrize("size", [0, 1, 2, 5, 10])
async def test_a_handful_is_counted_exactly(ledger: Ledger, size: int) -> None:
    """Up to about ten there is nothing to estimate."""
    await insert(ledger, "ids", random_hashes(size))

    assert size == await count(ledger, "ids")


@pytest.mark.parametrize("size", [100, 1_000, 20_000, 40_000, 80_000, 300_000])
async def test_counts_are_within_five_standard_errors(ledger: Ledger, size: int) -> None:
    """Small, large and where other estimators change their formula."""
    await insert(ledger, "ids", random_hashes(size))

    assert pytest.approx(size, rel=5 * STANDARD_ERROR) == await count(ledger, "ids")


@pytest.mark.parametrize(
    "hashes",
    [
        range(50_000),
        range(0, 50_000 << 44, 1 << 44),
        range(2**64 - 50_000, 2**64),
    ],
    ids=["counting up", "high bits only", "almost all ones"],
)
async def test_poor_hashes_count_right(ledger: Ledger, hashes: Sequence[int]) -> None:
    """Numbers that are not hashes at all are mixed before they are counted."""
    await insert(ledger, "ids", hashes)

    assert pytest.approx(len(hashes), rel=5 * STANDARD_ERROR) == await count(ledger, "ids")


async def test_the_extremes_are_two_hashes(ledger: Ledger) -> None:
    """0 and 2^64 - 1 are hashes as any other."""
    await insert(ledger, "ids", [0, 2**64 - 1])

    assert 2 == await count(ledger, "ids")


async def test_a_hash_counts_once(ledger: Ledger) -> None:
    """Neither repetition in one transaction nor in a later one raises the count."""
    hashes = random_hashes(1_000)
    await insert(ledger, "ids", hashes + hashes)
    once = await count(ledger, "ids")
    for start in range(0, 1_000, 250):
        await insert(ledger, "ids", hashes[start : start + 250])

    assert once == await count(ledger, "ids")


async def test_pieces_count_like_the_whole(ledger: Ledger) -> None:
    """It makes no difference in how many transactions, or in which order, hashes arrive."""
    hashes = random_hashes(3_000)
    await insert(ledger, "whole", hashes)
    for start in range(2_900, -1, -100):
        await insert(ledger, "pieces", hashes[start : start + 100])

    assert await count(ledger, "whole") == await count(ledger, "pieces")


async def test_a_union_counts_the_common_part_once(ledger: Ledger) -> None:
    """The union of overlapping counts is that of all their hashes; unknown names add nothing."""
    hashes = random_hashes(90_000)
    transaction = Transaction("p", distinct={"a": hashes[:60_000], "b": hashes[30_000:]})
    await ledger.commit(transaction)
    await insert(ledger, "both", hashes)

    union = await count(ledger, "a", "b", "unknown", "a")
    assert pytest.approx(90_000, rel=5 * STANDARD_ERROR) == union
    assert await count(ledger, "both") == union
    assert pytest.approx(60_000, rel=5 * STANDARD_ERROR) == await count(ledger, "a")
