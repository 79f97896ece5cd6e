"""The ledger: an ordered key-value store with one write operation, after etcd's Txn.

It is the source of truth for everything that is counted or decided. A partition is a project;
keys, counters and distinct counts of two partitions never meet, nor do the three kinds of one
partition. All domain logic is written once, on top of this interface.

Every name (partition, key, counter, distinct count) is any non-empty text that UTF-8 can encode,
NUL included; ValueError otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

ABSENT: Final = 0
"""The revision of a key that does not exist; in `Transaction.checks` it means "must not exist"."""


EXACT_MAX: Final = 100_000
"""Different hashes up to which a distinct count is exact."""

Hashes = Sequence[int] | NDArray[np.uint64]
"""Unsigned 64-bit hashes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value and the revision at which it was last put.

    Each transaction that puts has a revision above all earlier ones of its partition. So a key
    that was put again has another revision, also if it was deleted in between.
    """

    key: str
    value: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class Add:
    """A change of a counter, signed 64-bit; it may not raise the counter above the ceiling.

    The ceiling limits only a positive delta: a counter that is already above it (the ceiling was
    lowered) may still fall or stay. A sum beyond 64 bits is a Conflict like one above a ceiling.
    """

    delta: int
    ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """Changes of one partition that `Ledger.commit` applies all or nothing.

    `checks` maps a key to the revision it must have (ABSENT: it must not exist); `puts` maps a
    key to its new value; `adds` maps a counter's name to its change; `distinct` maps the name of
    a distinct count to the unsigned 64-bit hashes to put into it.

    A check may name a key that is not written; deleting a key that does not exist has no effect.
    `commit` raises ValueError for a key both put and deleted, and for a number beyond 64 bits.
    """

    partition: str
    checks: Mapping[str, int] = field(default_factory=dict)
    puts: Mapping[str, bytes] = field(default_factory=dict)
    deletes: Iterable[str] = ()
    adds: Mapping[str, Add] = field(default_factory=dict)
    distinct: Mapping[str, Hashes] = field(default_factory=dict)


class Conflict(Exception):
    """A transaction was rejected, and nothing of it applied.

    `subject` is the key with another revision, or the counter that would pass its ceiling.
    """

    def __init__(self, subject: str, problem: str) -> None:
        super().__init__(f"{subject}: {problem}")
        self.subject = subject


class Ledger(Protocol):
    """An ordered, transactional, durable key-value store.

    A read sees every commit that returned before it was called. Reads raise errors.Unavailable
    when the store cannot be read; every call does after `close`.
    """

    async def get(self, partition: str, keys: Sequence[str]) -> dict[str, Entry]:
        """The entries of those keys that exist, in one consistent read."""

    async def scan(
        self, partition: str, prefix: str, *, after: str = "", limit: int
    ) -> list[Entry]:
        """Up to `limit` entries whose key starts with `prefix` and is greater than `after`.

        Ordered by the key's UTF-8 bytes. `after` is a whole key, usually the last of a page.
        An empty prefix matches every key. `limit` is at least 1, else ValueError.
        """

    async def counters(self, partition: str, names: Sequence[str]) -> dict[str, int]:
        """The value of each counter, 0 for one never added to, in one consistent read."""

    async def count_distinct(self, partition: str, names: Sequence[str]) -> int:
        """Estimated number of different hashes in the union of those distinct counts.

        HyperLogLog with 2^14 registers: standard error 0.81 %.
        """

    async def count_exactly(self, partition: str, names: Sequence[str]) -> int | None:
        """The number of different hashes in the union of those distinct counts, if it is known.

        It is while each of them has at most `EXACT_MAX` different hashes. None afterwards, for
        counts that an earlier Sluice began, and for a union that would take too long.
        """

    async def commit(self, transaction: Transaction) -> None:
        """Apply the transaction; when this returns, it is durable.

        Raises Conflict when a check or a ceiling does not hold. Raises errors.Unavailable when
        the store cannot be written; the transaction may or may not have been applied then, and
        also when the caller is cancelled. Raises errors.ResourceExhausted, with nothing applied,
        when the store has no memory left. Transactions of one partition apply one after the other.
        """

    async def close(self) -> None:
        """Finish the running commits and release the store; a second call has no effect."""
