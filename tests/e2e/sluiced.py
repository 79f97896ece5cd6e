"""A real `sluiced` in a process of its own, that a test may kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SLUICED = ("-m", "services.embedded")
STOP_TIMEOUT_S = 20


class Sluiced:
    """The process, its data in a folder, its port the same at every start."""

    def __init__(self, folder: Path, program: Sequence[str] = SLUICED) -> None:
        self._program = program
        self._data = folder / "data"
        self._log = folder / "sluiced.log"
        self._process: subprocess.Popen[str] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    @property
    def target(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"

    @property
    def admin_key(self) -> str:
        """The key that opens everything."""
        return (self._data / "admin.key").read_text().strip()

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    @property
    def data(self) -> Path:
        """Where its data lies."""
        return self._data

    def start(self) -> None:
        """Start it, and wait until it serves."""
        command = [sys.executable, *self._program]
        arguments = [f"--port={self.port}", f"--data-dir={self._data}"]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [*command, *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "SLUICE_LOG_FORMAT": "json"},
            )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if "listens on" in line:
                return
        raise AssertionError(f"sluiced did not start:\n{self._log.read_text()}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator would."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(how)
        process.wait(STOP_TIMEOUT_S)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def running(folder: Path, program: Sequence[str] = SLUICED) -> Iterator[Sluiced]:
    """A server with its data in a new folder, stopped at the end."""
    folder.mkdir()
    server = Sluiced(folder, program)
    server.start()
    try:
        yield server
    finally:
        server.stop()
