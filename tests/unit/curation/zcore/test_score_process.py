"""Scores from another process: the same ones, and that process never outlives who waits."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from services.curation.selection.zcore import zcore_scores
from services.curation.zcore import score_process
from services.curation.zcore.score_process import ZcoreSettings, compute_scores
from sluice.errors import Unavailable
from tests.unit.curation.zcore.children import PATIENCE_S, begun_since, children

PROGRAM = [sys.executable, "-m", "services.curation.zcore"]


def rows(count: int = 200) -> NDArray[np.float32]:
    """Rows of five columns."""
    return np.random.default_rng(0).standard_normal((count, 5), dtype=np.float32)


async def test_another_process_finds_the_same_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores are the same to the last bit, whoever computes them."""
    wanted = ZcoreSettings(seed=2**64 - 1, draws=300, neighbours=7)
    expected = zcore_scores(rows(), seed=2**64 - 1, draws=300, neighbours=7)
    monkeypatch.setattr(score_process, "_CHUNK_BYTES", 100)
    harness = await compute_scores(rows(), wanted)
    monkeypatch.setattr(score_process, "IN_PROCESS_MAX", 0)
    there = await compute_scores(rows(), wanted)

    assert expected.tolist() == harness.tolist() == there.tolist()


async def test_it_ends_with_who_waits() -> None:
    """A caller that is cancelled leaves no process behind."""
    before = children()
    waiting = asyncio.ensure_future(compute_scores(rows(20_000), ZcoreSettings()))
    await begun_since(before)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert before == children()


async def test_that_it_was_ended_is_said() -> None:
    """A process that something ends too early gives no answer, and the call may be repeated."""
    before = children()
    waiting = asyncio.ensure_future(compute_scores(rows(20_000), ZcoreSettings()))
    [begun] = await begun_since(before)
    os.kill(begun, signal.SIGKILL)

    with pytest.raises(Unavailable, match="ended with -9"):
        await waiting


def test_it_ends_with_its_input() -> None:
    """A server that is killed leaves no process computing for nobody."""
    given = rows(20_000)
    arguments = map(str, (*given.shape, 0, 1_000_000, 1_000))
    with subprocess.Popen([*PROGRAM, *arguments], stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(given.tobytes())
        process.stdin.close()
        try:
            assert 2 == process.wait(PATIENCE_S)
        finally:
            process.kill()
