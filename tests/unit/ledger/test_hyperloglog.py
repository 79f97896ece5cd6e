"""The registers behind distinct counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger import hyperloglog

hash_lists = st.lists(st.integers(0, 2**64 - 1), max_size=50)


def counted(hashes: list[int]) -> hyperloglog.Registers:
    """The registers of those hashes."""
    registers = hyperloglog.empty_registers()
    hyperloglog.insert(registers, np.array(hashes, dtype=np.uint64))
    return registers


@given(hash_lists, hash_lists)
def test_a_union_has_the_registers_of_all(first: list[int], second: list[int]) -> None:
    """Merging two counts gives what one count of both would hold."""
    merged = hyperloglog.union([counted(first), counted(second)])

    assert np.array_equal(counted(first + second), merged)


@given(hash_lists)
def test_the_union_leaves_its_parts_alone(hashes: list[int]) -> None:
    """Counts that were merged can be merged again."""
    part = counted(hashes)
    before = part.copy()
    hyperloglog.union([part, counted([1, 2, 3])])

    assert np.array_equal(before, part)


def test_ranks_and_registers_follow_their_distribution() -> None:
    """Of n hashes, every register gets some, and rank r is half as frequent as r - 1."""
    registers = np.zeros((200, hyperloglog.REGISTERS), dtype=np.uint8)
    for row, fresh in enumerate(registers):
        hyperloglog.insert(fresh, np.arange(row * 1_000, (row + 1) * 1_000, dtype=np.uint64))
    seen = registers[registers > 0]

    assert registers.any(axis=0).mean() > 0.9999
    for rank in range(1, 8):
        assert pytest.approx(0.5**rank, rel=0.15) == np.mean(seen == rank)
    assert seen.max() <= 51


@pytest.mark.parametrize("size", [50, 500, 5_000, 20_000, 50_000, 100_000, 1_000_000])
def test_the_estimate_is_unbiased(size: int) -> None:
    """Over 40 counts of one size, the mean error is within five of its standard errors."""
    random = np.random.default_rng(7)
    errors = []
    for _ in range(40):
        registers = hyperloglog.empty_registers()
        hyperloglog.insert(registers, random.integers(0, 2**64, size, dtype=np.uint64))
        errors.append(hyperloglog.estimate(registers) / size - 1)

    assert abs(np.mean(errors)) < 5 * hyperloglog.STANDARD_ERROR / np.sqrt(40)
    assert np.std(errors) < 1.5 * hyperloglog.STANDARD_ERROR
