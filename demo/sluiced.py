"""The server of the demo: a real `sluiced` in a process of its own, ended whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Server:
    """A server that serves: where, and the key that opens everything on it."""

    address: str
    admin_key: str


@contextmanager
def running_sluiced(data_dir: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Start `sluiced` on a free port, its data and log where told; it has ended on leaving.

    Ctrl-C reaches only the demo, which then ends the server by its process id.
    """
    environment = os.environ | {
        "SLUICE_PORT": "0",
        "SLUICE_DATA_DIR": str(data_dir),
    }
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.embedded"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
