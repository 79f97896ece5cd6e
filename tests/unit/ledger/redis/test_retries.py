"""Retries of calls to Redis."""

from __future__ import annotations

import asyncio
import logging

import pytest
import structlog

from services.ledger.redis import retries
from services.ledger.redis.retries import retry_until
from sluice.errors import NotFound, Unavailable


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, none of which is really made."""
    recorded: list[float] = []

    async def record(pause_s: float) -> None:
        recorded.append(pause_s)

    monkeypatch.setattr(asyncio, "sleep", record)
    return recorded


async def fail_times(count: int, error: Exception) -> int:
    """Fail that often, then succeed; returns the number of attempts."""
    attempts = 0
    async for attempt in retry_until(60, on=Unavailable):
        with attempt:
            attempts += 1
            if attempts <= count:
                raise error
    return attempts


async def test_pauses_grow_with_jitter_up_to_a_maximum(pauses: list[float]) -> None:
    """Each pause is the doubled one plus a random part, which differs between processes."""
    assert 9 == await fail_times(8, Unavailable("away"))

    lower = [min(retries.PAUSE_MAX_S, retries.PAUSE_S * 2**number) for number in range(8)]
    assert all(
        least <= pause <= min(retries.PAUSE_MAX_S, least + retries.JITTER_S)
        for least, pause in zip(lower, pauses, strict=True)
    )
    assert lower[:4] != pauses[:4]


async def test_other_errors_are_not_retried(pauses: list[float]) -> None:
    """An error that a retry cannot change is raised at once."""
    with pytest.raises(NotFound):
        await fail_times(1, NotFound("gone"))
    assert [] == pauses


@pytest.mark.parametrize("timeout_s", [0, 1e-9])
async def test_without_time_there_is_one_attempt(timeout_s: float) -> None:
    """The last error is raised when the deadline is over."""
    attempts = 0
    with pytest.raises(Unavailable, match="away"):  # noqa: PT012 - the loop is what raises
        async for attempt in retry_until(timeout_s, on=Unavailable):
            with attempt:
                attempts += 1
                raise Unavailable("away")
    assert 1 == attempts


async def test_retries_are_not_logged_by_the_library(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """Arguments of a call, keys among them, never get into a log record through stamina."""
    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG):
        await fail_times(3, Unavailable("away"))

    assert [] == logs
    assert [] == caplog.records
    assert 3 == len(pauses)
