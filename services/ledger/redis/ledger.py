"""The ledger of a cluster: a Redis server that flushes each commit to disk before it replies."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from services.ledger.encoding import EncodedTransaction, encode, key_range
from services.ledger.interface import Entry, Transaction
from services.ledger.redis.keys import PartitionKeys
from services.ledger.redis.request import Command, CommitRequest, exact_command, scan_command
from services.ledger.redis.server import RedisServer, Reply
from services.ledger.redis.writer import RedisWriter
from sluice import errors

CONNECTIONS_MAX: Final = 8
CONNECT_TIMEOUT_S: Final = 2.0
REPLY_TIMEOUT_S: Final = 5.0
PATIENCE_S: Final = 15.0


class RedisLedger:
    """A `Ledger` on a Redis server, which any number of processes may share."""

    def __init__(self, reads: RedisServer, commits: RedisServer, patience_s: float) -> None:
        self._reads = reads
        # Commits have their own connection, so they never wait for reads to release one.
        self._commits = commits
        self._patience_s = patience_s
        self._writer = RedisWriter(commits, patience_s)
        self._closed = False

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        connections_max: int = CONNECTIONS_MAX,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        start_patience_s: float | None = None,
    ) -> RedisLedger:
        """Open the ledger in the database that a `redis://`, `rediss://` or `unix://` URL names.

        Uses at most `connections_max` connections (2 or more), one of them for all commits. Calls
        to a server that cannot be reached are retried for `patience_s`; this first one for
        `start_patience_s`, if given.

        Raises errors.Unavailable when the server stays unavailable for that long,
        errors.FailedPrecondition, naming each setting to change, when the server could lose
        acknowledged commits, and ValueError for another kind of URL.
        """
        connect = partial(
            RedisServer, url, connect_timeout_s=connect_timeout_s, reply_timeout_s=reply_timeout_s
        )
        reads, commits = connect(connections_max=connections_max - 1), connect(connections_max=1)
        at_start_s = patience_s if start_patience_s is None else start_patience_s
        await reads.query(("PING",), at_start_s)
        return cls(reads, commits, patience_s)

    async def get(self, partition: str, keys: Sequence[str]) -> dict[str, Entry]:
        """See `Ledger.get`."""
        redis_keys, names = PartitionKeys(encode(partition)), [encode(key) for key in keys]
        stored = await self._read_fields(redis_keys.entries, names)
        return {
            key: _to_entry(key, value)
            for key, value in zip(keys, stored, strict=True)
            if value is not None
        }

    async def scan(
        self, partition: str, prefix: str, *, after: str = "", limit: int
    ) -> list[Entry]:
        """See `Ledger.scan`."""
        if limit < 1:
            raise ValueError(f"limit: is {limit}, expected at least 1")
        start, stop = key_range(prefix, after)
        keys, stored = await self._read(scan_command(encode(partition), start, stop, limit))
        return [_to_entry(key.decode(), value) for key, value in zip(keys, stored, strict=True)]

    async def counters(self, partition: str, names: Sequence[str]) -> dict[str, int]:
        """See `Ledger.counters`."""
        redis_keys, encoded = PartitionKeys(encode(partition)), [encode(name) for name in names]
        stored = await self._read_fields(redis_keys.counters, encoded)
        return {name: int(value or 0) for name, value in zip(names, stored, strict=True)}

    async def count_distinct(self, partition: str, names: Sequence[str]) -> int:
        """See `Ledger.count_distinct`."""
        redis_keys, encoded = PartitionKeys(encode(partition)), [encode(name) for name in names]
        self._require_open()
        if not encoded:
            return 0
        return int(await self._read(("PFCOUNT", *redis_keys.registers(encoded))))

    async def count_exactly(self, partition: str, names: Sequence[str]) -> int | None:
        """See `Ledger.count_exactly`."""
        redis_keys, encoded = PartitionKeys(encode(partition)), {encode(name) for name in names}
        self._require_open()
        if not encoded:
            return 0
        count = int(await self._read(exact_command(redis_keys.distinct(encoded))))
        return None if count < 0 else count

    async def commit(self, transaction: Transaction) -> None:
        """See `Ledger.commit`. A cancelled caller does not learn whether it was applied.

        A broken connection alone does not raise Unavailable: the transaction is sent again, and
        the reply tells whether it had been applied. Raises errors.ResourceExhausted, with nothing
        applied, when the server has no memory left.
        """
        self._require_open()
        await self._writer.submit(CommitRequest.of(EncodedTransaction.of(transaction)))

    async def close(self) -> None:
        """See `Ledger.close`; later calls raise errors.Unavailable."""
        if not self._closed:
            self._closed = True
            await self._writer.close()
            await self._commits.close()
            await self._reads.close()

    async def _read_fields(self, key: bytes, fields: Sequence[bytes]) -> list[bytes | None]:
        """The values of those fields of a hash, in one consistent read."""
        self._require_open()
        if not fields:
            return []
        values: list[bytes | None] = await self._read(("HMGET", key, *fields))
        return values

    async def _read(self, command: Command) -> Reply:
        self._require_open()
        try:
            return await self._reads.query(command, self._patience_s)
        except errors.FailedPrecondition as error:  # its settings were changed after `open`
            raise self._reads.unavailable(error.message) from error

    def _require_open(self) -> None:
        if self._closed:
            raise errors.Unavailable("ledger: is closed")


def _to_entry(key: str, stored: bytes) -> Entry:
    revision, _, value = stored.partition(b" ")
    return Entry(key, value, int(revision))
