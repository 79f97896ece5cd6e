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


Hashes = Sequence[int] | NDArray[np.uint64]
"""Unsigned 64-bit hashes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key with its value and the revision at which it was last put.

    Each transaction that puts has a revision above all earlier ones of its partition. So a key
    that was put again has another revision, also when it was deleted in between.
    """

    key: str
    value: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class Add:
    """A change of a counter, signed 64-bit; with a ceiling, it may not raise the sum above it.

    The ceiling binds only a positive delta: a sum that is already above it (the ceiling was
    lowered) may still fall or stay. A sum beyond 64 bits is refused like one above a ceiling.
    """

    delta: int
    ceiling: int | None = None


@dataclass(frozen=True, slots=True)
class Transaction:
    """What `Ledger.commit` applies all or nothing to one partition.

    `checks` maps a key to the revision it must have (ABSENT: it must not exist); `puts` maps a
    key to its new value; `adds` maps a counter's name to its change; `distinct` maps the name of
    a distinct count to the unsigned 64-bit hashes to put into it.

    A check may name a key that is not written; deleting a key that does not exist is nothing.
    A key both put and deleted, and a number beyond its 64 bits, are a ValueError of `commit`.
    """

    partition: str
    checks: Mapping[str, int] = field(default_factory=dict)
    puts: Mapping[str, bytes] = field(default_factory=dict)
    deletes: Iterable[str] = ()
    adds: Mapping[str, Add] = field(default_factory=dict)
    distinct: Mapping[str, Hashes] = field(default_factory=dict)


class Conflict(Exception):
    """A transaction was refused and nothing of it applied.

    `subject` is the key whose check failed, or the counter whose ceiling would have been passed.
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
        """The entries of those keys that exist, all read at one moment."""

    async def scan(
        self, partition: str, prefix: str, *, after: str = "", limit: int
    ) -> list[Entry]:
        """Up to `limit` entries whose key starts with `prefix` and is greater than `after`.

        Ordered by the key's UTF-8 bytes. `after` is a whole key, usually the last of a page.
        An empty prefix is every key's. `limit` is at least 1, else ValueError.
        """

    async def counters(self, partition: str, names: Sequence[str]) -> dict[str, int]:
        """The value of each counter, 0 for one never added to; all read at one moment."""

    async def count_distinct(self, partition: str, names: Sequence[str]) -> int:
        """About how many different hashes went into the union of those distinct counts.

        HyperLogLog with 2^14 registers: standard error 0.81 %.
        """

    async def commit(self, transaction: Transaction) -> None:
        """Apply the transaction; when this returns, it is durable.

        Raises Conflict when a check or a ceiling does not hold. Raises errors.Unavailable when
        the store cannot be written; then it may or may not have been applied, and so it is for a
        caller that is cancelled. Raises errors.ResourceExhausted, with nothing applied, when the
        store has no memory left. Transactions of one partition apply one after the other.
        """

    async def close(self) -> None:
        """Finish the commits under way and release the store; a second time, do nothing."""
