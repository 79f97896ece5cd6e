"""The Redis keys of a partition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PREFIX: Final = b"sluice:"
SCHEMA: Final = PREFIX + b"schema"


@dataclass(frozen=True, slots=True)
class PartitionKeys:
    """The keys of one partition, with its name as hash tag, so that all share one slot."""

    partition: bytes

    @property
    def entries(self) -> bytes:
        """A hash: key → revision and value."""
        return self._key(b"e")

    @property
    def index(self) -> bytes:
        """A sorted set of the entries' keys, all with score 0: ordered by their bytes."""
        return self._key(b"i")

    @property
    def counters(self) -> bytes:
        """A hash: counter → value; the empty name, which no counter has, → the last revision."""
        return self._key(b"c")

    def ring(self, writer: str) -> bytes:
        """A hash: slot → outcome of one of the last transactions of that writer."""
        return self._key(b"w:" + writer.encode())

    def distinct(self, names: Iterable[bytes]) -> list[bytes]:
        """Three keys for each distinct count: two HyperLogLogs, and the set of its hashes.

        The first HyperLogLog is of an earlier Sluice, which keeps no set: its count is estimated.
        """
        return [self._key(kind + name) for name in names for kind in (b"d:", b"h:", b"x:")]

    def registers(self, names: Iterable[bytes]) -> list[bytes]:
        """The HyperLogLogs of each distinct count."""
        return [self._key(kind + name) for name in names for kind in (b"d:", b"h:")]

    def _key(self, suffix: bytes) -> bytes:
        """`sluice:{partition}:suffix`.

        The hash tag ends at the first `}`, so `}` is percent-encoded, and therefore `%` too.
        """
        tag = self.partition.replace(b"%", b"%25").replace(b"}", b"%7D")
        return PREFIX + b"{" + tag + b"}:" + suffix
