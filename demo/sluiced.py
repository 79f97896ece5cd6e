"""The server of the demo: a real `sluiced` in a process of its own, stopped in any case."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOP_TIMEOUT_S = 20

_LISTENS = re.compile(r"sluiced listens on (\S+);")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its address and admin key."""

    address: str
    admin_key: str


@contextmanager
def running_sluiced(data_dir: Path, log: Path) -> Iterator[Server]:
    """Run `sluiced` on a free port with this data folder and log; stop it at the end.

    Raises RuntimeError with the log if the server does not start.
    """
    command = [sys.executable, "-m", "services.embedded", "--port=0", f"--data-dir={data_dir}"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # Ctrl-C must reach only the demo, which ends its calls before it stops the server.
            start_new_session=True,
        )
    try:
        address = _read_address(process)
        if address is None:
            raise RuntimeError(f"sluiced did not start:\n{log.read_text()}")
        yield Server(address, (data_dir / "admin.key").read_text().strip())
    finally:
        _stop(process)


def _read_address(process: subprocess.Popen[str]) -> str | None:
    """The address that the server prints; None if the server ends first."""
    assert process.stdout is not None
    matches = (_LISTENS.search(line) for line in process.stdout)
    return next((match[1] for match in matches if match), None)


def _stop(process: subprocess.Popen[str]) -> None:
    """Terminate the process; kill it after a timeout."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()
