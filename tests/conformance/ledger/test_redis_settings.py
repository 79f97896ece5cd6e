"""Which Redis servers are refused, and that the refusal says what to change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process import free_port
from services.ledger.interface import Transaction
from services.ledger.redis import checks
from services.ledger.redis.ledger import RedisLedger
from sluice import errors
from tests.redis_server import RedisServer, running


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A server whose settings a test may change, and changes back."""
    with running() as started:
        yield started


async def refused(url: str) -> str:
    """Why the server is refused."""
    with pytest.raises(errors.FailedPrecondition) as refusal:
        await RedisLedger.open(url)
    return refusal.value.message


async def test_a_durable_server_is_accepted(server: RedisServer) -> None:
    """What the refusals ask for is enough."""
    ledger = await RedisLedger.open(server.url())
    await ledger.commit(Transaction("p", puts={"a": b"1"}))

    assert ["a"] == list(await ledger.get("p", ["a"]))
    await ledger.close()


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("appendonly", "no", "yes"),
        ("appendfsync", "everysec", "always"),
        ("appendfsync", "no", "always"),
        ("no-appendfsync-on-rewrite", "yes", "no"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
async def test_a_setting_that_loses_commits_is_refused(
    setting: str, value: str, expected: str
) -> None:
    """The error names that setting, its value, and the line for redis.conf; no other setting."""
    with running(**{setting: value}) as server:
        problem = await refused(server.url())

    assert f"ledger unix://{server.socket}: {setting} is {value}, expected {expected}: " in problem
    assert f'"CONFIG SET {setting} {expected}"' in problem
    assert 1 == problem.count("expected")


async def test_all_settings_are_named_at_once(server: RedisServer) -> None:
    """Whoever sets up a server learns everything in one go."""
    server.cli("CONFIG", "SET", "appendfsync", "no", "maxmemory-policy", "allkeys-lru")
    try:
        problem = await refused(server.url())
    finally:
        server.cli("CONFIG", "SET", "appendfsync", "always", "maxmemory-policy", "noeviction")

    assert "appendfsync is no" in problem
    assert "maxmemory-policy is allkeys-lru" in problem


async def test_what_was_refused_can_be_opened_once_it_is_set_right(server: RedisServer) -> None:
    """The settings are read anew by every `open`."""
    server.cli("CONFIG", "SET", "appendfsync", "everysec")
    await refused(server.url())
    server.cli("CONFIG", "SET", "appendfsync", "always")

    ledger = await RedisLedger.open(server.url())
    await ledger.close()


async def test_settings_that_may_not_be_read_are_refused(server: RedisServer) -> None:
    """A user without CONFIG is told which right is missing; the password is told to nobody."""
    server.cli("ACL", "SETUSER", "app", "on", ">hidden-word", "~*", "+@all", "-config")
    problem = await refused(f"unix://app:hidden-word@{server.socket}")

    assert "expected that CONFIG GET is permitted (ACL: +config|get)" in problem
    assert "hidden-word" not in problem


@pytest.mark.parametrize("user", ["nobody:hidden-word@", ""])
async def test_a_wrong_password_is_refused(user: str) -> None:
    """It stays wrong however long one waits; neither user nor password is in the error."""
    with running(requirepass="right-word") as server:
        problem = await refused(f"unix://{user}{server.socket}")

    assert "expected a valid user and password" in problem
    assert "hidden-word" not in problem


async def test_an_address_of_another_kind_is_a_mistake() -> None:
    """Only what Redis is reached by is an address."""
    with pytest.raises(ValueError, match="redis://"):
        await RedisLedger.open("postgres://host/name")


async def test_a_newer_schema_is_refused(server: RedisServer) -> None:
    """What a later Sluice wrote is left as it is, and the error names both versions."""
    server.cli("-n", "9", "SET", "sluice:schema", "7")

    assert "has schema version 7, this Sluice supports 1" in await refused(server.url(9))
    assert "7" == server.cli("-n", "9", "GET", "sluice:schema")


async def test_a_replica_is_refused(server: RedisServer) -> None:
    """Only a primary takes writes."""
    server.cli("REPLICAOF", "127.0.0.1", "1")
    try:
        problem = await refused(server.url())
    finally:
        server.cli("REPLICAOF", "NO", "ONE")

    assert "role is slave, expected master" in problem


async def test_a_server_of_a_redis_cluster_is_refused() -> None:
    """It would send keys elsewhere, and nobody follows."""
    ports = {"port": str(free_port()), "cluster_port": str(free_port())}
    with running(cluster_enabled="yes", databases="1", **ports) as server:
        assert "cluster_enabled is 1, expected a single primary" in await refused(server.url())


async def test_a_file_that_is_not_complete_is_waited_for() -> None:
    """Commits that follow `CONFIG SET appendonly yes` are lost until its first file is whole."""
    with running(appendonly="no", rdb_key_save_delay="200000") as server:
        for key in range(100):
            server.cli("SET", f"k{key}", "")
        server.cli("CONFIG", "SET", "appendonly", "yes")
        with pytest.raises(errors.Unavailable, match="is rewriting its append-only file"):
            await RedisLedger.open(server.url(), patience_s=0.2)


@pytest.mark.parametrize(
    ("seconds", "status", "expected"),
    [("-1", "ok", False), ("0", "err", False), ("0", "ok", True), ("12", "ok", True)],
)
def test_only_a_rewrite_that_succeeded_counts(seconds: str, status: str, expected: bool) -> None:
    """Neither none since the start (-1 seconds), nor one that failed, made the file anew."""
    info = {"aof_last_rewrite_time_sec": seconds, "aof_last_bgrewrite_status": status}

    assert expected == checks.has_rewritten_aof(info)


async def test_a_user_who_may_not_rewrite_the_file_is_refused() -> None:
    """After a start, the file has to be made anew before it is written to."""
    with running() as server:
        server.cli("ACL", "SETUSER", "app", "on", ">word", "~*", "+@all", "-bgrewriteaof")
        problem = await refused(f"unix://app:word@{server.socket}")

    assert "expected that BGREWRITEAOF is permitted (ACL: +bgrewriteaof)" in problem


async def test_nothing_is_written_before_the_file_is_made_anew() -> None:
    """A ledger that gave up waiting for that has written nothing."""
    with running(rdb_key_save_delay="2000000") as server:
        server.cli("SET", "k", "")
        with pytest.raises(errors.Unavailable):
            await RedisLedger.open(server.url(), patience_s=0.2)

        assert "k" == server.cli("KEYS", "*")


@pytest.mark.parametrize(
    ("version", "accepted"), [("6.2.14", False), ("7.0.0", True), ("8.2.1", True)]
)
def test_versions_before_7_are_refused(version: str, accepted: bool) -> None:
    """They know no EVALSHA_RO, and may refuse a script half way when memory runs out."""
    problems = checks.server_problems({"redis_version": version, "role": "master"})
    expected = [] if accepted else [f"redis_version is {version}, expected 7.0 or newer"]

    assert expected == problems


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    """Services may start before their server: `open` waits for it, and no longer than it may."""
    with pytest.raises(errors.Unavailable, match=r"redis\.sock"):
        await RedisLedger.open(f"unix://{tmp_path}/redis.sock", patience_s=0.2)


async def test_a_server_that_starts_later_is_waited_for() -> None:
    """`open` succeeds once the server is up, within its patience."""
    with running() as server:
        server.kill()
        opening = asyncio.create_task(RedisLedger.open(server.url(), patience_s=60))
        await asyncio.sleep(0)
        await asyncio.to_thread(server.start)

        await (await opening).close()


async def test_settings_are_checked_on_every_connection(server: RedisServer) -> None:
    """A server that came back with other settings gets no commit; one set right gets them again."""
    server.rewrite()
    ledger = await RedisLedger.open(server.url(3), patience_s=0.2)
    server.cli("CONFIG", "SET", "appendfsync", "everysec")
    try:
        with pytest.raises(errors.Unavailable, match="appendfsync is everysec, expected always"):
            await ledger.commit(Transaction("p", puts={"a": b"1"}))
    finally:
        server.cli("CONFIG", "SET", "appendfsync", "always")

    assert {} == await ledger.get("p", ["a"])
    await ledger.commit(Transaction("p", puts={"a": b"1"}))
    await ledger.close()
