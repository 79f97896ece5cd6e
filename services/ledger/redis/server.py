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
from services.ledger.redis.request import COMMIT, OPEN, SCAN, Command
from sluice import errors

RETRY_AFTER_S: Final = 1.0
PAUSE_S: Final = 0.05
PAUSE_MAX_S: Final = 1.0

Reply = Any
"""What Redis answers, bytes for text; a ResponseError where it refused the command."""

# Redis says so before it does anything; it may pass within seconds, or on another connection.
_PASSING: Final = {"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "NOSCRIPT", "TRYAGAIN"}
_REFUSING: Final = {"MISCONF", "NOAUTH", "NOPERM", "NOREPLICAS", "READONLY", "WRONGPASS"}
_FULL: Final = "OOM"


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
            # What may be sent again, and how, is decided where its meaning is known.
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._prepare,
            protocol=2,
        )

    async def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """Send all commands in one piece, and read the reply to each.

        Raises errors.Unavailable when the connection broke or stayed silent; any number of the
        commands may then have been run. Raises errors.FailedPrecondition when the server is not
        fit for a ledger; then none was.
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
                problem = f"{error}, expected a user and password that it knows"
                raise errors.FailedPrecondition(f"{self.name}: {problem}") from error
            raise self.unavailable(error) from error
        except RedisError as error:
            raise self.refusal(error) from error

    async def ask(self, command: Command, patience_s: float) -> Reply:
        """The reply to a command that only reads, asked until it is there or patience ends.

        Raises errors.Unavailable, errors.FailedPrecondition where the server is not fit.
        """
        clock = asyncio.get_running_loop().time
        give_up_at, pause_s = clock() + patience_s, PAUSE_S
        while True:
            try:
                with _cancellation_kept():
                    [reply] = await self.exchange([command])
                if not isinstance(reply, ResponseError):
                    return reply
                problem = self.refusal(reply)
                if not may_pass(reply):
                    raise problem
            except errors.Unavailable as error:
                problem = error
            if self._closed.is_set() or clock() + pause_s > give_up_at:
                raise problem
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def close(self) -> None:
        """Close the connections; what is under way on them ends in errors.Unavailable."""
        self._closed.set()
        await self._pool.aclose()

    def unavailable(self, problem: object) -> errors.Unavailable:
        """What callers are told when the server could not be asked."""
        return errors.Unavailable(f"{self.name}: {problem}", retry_after_s=RETRY_AFTER_S)

    def refusal(self, error: RedisError) -> errors.SluiceError:
        """What callers are told when the server refused a command, all of it."""
        code = error_code(error)
        if code == _FULL:
            return errors.ResourceExhausted(
                f"{self.name}: memory is exhausted, expected maxmemory to leave room: {error}",
                retry_after_s=RETRY_AFTER_S,
            )
        if code in _PASSING | _REFUSING:
            return self.unavailable(f"{code} {error}")
        return errors.Internal(f"{self.name}: {error}")

    async def _connection(self) -> AbstractConnection:
        try:
            connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        except RedisError:
            # What failed to log in on a socket file goes back to the pool open, and would be taken
            # for prepared the next time.
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
        info = checks.parse_info(_found(text))
        self._refuse(checks.server_problems(info))
        if isinstance(settings, ResponseError):
            self._refuse([checks.settings_hidden(str(settings))])
        self._refuse(checks.setting_problems(_pairs(settings)))
        if not checks.has_rewritten_its_file(info):
            await self._rewrite_file(connection)
        replies = await _exchange(
            connection,
            [
                ("SCRIPT", "LOAD", COMMIT.source),
                ("SCRIPT", "LOAD", SCAN.source),
                ("EVAL", OPEN.source, 1, SCHEMA, checks.SCHEMA_VERSION),
            ],
        )
        *_, schema = [_found(reply) for reply in replies]
        self._refuse(checks.schema_problems(schema))

    async def _rewrite_file(self, connection: AbstractConnection) -> None:
        """Have the append-only file made anew, and nothing written before: come back later."""
        [reply] = await _exchange(connection, [("BGREWRITEAOF",)])
        if isinstance(reply, NoPermissionError):
            self._refuse([checks.rewrite_not_permitted(str(reply))])
        # Any other refusal says that it is under way already, or about to be.
        raise self.unavailable("rewrites its append-only file, as it was started a moment ago")

    def _refuse(self, problems: Sequence[str]) -> None:
        if problems:
            raise errors.FailedPrecondition(f"{self.name}: {'; '.join(problems)}")


@contextmanager
def _cancellation_kept() -> Iterator[None]:
    """Raise CancelledError where the task was cancelled meanwhile and did not hear of it.

    Before Python 3.12 `asyncio.wait_for`, by which redis-py sends, loses a cancellation that
    comes while what it waits for has just ended: a task that is cancelled once would go on.
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
    """The first word of Redis's error, by which programs know it."""
    return getattr(error, "status_code", None) or str(error).partition(" ")[0]


def may_pass(error: RedisError) -> bool:
    """Whether the same command may be welcome in a moment; the server ran nothing of it."""
    return error_code(error) in _PASSING


async def _exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Reply]:
    """See `RedisServer.exchange`; afterwards, no reply is left to be read by somebody else."""
    try:
        packed = [pack_command(command) for command in commands]  # type: ignore[arg-type]
        await connection.send_packed_command(packed, check_health=False)
        replies = [await _read(connection) for _ in commands]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    if any(isinstance(reply, ResponseError) for reply in replies):
        # After a failover or a flush of its scripts, the server is to be checked anew.
        await connection.disconnect(nowait=True)
    return replies


async def _read(connection: AbstractConnection) -> Reply:
    try:
        return await connection.read_response(disconnect_on_error=False)
    except ResponseError as error:
        return error


def _found(reply: Reply) -> Reply:
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
