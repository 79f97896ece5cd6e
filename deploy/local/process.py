"""A server process that can be stopped or killed, and started again."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

STOP_TIMEOUT_S: Final = 30
PORTS: Final = (10_000, 32_000)
"""Range below the ports that Linux assigns to outgoing connections."""


class LocalProcess:
    """A command that prints a line with `ready` when it is ready; stderr goes to a log."""

    def __init__(
        self, name: str, command: Sequence[str], *, ready: str, log: Path, env: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._ready = ready
        self._env = env
        self._process: subprocess.Popen[str] | None = None
        self._drains = False

    def variant(self, command: Sequence[str], env: Mapping[str, str]) -> LocalProcess:
        """The same process with another command and additional environment variables."""
        env = {**self._env, **env}
        return LocalProcess(self.name, command, ready=self._ready, log=self.log, env=env)

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id; it must have been started."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.pid

    def launch(self) -> None:
        """Start it, without waiting for it."""
        self._drains = False
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_inherited() | dict(self._env),
                process_group=0,  # Ctrl-C goes to the parent, which calls `stop`
            )

    def wait(self) -> str:
        """Wait for the ready line and return it; RuntimeError with the log if it ends before."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if self._ready in line:
                self._drains = True
                threading.Thread(target=_drain, args=(self._process.stdout,), daemon=True).start()
                return line
        self._process.stdout.close()
        self._process.wait()
        raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()[-2_000:]}")

    def start(self) -> str:
        """Start it and wait for its ready line."""
        self.launch()
        return self.wait()

    def wait_until_ended(self, timeout_s: float) -> int:
        """Wait until it ends by itself; returns its exit status, negative for a signal."""
        assert self._process is not None, f"{self.name} is not running"
        return self._process.wait(timeout_s)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it with SIGKILL, as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """Stop it with SIGTERM; returns its exit status, None when it was not running."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int | None:
        if self._process is None:
            return None
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            return process.wait(STOP_TIMEOUT_S)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None and not self._drains:
                process.stdout.close()


def free_port() -> int:
    """A port without a listener, outside the range of outgoing connections."""
    while True:
        port = random.randrange(*PORTS)  # noqa: S311 - not a secret
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


def _drain(stream: IO[str]) -> None:
    """Read to the end: a full pipe would block the process."""
    with stream:
        for _ in stream:
            pass


def _inherited() -> dict[str, str]:
    """The environment without SLUICE_ variables: a process has only the settings it is given."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
