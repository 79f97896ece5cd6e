"""Connections to one Redis server: bounded in number, each checked before it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from hiredis import pack_command
from redis.asyncio.connection import AbstractConnection, BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from services.ledger.redis import checks
from services.ledger.redis.keys import SCHEMA
from services.ledger.redis.request import COMMIT, EXACT, OPEN, SCAN, Command
from services.ledger.redis.retries import retry_until
from sluice import errors

RETRY_AFTER_S: Final = 1.0

Reply = Any
"""A reply of Redis, with bytes for text; a ResponseError where it rejected the command."""

# Redis answers with these before it does anything; a retry seconds later, or on another connection,
# may succeed.
_TRANSIENT: Final = {"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "NOSCRIPT", "TRYAGAIN"}
_REJECTING: Final = {"MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS", "READONLY", "WRONGPASS"}
_OUT_OF_MEMORY: Final = "OOM"


class RedisServer:
    """A bounded number of connections to the server that a URL names."""

    def __init__(
        self, url: str, *, connections_max: int, connect_timeout_s: float, reply_timeout_s: float
    ) -> None:
        self.name = f"ledger {_without_secrets(url)}"
        self._closed = asyncio.Event()
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections_max,
            timeout=reply_timeout_s,
            socket_connect_timeout=connect_timeout_s,
            socket_timeout=reply_timeout_s,
            # Whether a command may be sent again is decided by the callers, who know its meaning.
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._prepare,
            protocol=2,
        )

    async def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """Send all commands in one piece, and read the reply to each.

        Raises errors.Unavailable when the connection broke or timed out; any number of the
        commands may have run. Raises errors.FailedPrecondition when the server's settings are
        not safe for a ledger; then no command ran.
        """
        if self._closed.is_set():
            raise self.unavailable("is closed")
        try:
            connection = await self._connection()
            try:
                return await _exchange(connection, commands)
            finally:
                if self._closed.is_set():
                    await connection.disconnect(nowait=True)
                await self._pool.release(connection)
        except (RedisConnectionError, RedisTimeoutError, OSError) as error:
            if isinstance(error.__cause__ or error, AuthenticationError):
                problem = f"{error}, expected a valid user and password"
                raise errors.FailedPrecondition(f"{self.name}: {problem}") from error
            raise self.unavailable(error) from error
        except RedisError as error:
            raise self.to_error(error) from error

    async def query(self, command: Command, patience_s: float) -> Reply:
        """The reply to a command that only reads, retried for `patience_s`.

        Raises errors.Unavailable when the server stays unavailable for that long, and
        errors.FailedPrecondition when its settings are not safe for a ledger.
        """
        async for attempt in retry_until(patience_s, on=self._is_worth_a_retry):
            with attempt:
                return await self._query_once(command)
        raise AssertionError("the last attempt returns or raises")

    async def close(self) -> None:
        """Close the connections; running calls on them raise errors.Unavailable."""
        self._closed.set()
        await self._pool.aclose()

    def unavailable(self, problem: object) -> errors.Unavailable:
        """The error for a server that could not be reached or cannot answer now."""
        return errors.Unavailable(f"{self.name}: {problem}", retry_after_s=RETRY_AFTER_S)

    def to_error(self, error: RedisError) -> errors.SluiceError:
        """The error for a command that the server rejected; nothing of it was applied."""
        code = error_code(error)
        if code == _OUT_OF_MEMORY:
            return errors.ResourceExhausted(
                f"{self.name}: memory is exhausted, expected maxmemory to leave room: {error}",
                retry_after_s=RETRY_AFTER_S,
            )
        if code in _TRANSIENT | _REJECTING:
            return self.unavailable(f"{code} {error}")
        return errors.Internal(f"{self.name}: {error}")

    async def _query_once(self, command: Command) -> Reply:
        with _keep_cancellation():
            [reply] = await self.exchange([command])
        if isinstance(reply, ResponseError):
            raise self.to_error(reply)
        return reply

    def _is_worth_a_retry(self, error: Exception) -> bool:
        return isinstance(error, errors.Unavailable) and not self._closed.is_set()

    async def _connection(self) -> AbstractConnection:
        try:
            connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        except RedisError:
            # redis-py returns a Unix socket that failed to log in to the pool still open, and would
            # take it for a prepared connection the next time.
            await self._pool.disconnect(inuse_connections=False)
            raise
        return connection

    async def _prepare(self, connection: AbstractConnection) -> None:
        """Log in, check the server, load the scripts."""
        try:
            await connection.on_connect()
            await self._check(connection)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise

    async def _check(self, connection: AbstractConnection) -> None:
        text, settings = await _exchange(connection, [("INFO",), checks.READ_SETTINGS])
        info = checks.parse_info(_raise_error(text))
        self._require_none(checks.server_problems(info))
        if isinstance(settings, ResponseError):
            self._require_none([checks.hidden_settings_problem(str(settings))])
        self._require_none(checks.setting_problems(_pairs(settings)))
        if not checks.has_rewritten_aof(info):
            await self._rewrite_file(connection)
        replies = await _exchange(
            connection,
            [
                ("SCRIPT", "LOAD", COMMIT.source),
                ("SCRIPT", "LOAD", SCAN.source),
                ("SCRIPT", "LOAD", EXACT.source),
                ("EVAL", OPEN.source, 1, SCHEMA, checks.SCHEMA_VERSION),
            ],
        )
        *_, schema = [_raise_error(reply) for reply in replies]
        self._require_none(checks.schema_problems(schema))

    async def _rewrite_file(self, connection: AbstractConnection) -> None:
        """Start a rewrite of the append-only file; raises errors.Unavailable until it is done."""
        [reply] = await _exchange(connection, [("BGREWRITEAOF",)])
        if isinstance(reply, NoPermissionError):
            self._require_none([checks.rewrite_problem(str(reply))])
        # Any other error reply means that a rewrite is running or scheduled already.
        raise self.unavailable("is rewriting its append-only file after its start; try again")

    def _require_none(self, problems: Sequence[str]) -> None:
        if problems:
            raise errors.FailedPrecondition(f"{self.name}: {'; '.join(problems)}")


@contextmanager
def _keep_cancellation() -> Iterator[None]:
    """Raise CancelledError if the task was cancelled inside the block and the block swallowed it.

    Before Python 3.12 `asyncio.wait_for`, which redis-py sends with, loses a cancellation that
    arrives just as the awaited call ends: a task that is cancelled once would go on.
    """
    task = asyncio.current_task()
    assert task is not None
    cancelled_before = task.cancelling()
    try:
        yield
    finally:
        if task.cancelling() > cancelled_before:
            raise asyncio.CancelledError


def error_code(error: RedisError) -> str:
    """The error code of Redis: the first word of its message."""
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]


def is_transient(error: RedisError) -> bool:
    """Whether a retry of the command may succeed soon; the server ran nothing of it."""
    return error_code(error) in _TRANSIENT


async def _exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Reply]:
    """See `RedisServer.exchange`; no reply stays unread on a connection that is used again."""
    try:
        packed = [pack_command(command) for command in commands]  # type: ignore[arg-type]
        await connection.send_packed_command(packed, check_health=False)
        replies = [await _read(connection) for _ in commands]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    if any(isinstance(reply, ResponseError) for reply in replies):
        # After a failover or SCRIPT FLUSH, the server must be checked and get its scripts again.
        await connection.disconnect(nowait=True)
    return replies


async def _read(connection: AbstractConnection) -> Reply:
    try:
        return await connection.read_response(disconnect_on_error=False)
    except ResponseError as error:
        return error


def _raise_error(reply: Reply) -> Reply:
    if isinstance(reply, ResponseError):
        raise reply
    return reply


def _pairs(flat: Sequence[bytes]) -> dict[str, str]:
    texts = [part.decode() for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _without_secrets(url: str) -> str:
    """The address without user, password and options, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
