"""The server of the demo: a real `sluiced` in a process of its own, ended whatever happens."""

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
    """A server that serves: where, and the key that opens everything on it."""

    address: str
    admin_key: str


@contextmanager
def running_sluiced(data_dir: Path, log: Path) -> Iterator[Server]:
    """Run `sluiced` on a free port, its data and log where told; it has ended when this is left.

    Raises RuntimeError with the log when the server does not come up.
    """
    command = [sys.executable, "-m", "services.embedded", "--port=0", f"--data-dir={data_dir}"]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # Ctrl-C shall reach the demo alone, which still has calls to end before the server.
            start_new_session=True,
        )
    try:
        address = _address(process)
        if address is None:
            raise RuntimeError(f"sluiced did not start:\n{log.read_text()}")
        yield Server(address, (data_dir / "admin.key").read_text().strip())
    finally:
        _stop(process)


def _address(process: subprocess.Popen[str]) -> str | None:
    """Where the server says that it listens; None when it ends without having said so."""
    assert process.stdout is not None
    found = (_LISTENS.search(line) for line in process.stdout)
    return next((match[1] for match in found if match), None)


def _stop(process: subprocess.Popen[str]) -> None:
    """End the process; kill it if it does not finish in time."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdout is not None
    process.stdout.close()
