"""A real Redis server for tests: in a folder of its own, and ended by its process id."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

DURABLE = {"appendonly": "yes", "appendfsync": "always"}
DATABASES = 4_096
START_S_MAX = 60


class RedisServer:
    """A server that can be killed and started again on what it left in its folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.settings = {
            "port": "0",
            "save": "",
            "databases": str(DATABASES),
            "daemonize": "no",
            **DURABLE,
            **{name.replace("_", "-"): value for name, value in settings.items()},
        }
        self.log = folder / "redis.log"
        self.process: subprocess.Popen[bytes]

    def url(self, database: int = 0) -> str:
        """The address of one of the databases."""
        return f"unix://{self.socket}?db={database}"

    def start(self) -> None:
        """Start the server and wait until it answers; AssertionError with its log if it ends."""
        self.launch()
        deadline = time.monotonic() + START_S_MAX
        while self.cli("PING") not in ("PONG", "NOAUTH Authentication required."):
            assert self.process.poll() is None, f"redis-server ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"redis-server is silent: {self.log.read_text()}"
            time.sleep(0.01)

    def launch(self) -> None:
        """Start the server without waiting for it."""
        options = [part for name, value in self.settings.items() for part in (f"--{name}", value)]
        with self.log.open("ab") as log:
            command = ["redis-server", "--unixsocket", str(self.socket), *options]
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)

    def cli(self, *command: str) -> str:
        """What redis-cli prints for the command."""
        call = ["redis-cli", "-s", str(self.socket), *command]
        return subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()

    def rewrite(self) -> None:
        """Make the append-only file anew, as the first ledger would, so that none has to wait."""
        self.cli("BGREWRITEAOF")
        while "aof_last_rewrite_time_sec:-1" in self.cli("INFO", "persistence"):
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut would: at once, wherever it is."""
        self.process.kill()
        self.process.wait()

    @property
    def append_only_file(self) -> Path:
        """The file that new commits go to."""
        return max((self.folder / "appendonlydir").glob("*.incr.aof"))


@contextmanager
def running(**settings: str) -> Iterator[RedisServer]:
    """A server with those settings, on a new folder that goes away with it."""
    # Not pytest's: the path of a socket may have about 100 characters.
    with TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder), **settings)
        try:
            server.start()
            yield server
        finally:
            server.kill()
