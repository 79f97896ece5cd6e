"""A commit ends with its true outcome even if its reply is lost or late."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from services.ledger.interface import ABSENT, Add, Conflict, Transaction
from services.ledger.redis.ledger import RedisLedger
from sluice import errors
from tests.redis_proxy import RedisProxy, proxied
from tests.redis_server import RedisServer, running


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server of the test's own."""
    with running() as started:
        yield started


@pytest.fixture
async def proxy(server: RedisServer) -> AsyncIterator[RedisProxy]:
    """What the ledger under test connects through."""
    async with proxied(server.socket) as started:
        yield started


@pytest.fixture
async def ledger(proxy: RedisProxy) -> AsyncIterator[RedisLedger]:
    """The ledger under test, which soon loses patience with a single reply."""
    opened = await RedisLedger.open(proxy.url, reply_timeout_s=0.5, patience_s=30)
    yield opened
    await opened.close()


@pytest.fixture
async def other(server: RedisServer) -> AsyncIterator[RedisLedger]:
    """Another process's ledger, whose connection nobody disturbs."""
    opened = await RedisLedger.open(server.url())
    yield opened
    await opened.close()


def create(key: str) -> Transaction:
    """Put a key that must be absent, and count it."""
    return Transaction("p", {key: ABSENT}, {key: b""}, adds={"n": Add(1)}, distinct={"ids": [1]})


async def outcome(ledger: RedisLedger, transaction: Transaction) -> str:
    """How the commit ended: "applied", or the name of its error."""
    try:
        await ledger.commit(transaction)
    except (Conflict, errors.SluiceError) as error:
        return type(error).__name__
    return "applied"


async def state(ledger: RedisLedger) -> tuple[list[str], int]:
    """The keys and the count beside them."""
    keys = [entry.key for entry in await ledger.scan("p", "", limit=1_000)]
    return keys, (await ledger.counters("p", ["n"]))["n"]


async def test_an_applied_commit_is_no_conflict_with_itself(
    proxy: RedisProxy, ledger: RedisLedger
) -> None:
    """Sent again after its reply was lost, it is neither applied twice nor refused."""
    await ledger.commit(create("before"))
    proxy.replies_to_lose = 1

    assert "applied" == await outcome(ledger, create("a"))
    assert (["a", "before"], 2) == await state(ledger)
    assert 0 == proxy.replies_to_lose


async def test_replies_may_be_lost_again_and_again(proxy: RedisProxy, ledger: RedisLedger) -> None:
    """Each sending finds what the first one did."""
    proxy.replies_to_lose = 4

    assert "applied" == await outcome(ledger, create("a"))
    assert (["a"], 1) == await state(ledger)


async def test_a_conflict_whose_reply_is_lost_is_a_conflict(
    proxy: RedisProxy, ledger: RedisLedger
) -> None:
    """The same is found when it is sent again."""
    await ledger.commit(create("a"))
    proxy.replies_to_lose = 2

    assert "Conflict" == await outcome(ledger, create("a"))
    assert (["a"], 1) == await state(ledger)


async def test_each_of_a_group_learns_its_own_outcome(
    proxy: RedisProxy, ledger: RedisLedger
) -> None:
    """Forty commits, sent together and cut off: those that repeat a key conflict, others apply."""
    await ledger.commit(create("before"))
    proxy.replies_to_lose = 3

    outcomes = await asyncio.gather(*[outcome(ledger, create(f"k{i % 30:02}")) for i in range(40)])
    assert ["applied"] * 30 + ["Conflict"] * 10 == outcomes
    assert (["before", *[f"k{i:02}" for i in range(30)]], 31) == await state(ledger)


async def test_a_commit_that_comes_late_is_not_applied_twice(
    proxy: RedisProxy, ledger: RedisLedger
) -> None:
    """The second sending overtakes the first, which then finds itself applied."""
    await ledger.commit(create("before"))
    proxy.commits_to_hold = 1
    unchecked = Transaction("p", puts={"a": b""}, adds={"n": Add(1)})

    assert "applied" == await outcome(ledger, unchecked)
    await ledger.commit(Transaction("p", deletes=["a"]))
    await proxy.release()
    assert 1 == proxy.held
    assert (["before"], 2) == await state(ledger)


async def test_a_commit_that_was_refused_is_not_applied_later(
    proxy: RedisProxy, ledger: RedisLedger, other: RedisLedger
) -> None:
    """The second sending meets a conflict; when the first arrives, nothing conflicts any more."""
    await ledger.commit(create("before"))
    await other.commit(Transaction("p", puts={"a": b""}))
    proxy.commits_to_hold = 1

    assert "Conflict" == await outcome(ledger, create("a"))
    await other.commit(Transaction("p", deletes=["a"]))
    await proxy.release()
    assert 1 == proxy.held
    assert (["before"], 1) == await state(ledger)


async def test_a_late_commit_stays_stopped_after_its_place_was_taken(
    proxy: RedisProxy, ledger: RedisLedger
) -> None:
    """The ring remembers 128 outcomes; one older than that in its slot is stopped too."""
    await ledger.commit(create("before"))
    proxy.commits_to_hold = 1
    await ledger.commit(Transaction("p", puts={"a": b""}, adds={"n": Add(1)}))
    for _ in range(130):
        await ledger.commit(Transaction("p", adds={"others": Add(1)}))
    await ledger.commit(Transaction("p", deletes=["a"]))

    await proxy.release()
    assert (["before"], 2) == await state(ledger)
    assert {"others": 130} == await ledger.counters("p", ["others"])


async def test_a_server_that_stays_silent_is_unavailable(
    server: RedisServer, other: RedisLedger
) -> None:
    """Reads and commits give up when patience ends; once it answers, all goes on."""
    hasty = await RedisLedger.open(server.url(), reply_timeout_s=0.1, patience_s=0.3)
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        assert "Unavailable" == await outcome(hasty, create("a"))
        with pytest.raises(errors.Unavailable):
            await hasty.get("p", ["a"])
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    # Whether it was applied is not known; that it was not applied twice is.
    keys, count = await state(other)
    assert len(keys) == count

    assert "applied" == await outcome(hasty, create("b"))
    await hasty.close()


async def test_closing_waits_for_a_commit_that_is_sent_again(
    proxy: RedisProxy, ledger: RedisLedger, other: RedisLedger
) -> None:
    """`close` ends when the outcome is known, not when the connection is cut."""
    proxy.replies_to_lose = 2
    commit = asyncio.create_task(ledger.commit(create("a")))
    await asyncio.sleep(0)
    await ledger.close()

    await commit
    assert (["a"], 1) == await state(other)


async def test_a_read_is_asked_again(server: RedisServer, ledger: RedisLedger) -> None:
    """A connection that is closed under a ledger costs its callers nothing."""
    await ledger.commit(create("a"))
    server.cli("CLIENT", "KILL", "TYPE", "normal")

    assert ["a"] == list(await ledger.get("p", ["a"]))
