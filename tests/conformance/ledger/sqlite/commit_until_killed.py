"""Commits to the ledger given as argument, printing every acknowledged number, until killed."""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from services.ledger.interface import ABSENT, Add, Transaction
from services.ledger.sqlite.ledger import SqliteLedger

COMMITTERS = 8


async def main() -> None:
    """Commit numbers that are new to the ledger, several at a time."""
    ledger = await SqliteLedger.open(Path(sys.argv[1]))
    first = (await ledger.counters("p", ["next"]))["next"]
    numbers = count(first)

    async def commit() -> None:
        for number in numbers:
            key = f"{number:08}"
            transaction = Transaction(
                "p",
                checks={key: ABSENT},
                puts={key: b"x" * 200},
                adds={"committed": Add(1), "next": Add(1)},
            )
            await ledger.commit(transaction)
            sys.stdout.write(f"{key}\n")
            sys.stdout.flush()

    await asyncio.gather(*[commit() for _ in range(COMMITTERS)])


asyncio.run(main())
