"""`sluiced` with a log that is not flushed: what the test of flushing must not mistake for safe."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from services.ledger.sqlite import file as sqlite_file

connect_safely = sqlite_file.connect_writer


def connect_unsafely(path: Path) -> sqlite3.Connection:
    """The ledger's connection, which leaves flushing to the operating system."""
    connection = connect_safely(path)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


if __name__ == "__main__":
    sqlite_file.connect_writer = connect_unsafely
    from services.embedded.__main__ import main

    main()
