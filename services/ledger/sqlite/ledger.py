"""The embedded ledger: one SQLite file, one thread that commits, one that reads."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from services.ledger import hyperloglog
from services.ledger.encoding import EncodedTransaction, encode, key_range
from services.ledger.interface import Entry, Transaction
from services.ledger.sqlite import exact, file, tables
from services.ledger.sqlite.writer import SqliteWriter, to_unavailable
from sluice import errors

_Result = TypeVar("_Result")


class SqliteLedger:
    """A `Ledger` in a file, owned by one instance in one process at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file, blocking; see `open`."""
        path = path.resolve()
        with ExitStack() as resources:
            resources.callback(os.close, file.lock(path))
            writer = file.connect_writer(path)
            resources.callback(writer.close)
            self._reader = file.connect_reader(path)
            # Closed before the writer, since the last connection to close runs a checkpoint.
            resources.callback(self._reader.close)
            self._resources = resources.pop_all()
        self._writer = SqliteWriter(writer)
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> SqliteLedger:
        """Open the ledger in that file, which is created if missing; its folder must exist.

        Raises errors.FailedPrecondition when the file is open elsewhere, was written by a newer
        Sluice, or is not a ledger.
        """
        return await asyncio.to_thread(cls, path)

    async def get(self, partition: str, keys: Sequence[str]) -> dict[str, Entry]:
        """See `Ledger.get`."""
        encoded, names = encode(partition), [encode(key) for key in keys]
        entries = await self._read(lambda reader: tables.read_entries(reader, encoded, names))
        return {entry.key: entry for entry in entries}

    async def scan(
        self, partition: str, prefix: str, *, after: str = "", limit: int
    ) -> list[Entry]:
        """See `Ledger.scan`."""
        if limit < 1:
            raise ValueError(f"limit: is {limit}, expected at least 1")
        encoded = encode(partition)
        start, stop = key_range(prefix, after)
        return await self._read(
            lambda reader: tables.read_page(reader, encoded, start, stop, limit)
        )

    async def counters(self, partition: str, names: Sequence[str]) -> dict[str, int]:
        """See `Ledger.counters`."""
        encoded, keys = encode(partition), {name: encode(name) for name in names}
        values = await self._read(
            lambda reader: tables.read_counters(reader, encoded, keys.values())
        )
        return {name: values.get(key, 0) for name, key in keys.items()}

    async def count_distinct(self, partition: str, names: Sequence[str]) -> int:
        """See `Ledger.count_distinct`."""
        encoded, keys = encode(partition), [encode(name) for name in names]
        merged = await self._read(
            lambda reader: hyperloglog.union(
                registers for _, registers in tables.read_registers(reader, encoded, keys)
            )
        )
        return hyperloglog.estimate(merged)

    async def count_exactly(self, partition: str, names: Sequence[str]) -> int | None:
        """See `Ledger.count_exactly`."""
        encoded, keys = encode(partition), {encode(name) for name in names}

        def count(reader: sqlite3.Connection) -> int | None:
            stored_names = [name for name, _ in tables.read_registers(reader, encoded, keys)]
            return exact.count(reader, encoded, stored_names)

        return await self._read(count)

    async def commit(self, transaction: Transaction) -> None:
        """See `Ledger.commit`. A cancelled caller does not learn whether it was applied."""
        self._require_open()
        await asyncio.wrap_future(self._writer.submit(EncodedTransaction.of(transaction)))

    async def close(self) -> None:
        """See `Ledger.close`; later calls raise errors.Unavailable."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._drain)

    async def _read(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        self._require_open()
        return await asyncio.get_running_loop().run_in_executor(
            self._reads, self._in_snapshot, query
        )

    def _in_snapshot(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Run `query` in a transaction, which in WAL mode sees no later commit."""
        try:
            self._reader.execute("BEGIN")
            try:
                return query(self._reader)
            finally:
                self._reader.rollback()
        except sqlite3.Error as error:
            raise to_unavailable(error) from error

    def _drain(self) -> None:
        self._writer.close()
        self._reads.shutdown()
        self._resources.close()

    def _require_open(self) -> None:
        if self._closed:
            raise errors.Unavailable("ledger: is closed")
