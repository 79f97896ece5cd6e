"""A real `sluiced` in a process of its own, which a test can kill and start again."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from deploy.local.process import LocalProcess, free_port

SLUICED = ("-m", "services.embedded")


class Server(Protocol):
    """All services, in any deployment form."""

    @property
    def target(self) -> str:
        """The address of the API."""

    @property
    def admin_key(self) -> str:
        """The admin's API key."""

    def start(self) -> None:
        """Start stopped processes, and wait until they serve."""

    def kill(self) -> None:
        """Kill it, as a power cut would."""

    def stop(self) -> None:
        """Stop it, as an operator would."""


class Sluiced:
    """The process; its data folder and port stay the same at every start."""

    def __init__(
        self, folder: Path, program: Sequence[str] = SLUICED, python: str = sys.executable
    ) -> None:
        port = free_port()
        self.target = f"127.0.0.1:{port}"
        self.data = folder / "data"
        command = [python, *program, f"--port={port}", f"--data-dir={self.data}"]
        log = folder / "sluiced.log"
        env = {"SLUICE_LOG_FORMAT": "json"}
        self._process = LocalProcess("sluiced", command, ready="listens on", log=log, env=env)

    @property
    def admin_key(self) -> str:
        """The admin's API key."""
        return (self.data / "admin.key").read_text().strip()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self._process.start()

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self._process.kill()

    def stop(self) -> None:
        """Stop it, as an operator would."""
        self._process.stop()


@contextmanager
def running(
    folder: Path, program: Sequence[str] = SLUICED, python: str = sys.executable
) -> Iterator[Sluiced]:
    """A server with its data in a new folder, stopped at the end."""
    folder.mkdir()
    server = Sluiced(folder, program, python)
    server.start()
    try:
        yield server
    finally:
        server.stop()
