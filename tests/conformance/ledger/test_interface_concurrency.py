"""Concurrent and cancelled callers of every ledger, closing and reopening."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.ledger.interface import ABSENT, Add, Conflict, Ledger, Transaction
from sluice import errors


async def commits(ledger: Ledger, transaction: Transaction) -> bool:
    """Whether the transaction was applied, rather than refused by a Conflict."""
    try:
        await ledger.commit(transaction)
    except Conflict:
        return False
    return True


async def test_checked_increments_are_never_lost(ledger: Ledger) -> None:
    """50 read-then-write increments at once, retried on Conflict, add up to 50."""

    async def increment() -> None:
        while True:
            entry = (await ledger.get("p", ["n"])).get("n")
            value = int(entry.value) + 1 if entry else 1
            checks = {"n": entry.revision if entry else ABSENT}
            if await commits(ledger, Transaction("p", checks, {"n": b"%d" % value})):
                return

    await asyncio.gather(*[increment() for _ in range(50)])

    assert b"50" == (await ledger.get("p", ["n"]))["n"].value


async def test_one_of_many_creators_wins(ledger: Ledger) -> None:
    """Of transactions that all require a key to be absent, exactly one applies."""
    outcomes = await asyncio.gather(
        *[commits(ledger, Transaction("p", {"a": ABSENT}, {"a": b"%d" % i})) for i in range(40)]
    )

    assert 1 == sum(outcomes)
    assert b"%d" % outcomes.index(True) == (await ledger.get("p", ["a"]))["a"].value


async def test_concurrent_adds_never_pass_a_ceiling(ledger: Ledger) -> None:
    """As many adds apply as fit below the ceiling, and each leaves the mark it put beside."""
    outcomes = await asyncio.gather(
        *[
            commits(ledger, Transaction("p", puts={f"k{i}": b""}, adds={"n": Add(3, ceiling=50)}))
            for i in range(40)
        ]
    )

    assert 16 == sum(outcomes)
    assert {"n": 48} == await ledger.counters("p", ["n"])
    applied = {f"k{i}" for i, outcome in enumerate(outcomes) if outcome}
    assert applied == {entry.key for entry in await ledger.scan("p", "", limit=100)}


async def test_reads_see_whole_transactions(ledger: Ledger) -> None:
    """While keys and counters are written together, no read ever shows them half written."""
    keys = [f"k{i}" for i in range(600)]
    done = False

    async def write() -> None:
        nonlocal done
        for i in range(60):
            puts = dict.fromkeys(keys, b"%d" % i)
            await ledger.commit(Transaction("p", puts=puts, adds={"up": Add(1), "down": Add(-1)}))
        done = True

    async def read() -> int:
        seen: set[int] = set()
        while not done:
            entries = await ledger.get("p", keys)
            assert 1 >= len({(entry.value, entry.revision) for entry in entries.values()})
            page = await ledger.scan("p", "", limit=600)
            assert 1 >= len({(entry.value, entry.revision) for entry in page})
            counters = await ledger.counters("p", ["up", "down"])
            assert 0 == sum(counters.values())
            seen.add(counters["up"])
        return len(seen)

    _, different = await asyncio.gather(write(), read())
    assert different > 1


async def test_cancelled_commits_leave_others_alone(ledger: Ledger) -> None:
    """A cancelled commit applies whole or not at all, and the others apply."""
    tasks = [
        asyncio.create_task(
            ledger.commit(Transaction("p", puts={f"k{i:02}": b""}, adds={"n": Add(1)}))
        )
        for i in range(60)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    await ledger.commit(Transaction("p", puts={"later": b""}, adds={"n": Add(1)}))

    assert 30 == sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    keys = {entry.key for entry in await ledger.scan("p", "", limit=100)}
    assert {f"k{i:02}" for i in range(1, 60, 2)} | {"later"} <= keys
    assert {"n": len(keys)} == await ledger.counters("p", ["n"])


async def test_everything_survives_reopening(
    ledger: Ledger, open_ledger: Callable[[], Awaitable[Ledger]]
) -> None:
    """Entries with their revisions, counters and distinct counts are there again."""
    await ledger.commit(Transaction("p", puts={"a": b"1", "b": b"1"}))
    await ledger.commit(Transaction("p", puts={"b": b"2"}, adds={"n": Add(7)}))
    await ledger.commit(Transaction("p", deletes=["a"], distinct={"ids": range(1_000)}))
    entries, distinct = (
        await ledger.scan("p", "", limit=9),
        await ledger.count_distinct("p", ["ids"]),
    )
    await ledger.close()

    reopened = await open_ledger()
    assert entries == await reopened.scan("p", "", limit=9)
    assert {"n": 7} == await reopened.counters("p", ["n"])
    assert distinct == await reopened.count_distinct("p", ["ids"])
    await reopened.close()


async def test_revisions_go_on_after_reopening(
    ledger: Ledger, open_ledger: Callable[[], Awaitable[Ledger]]
) -> None:
    """The highest revision is remembered even where its key was deleted."""
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    last = (await ledger.get("p", ["a"]))["a"].revision
    await ledger.commit(Transaction("p", deletes=["a"]))
    await ledger.close()

    reopened = await open_ledger()
    await reopened.commit(Transaction("p", puts={"a": b"1"}))
    assert last < (await reopened.get("p", ["a"]))["a"].revision
    await reopened.close()


async def test_closing_finishes_running_commits(
    ledger: Ledger, open_ledger: Callable[[], Awaitable[Ledger]]
) -> None:
    """Commits submitted before `close` are applied, acknowledged and stored."""
    tasks = [
        asyncio.create_task(ledger.commit(Transaction("p", puts={f"k{i}": b""}))) for i in range(40)
    ]
    await asyncio.sleep(0)
    await ledger.close()
    await asyncio.gather(*tasks)

    reopened = await open_ledger()
    assert 40 == len(await reopened.scan("p", "", limit=100))
    await reopened.close()


async def test_a_closed_ledger_is_unavailable(ledger: Ledger) -> None:
    """Every call after `close` is Unavailable; closing again does nothing."""
    await ledger.close()
    await ledger.close()

    for call in [
        ledger.get("p", ["a"]),
        ledger.scan("p", "", limit=1),
        ledger.counters("p", ["n"]),
        ledger.count_distinct("p", ["ids"]),
        ledger.commit(Transaction("p", puts={"a": b""})),
    ]:
        with pytest.raises(errors.Unavailable, match="closed"):
            await call
