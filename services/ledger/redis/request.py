"""A transaction as the script `commit.lua` takes it, and what its reply means."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Final

from services.ledger.interface import Add, Conflict
from services.ledger.redis.keys import PartitionKeys
from services.ledger.write import INT64_MAX, INT64_MIN, Write
from sluice import errors

Command = tuple[bytes | str | int, ...]
"""A command and its arguments."""

REVISION: Final = b""
_NEXT_REVISION: Final = Add(1)


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script that connections load before they call it.

    By digest, not as a Redis function: functions are one for all clients, so that two versions of
    Sluice on one server would replace each other's.
    """

    source: bytes

    @classmethod
    def load(cls, name: str) -> Script:
        """The script in the file of that name beside this module."""
        return cls(Path(__file__).with_name(name).read_bytes())

    @property
    def digest(self) -> str:
        """What Redis calls the script."""
        return sha1(self.source, usedforsecurity=False).hexdigest()


COMMIT: Final = Script.load("commit.lua")
SCAN: Final = Script.load("scan.lua")
OPEN: Final = Script.load("open.lua")
_COMMIT_DIGEST: Final = COMMIT.digest
_SCAN_DIGEST: Final = SCAN.digest


@dataclass(frozen=True, slots=True)
class Request:
    """A transaction ready to be sent, as often as it takes."""

    write: Write
    arguments: Command

    @classmethod
    def of(cls, write: Write) -> Request:
        """Lay the transaction out as the script takes it: eight lists, their lengths before."""
        adds = {**write.adds, REVISION: _NEXT_REVISION} if write.puts else write.adds
        lists: tuple[Collection[bytes | int], ...] = (
            write.checks,
            write.checks.values(),
            adds,
            [add.delta for add in adds.values()],
            [_bound(add) for add in adds.values()],
            [part for item in write.puts.items() for part in item],
            write.deletes,
            # Everywhere the same bytes, whichever way the machine turns its own.
            [hashes.astype("<u8").tobytes() for hashes in write.distinct.values()],
        )
        arguments: list[bytes | int] = [len(each) for each in lists]
        for each in lists:
            arguments += each
        return cls(write, tuple(arguments))

    @property
    def size_bytes(self) -> int:
        """About how much is sent, for bounding what is sent at once."""
        hashes = sum(each.nbytes for each in self.write.distinct.values())
        return self.write.size_bytes + hashes

    def command(self, writer: str, number: int, slot: int, sending: int) -> Command:
        """The call of the script; `sending` is greater each time one transaction is sent."""
        keys = PartitionKeys(self.write.partition)
        names = [keys.entries, keys.index, keys.counters, keys.ring(writer)]
        names += keys.distinct(self.write.distinct)
        call: Command = ("EVALSHA", _COMMIT_DIGEST, len(names))
        return (*call, *names, number, slot, sending, *self.arguments)

    def outcome(self, reply: object) -> Exception | None:
        """None when the transaction was applied, else why not."""
        match reply:
            case b"OK":
                return None
            case [b"key", bytes(key), bytes(actual)]:
                expected = self.write.checks[key]
                problem = f"has revision {actual.decode()}, expected {expected}"
                return Conflict(key.decode(), problem)
            case [b"counter", bytes(name), bytes(value)]:
                return Conflict(name.decode(), _over(self.write.adds[name], int(value)))
            case _:
                return errors.Internal(f"ledger: a commit was answered {reply!r}")


def scan_command(partition: bytes, start: bytes, stop: bytes, limit: int) -> Command:
    """The call that reads a page: start ≤ key < stop."""
    keys = PartitionKeys(partition)
    names = (keys.entries, keys.index)
    return ("EVALSHA_RO", _SCAN_DIGEST, 2, *names, b"[" + start, b"(" + stop, limit)


def _bound(add: Add) -> int:
    """How great the counter may be at most before it rises, or at least before it falls."""
    if add.delta <= 0:
        return INT64_MIN - add.delta
    ceiling = INT64_MAX if add.ceiling is None else add.ceiling
    return ceiling - add.delta


def _over(add: Add, value: int) -> str:
    total = value + add.delta
    if add.delta > 0 and add.ceiling is not None and total > add.ceiling:
        return f"would be {total}, over its ceiling {add.ceiling}"
    return f"would be {total}, beyond 64 bits"
