"""The request that `commit.lua` takes for a transaction, and the meaning of its reply."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Final

from services.ledger.encoding import INT64_MAX, INT64_MIN, EncodedTransaction
from services.ledger.interface import EXACT_MAX, Add, Conflict
from services.ledger.redis.keys import PartitionKeys
from sluice import errors

Command = tuple[bytes | str | int, ...]
"""A command and its arguments."""

REVISION: Final = b""
_NEXT_REVISION: Final = Add(1)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script that connections load before they call it.

    Called by digest instead of as a Redis function: all clients share one set of functions, so two
    versions of Sluice on one server would replace each other's.
    """

    source: bytes

    @classmethod
    def load(cls, name: str) -> Script:
        """The script in the file of that name beside this module."""
        return cls(Path(__file__).with_name(name).read_bytes())

    @property
    def digest(self) -> str:
        """The SHA-1 by which Redis names the script."""
        return sha1(self.source, usedforsecurity=False).hexdigest()


COMMIT: Final = Script.load("commit.lua")
SCAN: Final = Script.load("scan.lua")
OPEN: Final = Script.load("open.lua")
_COMMIT_DIGEST: Final = COMMIT.digest
_SCAN_DIGEST: Final = SCAN.digest
EXACT: Final = Script.load("exact.lua")
_EXACT_DIGEST: Final = EXACT.digest

UNION_MAX: Final = 2 * EXACT_MAX
"""Hashes of several sets that Redis may be asked to unite, which blocks it meanwhile."""


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """A transaction ready to be sent, once or again."""

    transaction: EncodedTransaction
    arguments: Command

    @classmethod
    def of(cls, transaction: EncodedTransaction) -> CommitRequest:
        """Lay out the script's arguments: the lengths of eight lists, then the lists."""
        adds = (
            {**transaction.adds, REVISION: _NEXT_REVISION} if transaction.puts else transaction.adds
        )
        lists: tuple[Collection[bytes | int], ...] = (
            transaction.checks,
            transaction.checks.values(),
            adds,
            [add.delta for add in adds.values()],
            [_bound(add) for add in adds.values()],
            [part for item in transaction.puts.items() for part in item],
            transaction.deletes,
            # Little-endian on every machine, so that equal hashes are equal bytes.
            [hashes.astype("<u8").tobytes() for hashes in transaction.distinct.values()],
        )
        arguments: list[bytes | int] = [len(items) for items in lists]
        for items in lists:
            arguments += items
        return cls(transaction, tuple(arguments))

    @property
    def size_bytes(self) -> int:
        """About how many bytes are sent, for bounding a group."""
        hashes = sum(hashes.nbytes for hashes in self.transaction.distinct.values())
        return self.transaction.size_bytes + hashes

    def command(self, writer: str, number: int, slot: int, sending: int) -> Command:
        """The call of the script; `sending` counts how often the request was sent before."""
        keys = PartitionKeys(self.transaction.partition)
        names = [keys.entries, keys.index, keys.counters, keys.ring(writer)]
        names += keys.distinct(self.transaction.distinct)
        call: Command = ("EVALSHA", _COMMIT_DIGEST, len(names))
        return (*call, *names, number, slot, sending, *self.arguments)

    def to_outcome(self, reply: object) -> Exception | None:
        """None when the transaction was applied, else the error to raise."""
        match reply:
            case b"OK":
                return None
            case [b"key", bytes(key), bytes(actual)]:
                expected = self.transaction.checks[key]
                problem = f"has revision {actual.decode()}, expected {expected}"
                return Conflict(key.decode(), problem)
            case [b"counter", bytes(name), bytes(value)]:
                return Conflict(
                    name.decode(), _ceiling_problem(self.transaction.adds[name], int(value))
                )
            case _:
                return errors.Internal(f"ledger: unexpected reply to a commit: {reply!r}")


def scan_command(partition: bytes, start: bytes, stop: bytes, limit: int) -> Command:
    """The call that reads a page of the keys with start ≤ key < stop."""
    keys = PartitionKeys(partition)
    names = (keys.entries, keys.index)
    return ("EVALSHA_RO", _SCAN_DIGEST, 2, *names, b"[" + start, b"(" + stop, limit)


def exact_command(keys: Sequence[bytes]) -> Command:
    """The call that counts the hashes of a union; three keys for each distinct count."""
    return ("EVALSHA_RO", _EXACT_DIGEST, len(keys), *keys, UNION_MAX)


def _bound(add: Add) -> int:
    """The largest value that the counter may rise from, or the smallest that it may fall from."""
    if add.delta <= 0:
        return INT64_MIN - add.delta
    ceiling = INT64_MAX if add.ceiling is None else add.ceiling
    return ceiling - add.delta


def _ceiling_problem(add: Add, value: int) -> str:
    total = value + add.delta
    if add.delta > 0 and add.ceiling is not None and total > add.ceiling:
        return f"would be {total}, over its ceiling {add.ceiling}"
    return f"would be {total}, beyond 64 bits"
