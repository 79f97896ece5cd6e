"""ZCore scores, computed in a child process: they take minutes, and can be cancelled."""

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

IN_PROCESS_MAX: Final = 10_000
"""Up to this number of rows and draws, scores take less time than starting a process."""

_CHUNK_BYTES: Final = 1 << 20
_ERROR_BYTES_MAX: Final = 2_000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ZcoreSettings:
    """The settings of scores; the same rows and settings give the same scores."""

    seed: int = 0
    draws: int = DRAWS
    neighbours: int = NEIGHBOURS


async def compute_scores(rows: NDArray[np.float32], settings: ZcoreSettings) -> NDArray[np.float64]:
    """The ZCore scores of rows `(rows, components)`: `(rows,)` in 0 … 1.

    Large inputs are scored in a child process, which is killed when the caller is cancelled and
    exits when this process does. Raises Unavailable if it exits early.
    """
    if max(len(rows), settings.draws) > IN_PROCESS_MAX:
        return await _compute_in_child(rows, settings)
    return await asyncio.to_thread(
        zcore_scores, rows, seed=settings.seed, draws=settings.draws, neighbours=settings.neighbours
    )


async def _compute_in_child(
    rows: NDArray[np.float32], settings: ZcoreSettings
) -> NDArray[np.float64]:
    async with _start_process(*rows.shape, *astuple(settings)) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        with suppress(ConnectionError):  # it has exited; its stderr says why
            await _send(process.stdin, rows)
        # Its input stays open: the process exits as soon as it is closed.
        scores, errors = await asyncio.gather(process.stdout.read(), process.stderr.read())
        status = await process.wait()
    if status:
        error = errors[-_ERROR_BYTES_MAX:].decode(errors="replace")
        log.warning("zcore.failed", status=status, said=error)
        raise Unavailable(f"the process that computes ZCore scores ended with {status}")
    return np.frombuffer(scores, np.float64)


@asynccontextmanager
async def _start_process(*arguments: int) -> AsyncIterator[Process]:
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


async def _send(stream: asyncio.StreamWriter, rows: NDArray[np.float32]) -> None:
    """Write all rows in chunks, to bound the stream's buffer."""
    content = np.ascontiguousarray(rows).data.cast("B")
    for start in range(0, len(content), _CHUNK_BYTES):
        stream.write(content[start : start + _CHUNK_BYTES])
        await stream.drain()
