"""The embedded ledger loses no acknowledged commit when its process is killed."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from services.ledger.sqlite.ledger import SqliteLedger
from sluice import errors

COMMIT_UNTIL_KILLED = Path(__file__).parent / "commit_until_killed.py"


KILLS = 5


COMMITS_PER_KILL = 40


def test_no_acknowledged_commit_is_lost_by_kill_9(path: Path) -> None:
    """Whenever the process is killed, all it acknowledged is there, and nothing is half there."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(COMMIT_UNTIL_KILLED), str(path)]
    acknowledged: set[str] = set()
    for _ in range(KILLS):
        with Popen(command, stdout=PIPE, text=True, env=environment) as child:
            assert child.stdout
            acknowledged |= {child.stdout.readline().strip() for _ in range(COMMITS_PER_KILL)}
            with pytest.raises(errors.FailedPrecondition, match="open elsewhere"):
                SqliteLedger(path)
            child.kill()
            acknowledged |= {line.strip() for line in child.stdout if line.endswith("\n")}
        kept, committed = asyncio.run(what_was_kept(path))
        assert acknowledged <= kept
        assert len(kept) == committed
    assert KILLS * COMMITS_PER_KILL <= len(acknowledged)


async def what_was_kept(path: Path) -> tuple[set[str], int]:
    """The keys in the file, and how many the counter beside them says there are."""
    ledger = await SqliteLedger.open(path)
    entries = await ledger.scan("p", "", limit=10**6)
    counters = await ledger.counters("p", ["committed"])
    await ledger.close()
    return {entry.key for entry in entries}, counters["committed"]
