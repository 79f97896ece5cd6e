"""Under which keys a partition lies in Redis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

PREFIX: Final = b"sluice:"
SCHEMA: Final = PREFIX + b"schema"


@dataclass(frozen=True, slots=True)
class PartitionKeys:
    """The keys of one partition: all carry its name as their hash tag, so they share a slot."""

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
        """A hash: what became of the last transactions of one writer."""
        return self._key(b"w:" + writer.encode())

    def distinct(self, names: Iterable[bytes]) -> list[bytes]:
        """A HyperLogLog for each distinct count."""
        return [self._key(b"d:" + name) for name in names]

    def _key(self, what: bytes) -> bytes:
        """`sluice:{partition}:what`.

        Redis takes what stands between the first `{` and the first `}` after it, unless that is
        nothing, so that only `}` need not stand in it; `%` then stands for itself no more.
        """
        tag = self.partition.replace(b"%", b"%25").replace(b"}", b"%7D")
        return PREFIX + b"{" + tag + b"}:" + what
