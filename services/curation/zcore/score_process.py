"""ZCore scores in a process of their own: they take minutes, and end with who waits for them."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple, dataclass
from typing import Final

import numpy as np
import structlog
from numpy.typing import NDArray

from services.curation.selection.zcore import DRAWS, NEIGHBOURS, zcore_scores
from sluice.errors import Unavailable

HERE_MAX: Final = 10_000
"""Up to so many rows and draws, scores take less than a process takes to start."""

_PIECE_BYTES: Final = 1 << 20
_SAID_BYTES: Final = 2_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ZcoreSettings:
    """How scores are computed; the same rows and settings give the same scores."""

    seed: int = 0
    draws: int = DRAWS
    neighbours: int = NEIGHBOURS


async def compute_scores(rows: NDArray[np.float32], wanted: ZcoreSettings) -> NDArray[np.float64]:
    """The ZCore scores of rows `(rows, components)`: `(rows,)` in 0 … 1.

    What takes long is done by another process, which is ended when the caller is cancelled, and
    itself ends when this one does. Raises Unavailable when it ended before it was done.
    """
    if max(len(rows), wanted.draws) > HERE_MAX:
        return await _apart(rows, wanted)
    return await asyncio.to_thread(
        zcore_scores, rows, seed=wanted.seed, draws=wanted.draws, neighbours=wanted.neighbours
    )


async def _apart(rows: NDArray[np.float32], wanted: ZcoreSettings) -> NDArray[np.float64]:
    async with _started(*rows.shape, *astuple(wanted)) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        with suppress(ConnectionError):  # it has ended, and says why
            await _send(process.stdin, rows)
        # Its input stays open meanwhile: that it ends tells it that nobody waits any more.
        found, said = await asyncio.gather(process.stdout.read(), process.stderr.read())
        status = await process.wait()
    if status:
        last = said[-_SAID_BYTES:].decode(errors="replace")
        log.warning("zcore.failed", status=status, said=last)
        raise Unavailable(f"the process that computes ZCore scores ended with {status}")
    return np.frombuffer(found, np.float64)


@asynccontextmanager
async def _started(*arguments: int) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.curation.zcore", *map(str, arguments)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _send(to: asyncio.StreamWriter, rows: NDArray[np.float32]) -> None:
    """Write all rows, never more of them at a time than a piece."""
    content = np.ascontiguousarray(rows).data.cast("B")
    for start in range(0, len(content), _PIECE_BYTES):
        to.write(content[start : start + _PIECE_BYTES])
        await to.drain()
